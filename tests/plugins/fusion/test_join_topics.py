from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sensorium import Image, Session, Text, VirtualClock, load_plugins
from sensorium.delivery import DeliveryPolicy
from sensorium.errors import SettingsError
from sensorium.events import NS_PER_MS, NS_PER_S
from sensorium.payloads import AlignedSet, PayloadRegistry, State, Transcript
from sensorium.payloads.codec import decode, encode, event_from_json, event_to_json
from sensorium.settings import load_settings
from sensorium.testing import run_component
from sensorium_plugins.fusion.join import JoinTopics

MS = NS_PER_MS
OPTIONS: dict[str, Any] = {
    "primary": "speech/transcript",
    "others": {
        "image": {"topic": "camera/+/image", "match": "window", "after_ms": 50},
        "pose": {"topic": "robot/pose", "match": "interpolate", "tolerance_ms": 200},
        "lamp": {"topic": "lamp/#", "match": "last"},
    },
    "mode": "available",
    "wait_ms": 100,
}


async def one_set(**options: Any) -> Any:
    """A transcript from 1.0 to 1.5 s with pictures, poses and a lamp around it."""
    async with run_component(
        JoinTopics, name="scene", options=OPTIONS | options, clock=VirtualClock(2 * NS_PER_S)
    ) as harness:

        async def send(topic: str, payload: Any, at_ms: int) -> Any:
            return await harness.send(topic, payload, originating_time=at_ms * MS)

        await send("lamp/hall", State({"on": True}), 10)
        for number, at in enumerate((900, 1000, 1400, 1550, 1600)):
            picture = Image(np.full((4, 4, 3), number, np.uint8))
            await send("camera/front/image", picture, at)
        await send("robot/pose", State({"x": 1.0}), 950)
        await send("robot/pose", State({"x": 2.0}), 1050)
        said = Transcript("hello", 0.9, 1500 * MS)
        await send("speech/transcript", said, 1000)
        await harness.settled()
        await harness.advance(1)
        (event,) = harness.events_on("aligned/scene")
        return event


async def test_a_set_holds_what_belongs_together() -> None:
    event = await one_set()
    made: AlignedSet = event.payload
    assert event.originating_time == 1000 * MS
    assert len(event.parents) == 7
    assert (made.primary.topic, made.primary.type) == ("speech/transcript", "transcript")
    assert made.primary.content == {"text": "hello", "confidence": 0.9, "end_time": 1500 * MS}
    assert [member.originating_time for member in made.members["image"]] == [
        1000 * MS, 1400 * MS, 1550 * MS
    ]  # fmt: skip
    assert made.interpolated == {"pose": {"values": {"x": 1.5}}}
    assert [member.content for member in made.members["pose"]] == [
        {"values": {"x": 1.0}}, {"values": {"x": 2.0}}
    ]  # fmt: skip
    (lamp,) = made.members["lamp"]
    assert (lamp.topic, lamp.event) == ("lamp/hall", "harness#0")
    assert made.outcome == "waited"


async def test_a_large_payload_stays_with_its_event() -> None:
    event = await one_set(content_bytes=40)
    (first, *_) = event.payload.members["image"]
    assert first.content is None
    assert first.event.startswith("harness#")
    assert event.payload.members["pose"][0].content is not None


async def test_a_set_survives_json_and_the_wire() -> None:
    event = await one_set()
    registry = PayloadRegistry()
    for again in (
        event_from_json(event_to_json(event), registry),
        decode(encode(event), registry),
    ):
        assert again.parents == event.parents
        assert event_to_json(again) == event_to_json(event)
        assert isinstance(again.payload, AlignedSet)
    assert registry.json_schema("aligned_set")["title"]


async def test_it_is_there_by_its_name_in_settings() -> None:
    settings = load_settings(
        environ={},
        overrides={
            "components": {"scene": {"use": "join", "options": {
                "primary": "a", "others": {"b": {"topic": "b", "tolerance_ms": 10}},
            }}}
        },
    )  # fmt: skip
    async with Session(settings, load_plugins(), VirtualClock()) as session:
        made = session.bus.subscribe("aligned/scene", DeliveryPolicy.block())
        await session.bus.publish("a", Text("one"), source="x", originating_time=100)
        await session.bus.publish("b", Text("two"), source="x", originating_time=100)
        await session.settled()
        event = made.get_nowait()
    assert event is not None
    assert event.payload.members["b"][0].content == {"text": "two"}


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"others": {}}, "others"),
        ({"others": {"primary": {"topic": "x"}}}, "this name is taken"),
        ({"others": {"b": {"topic": "x", "match": "closest"}}}, "match"),
        ({"others": {"b": {"topic": "a/#/b"}}}, "#"),
        ({"mode": "sometimes"}, "mode"),
        ({"tolerance": 3}, "tolerance"),
    ],
)
async def test_options_that_make_no_sense_are_refused(change: dict[str, Any], word: str) -> None:
    with pytest.raises(SettingsError, match=word):
        async with run_component(JoinTopics, options=OPTIONS | change):
            pass
