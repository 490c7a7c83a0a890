"""Each utterance with the lips of its time; without a face by its sound alone, and that is said."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sensorium import Image, Model, VirtualClock
from sensorium.errors import BadInput, ModelUnavailable
from sensorium.events import NS_PER_MS, NS_PER_S
from sensorium.payloads import Utterance
from sensorium.testing import run_component
from sensorium_models.audio_visual_speech.lips import MESH_LEFT_EYE, MESH_LIPS, MESH_RIGHT_EYE
from sensorium_plugins.perception.audio_visual_speech import AudioVisualSpeech
from sensorium_plugins.perception.lips import Lips

SECOND = np.full(16_000, 0.1, np.float32)
TOPIC = "speech/listen/modalities"


class Recogniser:
    """Remembers what it was asked."""

    def __init__(self, text: str = "set white at x one soon") -> None:
        self.asked: list[dict[str, Any]] = []
        self.text = text

    def __call__(self, request: dict[str, Any]) -> dict[str, Any]:
        if not len(request["audio"]):
            raise BadInput("the audio is empty")
        self.asked.append(request)
        seen = request["lips"] is not None
        return {
            "text": self.text, "confidence": 0.8, "note": "", "seen": 0.5 if seen else 0.0,
            "used": ["audio", "lips"] if seen else ["audio"],
        }  # fmt: skip


def lips(grey: int) -> Image:
    return Image(np.full((24, 24, 3), grey, np.uint8))


async def told(model: Recogniser, pictures: range, utterance: Utterance | None = None) -> Any:
    """An utterance from second 5 to 6, and lips at ``pictures`` (ms)."""
    said = utterance or Utterance(SECOND, 16_000, end_time=6 * NS_PER_S)
    async with run_component(
        AudioVisualSpeech, name="listen", models={"audio_visual_speech": model},
        clock=VirtualClock(10 * NS_PER_S),
    ) as harness:  # fmt: skip
        for at in pictures:
            await harness.send("vision/lips", lips(at // 40), originating_time=at * NS_PER_MS)
        await harness.send("speech/utterance", said, originating_time=5 * NS_PER_S)
        await harness.settled()
        await harness.advance(1)
        await harness.settled()
        assert not harness.failures
        return harness.events_on("speech/transcript"), harness.events_on(TOPIC)


async def test_the_lips_of_its_time_go_along_with_an_utterance() -> None:
    model = Recogniser()
    (transcript,), (modalities,) = await told(model, range(4000, 7000, 40))
    (request,) = model.asked
    assert request["audio"] is not None
    assert request["lips"].shape == (30, 24, 24, 3)  # a tenth of a second more on both sides
    assert request["times"][0] == pytest.approx(-0.08)
    assert request["times"][-1] == pytest.approx(1.08)
    assert request["lips"][0, 0, 0, 0] == 4920 // 40
    assert transcript.payload.text == "set white at x one soon"
    assert (transcript.originating_time, transcript.payload.end_time) == (
        5 * NS_PER_S,
        6 * NS_PER_S,
    )
    assert modalities.payload.labels == ("audio", "lips")
    assert modalities.payload.scores == (1.0, 0.5)
    assert len(transcript.parents) == 31


async def test_without_a_face_it_goes_by_sound_alone_and_says_so() -> None:
    model = Recogniser()
    (transcript,), (modalities,) = await told(model, range(0))
    assert model.asked[0]["lips"] is None
    assert transcript.payload.text
    assert modalities.payload.labels == ("audio",)


async def test_lips_of_another_time_are_not_taken() -> None:
    model = Recogniser()
    _, (modalities,) = await told(model, range(0, 4000, 40))
    assert model.asked[0]["lips"] is None
    assert modalities.payload.labels == ("audio",)


async def test_what_cannot_be_read_and_what_holds_no_word_gives_nothing() -> None:
    empty = Utterance(SECOND[:0], 16_000, end_time=5 * NS_PER_S)
    assert await told(Recogniser(), range(0), empty) == ([], [])
    fast = Utterance(SECOND, 48_000, end_time=6 * NS_PER_S)
    assert await told(Recogniser(), range(0), fast) == ([], [])
    transcripts, modalities = await told(Recogniser(" "), range(0))
    assert transcripts == []
    assert len(modalities) == 1


def faces(request: dict[str, Any]) -> dict[str, Any]:
    """Two faces in a picture that is not black; the second is the larger one."""
    if not request["image"].any():
        return {"scores": [], "boxes": np.zeros((0, 4)), "keypoints": np.zeros((0, 6, 2))}
    small, large = [(x, 10, x + s, 10 + s) for x, s in ((0, 9), (20, 60))]
    points = np.array([(40, 30), (60, 30), (50, 40), (50, 50), (30, 30), (70, 30)], np.float32)
    return {
        "scores": [0.9, 0.8], "boxes": np.array([small, large]),
        "keypoints": np.stack([points * 0, points]),
    }  # fmt: skip


def mesh(request: dict[str, Any]) -> dict[str, Any]:
    """Lips 12 pixels below those of :func:`faces`."""
    assert tuple(request["box"]) == (20, 10, 80, 70)
    points = np.zeros((468, 2), np.float32)
    points[list(MESH_RIGHT_EYE)], points[list(MESH_LEFT_EYE)] = (40, 30), (60, 30)
    points[list(MESH_LIPS)] = (50, 62)
    return {"points": points, "score": 0.9}


class NoMesh(Model[dict[str, Any], dict[str, Any]]):
    """The weights are not on this machine."""

    def load(self, device: str) -> None:
        raise ModelUnavailable("face-mesh", "run: sensorium models pull face-mesh")

    def infer(self, batch: Any) -> Any:
        raise AssertionError("it was not loaded")


async def lips_with(models: dict[str, Any], **options: Any) -> Any:
    """The one picture of lips that comes of one with faces and a black one."""
    picture = np.full((96, 96, 3), 20, np.uint8)
    picture[44:60, 42:58] = 200
    async with run_component(
        Lips, options=options, models={"face_detection": faces, **models}
    ) as harness:
        await harness.send("camera/front/image", Image(picture), originating_time=7)
        await harness.send("camera/front/image", Image(picture * 0), originating_time=8)
        await harness.settled()
        assert not harness.failures
        (found,) = harness.events
    assert found.topic == "vision/lips"
    assert found.originating_time == 7
    assert found.payload.data.shape == (24, 24, 3)
    return found.payload.data[..., 0]


async def test_lips_are_cut_out_of_the_largest_face() -> None:
    cut = await lips_with({}, mesh="")
    assert cut[12, 12] > 190
    assert cut[0, 0] < 60


async def test_the_mesh_says_where_they_are() -> None:
    cut = await lips_with({"face_mesh": mesh})
    assert cut[2, 12] > 190  # what lay in the middle
    assert cut[14, 12] < 60


async def test_without_the_weights_of_a_mesh_the_log_says_so_and_lips_are_found(
    caplog: pytest.LogCaptureFixture,
) -> None:
    cut = await lips_with({"face_mesh": NoMesh()})
    assert cut[12, 12] > 190
    assert "without a face mesh" in caplog.text
    assert "models pull face-mesh" in caplog.text
