"""The component `fusion_network`: joined in time, answered by the network, through a worker."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sensorium import Audio, Image, Session, Text, VirtualClock, load_plugins
from sensorium.errors import SettingsError
from sensorium.events import NS_PER_MS
from sensorium.payloads import Classes, Detections, Embedding
from sensorium.settings import load_settings
from sensorium.testing import run_component
from sensorium_models.fusion_networks.claims import CLAIMS, SCENES, heard
from sensorium_models.fusion_networks.model import FusionModel
from sensorium_plugins.fusion.network import FusionNetwork
from sensorium_sims.world.render import render
from sensorium_sims.world.sampling import scenes

MS = NS_PER_MS
OPTIONS: dict[str, Any] = {
    "primary": "chat/text",
    "others": {
        "picture": {"topic": "camera/+/image", "match": "last", "tolerance_ms": 500},
        "sound": {"topic": "microphone/+/audio", "match": "window", "before_ms": 1000},
    },
    "mode": "available",
    "wait_ms": 100,
}


async def send_scene(harness: Any, at_ms: int) -> Any:
    """A picture just before, and a second of sound in five pieces before ``at_ms``."""
    scene = next(scenes("test", 1, SCENES, start=7000))
    sound = heard(scene).mean(0)
    for piece in range(5):
        samples = sound[piece * 3200 : (piece + 1) * 3200]
        await harness.send("microphone/m/audio", Audio(samples, 16_000),
                           originating_time=(at_ms - 1000 + 200 * piece) * MS)  # fmt: skip
    await harness.send("camera/front/image", Image(render(scene, 96).image),
                       originating_time=(at_ms - 50) * MS)  # fmt: skip
    return scene.things[0]


async def test_a_claim_is_checked_against_what_was_seen_and_heard_then() -> None:
    models = {"fusion_network": FusionModel()}
    async with run_component(
        FusionNetwork, name="check", options=OPTIONS, models=models, clock=VirtualClock(10_000 * MS)
    ) as harness:
        thing = await send_scene(harness, 2000)
        sound = thing.sounds[0].sound
        other = "blue" if thing.colour == "red" else "red"
        for at, colour in ((2000, thing.colour), (2010, other), (5000, thing.colour)):
            claim = Text(f"the {colour} {thing.shape} is {sound}")
            await harness.send("chat/text", claim, originating_time=at * MS)
        await harness.settled()
        await harness.advance(1)
        true, false, late = harness.events_on("fusion/check/classes")
        vectors = harness.events_on("fusion/check/embedding")
    assert isinstance(true.payload, Classes)
    assert true.payload.labels[0] == "as said"
    assert true.originating_time == 2000 * MS
    assert len(true.parents) == 7  # the claim, five pieces of sound, a picture
    assert false.payload.labels[0] == "looks otherwise"
    assert len(late.parents) == 1  # nothing was seen or heard then: the words are all there is
    assert max(late.payload.scores) < 0.6
    assert [event.payload.space for event in vectors] == ["fusion_network"] * 3
    assert isinstance(vectors[0].payload, Embedding)


async def test_what_cannot_be_read_is_said_and_the_next_set_is_answered(
    caplog: pytest.LogCaptureFixture,
) -> None:
    models = {"fusion_network": FusionModel()}
    async with run_component(
        FusionNetwork, name="check", options=OPTIONS, models=models, clock=VirtualClock(10_000 * MS)
    ) as harness:
        await harness.send("chat/text", Text("?!"), originating_time=2000 * MS)
        await harness.send("chat/text", Text("a red star"), originating_time=2100 * MS)
        await harness.settled()
        await harness.advance(1)
        (answered,) = harness.events_on("fusion/check/classes")
    assert answered.originating_time == 2100 * MS
    assert "no word in the text" in caplog.text


async def test_embeddings_go_in_as_they_are_and_other_payloads_are_refused() -> None:
    asked: list[Any] = []

    def answer(request: Any) -> Any:
        asked.append(request["inputs"])
        vector = np.ones(1, np.float32)
        return {"labels": ["yes"], "scores": [1.0], "vector": vector, "used": []}

    options = {"primary": "text/embedding", "modality": "a",
               "others": {"b": {"topic": "vision/+", "match": "nearest"}}}  # fmt: skip
    async with run_component(
        FusionNetwork, name="f", options=options, models={"fusion_network": answer}
    ) as harness:
        said, seen = (np.full(4, value, np.float32) for value in (1, 2))
        await harness.send("vision/clip", Embedding(seen, "clip"), originating_time=90 * MS)
        await harness.send("vision/clip", Embedding(seen, "clip"), originating_time=200 * MS)
        await harness.send("text/embedding", Embedding(said, "minilm"), originating_time=100 * MS)
        await harness.settled()
        assert harness.events_on("fusion/f/classes")[0].payload.labels == ("yes",)
        assert {name: (shown["space"], shown["vector"][0]) for name, shown in asked[0].items()} == {
            "a": ("minilm", 1.0), "b": ("clip", 2.0),
        }  # fmt: skip
        boxes = Detections(("cat",), (0.9,), np.zeros((1, 4), np.float32))
        await harness.send("vision/clip", boxes, originating_time=300 * MS)
        await harness.send("vision/clip", boxes, originating_time=400 * MS)
        await harness.send("text/embedding", Embedding(said, "minilm"), originating_time=300 * MS)
        await harness.settled()
        (failure,) = harness.failures
    assert "b comes as Detections" in failure.error


async def test_a_session_runs_it_in_a_worker_process() -> None:
    settings = load_settings(
        environ={},
        overrides={
            "components": {"check": {"use": "fusion_network", "options": OPTIONS}},
            "models": {"fusion_network": {"placement": "worker"}},
        },
    )
    async with Session(settings, load_plugins()) as session:
        found = session.bus.subscribe("fusion/check/classes")
        await session.bus.publish("chat/text", Text("a humming red star"), source="x")
        event = await found.get()
    assert set(event.payload.labels) == set(CLAIMS)


async def test_names_that_are_taken_are_refused() -> None:
    for name in ("words", "component_ended"):
        options = OPTIONS | {"others": {name: {"topic": "a/b"}}}
        with pytest.raises(SettingsError, match=rf"others\.{name}: this name is taken"):
            async with run_component(FusionNetwork, options=options):
                pass
