from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sensorium import Image, Payload, VirtualClock
from sensorium.events import NS_PER_S
from sensorium.payloads import (
    Classes,
    ComponentFailed,
    ComponentReady,
    Detections,
    GroundedTurn,
    Percept,
    TextLines,
    Transcript,
    UserTurn,
)
from sensorium.testing import Harness, run_component
from sensorium_plugins.fusion.world import World

NOW = 1_000 * NS_PER_S
READ = UserTurn("what does it say?", needs=("read",))


def at(seconds: float) -> int:
    return NOW + round(seconds * NS_PER_S)


def world(**options: Any) -> Any:
    return run_component(World, options=options, clock=VirtualClock(NOW))


def found(*labels: str, score: float = 0.8) -> Detections:
    boxes = np.array([[i, 0, i + 1, 2] for i in range(len(labels))], np.float32).reshape(-1, 4)
    return Detections(labels, (score,) * len(labels), boxes)


def lines(*text: str) -> TextLines:
    return TextLines(text, (0.9,) * len(text), np.zeros((len(text), 4, 2), np.float32))


async def percept(
    harness: Harness, topic: str, payload: Payload, when: float, *, camera: str = "front"
) -> None:
    """A percept that was made of what ``camera`` saw at ``when`` (seconds from the start)."""
    await harness.session.bus.publish(
        topic, payload, source="perceiver", originating_time=at(when), root=f"{camera}#7"
    )
    await harness.settled()


async def ask(harness: Harness, turn: UserTurn | None = None) -> list[Percept]:
    """What the agent knows when it is asked now."""
    await harness.send("chat/turn", turn or UserTurn("what do you see?"))
    await harness.settled()
    return list(grounded(harness)[-1].world.percepts)


def grounded(harness: Harness) -> list[GroundedTurn]:
    return [event.payload for event in harness.events_on("chat/grounded")]


async def test_a_turn_comes_with_what_is_known_and_when_it_was_seen() -> None:
    async with world() as harness:
        await percept(harness, "vision/objects", found("cat", "sofa"), when=-2)
        await percept(harness, "vision/faces", found("face"), when=-2)
        await percept(harness, "vision/classes", Classes(("tabby",), (0.7,)), when=-2)
        await percept(harness, "vision/text", lines("EXIT"), when=-1)
        await percept(harness, "world/heard", Transcript("hi", 0.5, at(-3)), when=-4)
        known = await ask(harness)
    cat, sofa, face, tabby, read, heard = known
    assert (cat.kind, cat.text, cat.score, cat.origin) == ("seen", "cat", 0.8, "front")
    assert (cat.originating_time, cat.box) == (at(-2), (0.0, 0.0, 1.0, 2.0))
    assert (sofa.kind, sofa.box) == ("seen", (1.0, 0.0, 2.0, 2.0))
    assert (face.kind, face.text) == ("face", "face")
    assert (tabby.kind, tabby.text, tabby.score) == ("class", "tabby", 0.7)
    assert (read.kind, read.text, read.originating_time) == ("read", "EXIT", at(-1))
    assert (heard.kind, heard.text, heard.originating_time) == ("heard", "hi", at(-4))


async def test_the_turn_is_handed_on_and_named_as_the_parent() -> None:
    async with world() as harness:
        turn = await harness.send("chat/turn", UserTurn("hello"))
        await harness.settled()
        (event,) = harness.events_on("chat/grounded")
    assert event.parents == (turn.id,)
    assert event.payload.turn is turn.payload
    assert event.payload.missing == ()


async def test_a_newer_look_replaces_an_older_one_of_the_same_camera() -> None:
    async with world() as harness:
        await percept(harness, "vision/objects", found("cat"), when=-3)
        await percept(harness, "vision/objects", found("dog"), when=-2)
        await percept(harness, "vision/objects", found("car"), when=-3, camera="street")
        assert {p.text for p in await ask(harness)} == {"dog", "car"}


async def test_a_look_that_finds_nothing_empties_the_picture() -> None:
    async with world() as harness:
        await percept(harness, "vision/objects", found("cat"), when=-3)
        await percept(harness, "vision/objects", found(), when=-2)
        assert await ask(harness) == []


@pytest.mark.parametrize("newest", [("dog",), ()])
async def test_a_percept_that_comes_late_changes_nothing(newest: tuple[str, ...]) -> None:
    async with world() as harness:
        await percept(harness, "vision/objects", found(*newest), when=-1)
        await percept(harness, "vision/objects", found("cat"), when=-2)
        assert [p.text for p in await ask(harness)] == list(newest)


async def test_a_source_that_begins_again_replaces_what_its_former_life_saw() -> None:
    """A video played fast ends in the future; a picture shown after it is no late percept."""
    async with world() as harness:
        await percept(harness, "vision/objects", found("train"), when=60, camera="picture")
        await percept(harness, "vision/objects", found("bus"), when=60, camera="other")
        await harness.session.announce(ComponentReady("picture"), source="picture")
        await percept(harness, "vision/objects", found("cat"), when=1, camera="picture")
        await percept(harness, "vision/objects", found("dog"), when=1, camera="other")
        assert {p.text for p in await ask(harness)} == {"cat", "bus"}


async def test_percepts_are_forgotten_in_time() -> None:
    async with world(forget_s=10.0) as harness:
        await percept(harness, "vision/objects", found("cat"), when=0)
        await percept(harness, "world/heard", Transcript("hi", 1.0, at(6)), when=5)
        await harness.advance(10)
        assert {p.text for p in await ask(harness)} == {"cat", "hi"}
        await harness.advance(0.001)
        assert {p.text for p in await ask(harness)} == {"hi"}


async def test_only_the_last_things_heard_are_remembered() -> None:
    async with world(hearing=2) as harness:
        for number in range(4):
            said = Transcript(f"number {number}", 1.0, at(0))
            await percept(harness, "world/heard", said, when=0)
        assert [p.text for p in await ask(harness)] == ["number 2", "number 3"]


async def test_a_question_is_not_remembered_as_news() -> None:
    async with world() as harness:
        for said in ("I", "Go forward.", "What did", "you hear?"):
            await percept(harness, "world/heard", Transcript(said, 1.0, at(0)), when=0)
        known = await ask(harness, UserTurn("What did you hear?", spoken=True))
        assert [p.text for p in known] == ["I", "Go forward."]  # "I" is in no word of it


async def test_a_typed_question_takes_nothing_heard_back() -> None:
    async with world() as harness:
        await percept(harness, "world/heard", Transcript("Hello", 1.0, at(0)), when=0)
        assert [p.text for p in await ask(harness, UserTurn("Hello"))] == ["Hello"]


async def test_a_turn_that_needs_reading_waits_for_it() -> None:
    async with world() as harness:
        turn = await harness.send("chat/turn", READ)
        await percept(harness, "vision/text", lines("of another turn"), when=0, camera="back")
        await harness.advance(5)
        assert grounded(harness) == []
        await harness.session.bus.publish(
            "vision/text", lines("EXIT"), source="ocr", root="front#1", parents=("front#1", turn.id)
        )
        await harness.settled()
        (answer,) = grounded(harness)
        assert answer.missing == ()
        assert [p.text for p in answer.world.percepts] == ["of another turn", "EXIT"]
        await harness.advance(60)
        assert len(grounded(harness)) == 1


async def test_a_turn_goes_without_what_does_not_come_in_time() -> None:
    async with world(wait_s=5.0) as harness:
        await harness.send("chat/turn", READ)
        await harness.advance(4.999)
        assert grounded(harness) == []
        await harness.advance(0.001)
        assert [answer.missing for answer in grounded(harness)] == [("read",)]


async def test_a_turn_does_not_wait_for_a_reader_that_failed_at_it() -> None:
    async with world() as harness:
        turn = await harness.send("chat/turn", READ)
        other = ComponentFailed("ocr", "broken", "ModelError", "skip", "process", "user#99")
        await harness.session.announce(other)
        await harness.settled()
        assert grounded(harness) == []
        failed = ComponentFailed("ocr", "broken", "ModelError", "skip", "process", turn.id)
        await harness.session.announce(failed)
        await harness.settled()
        assert [answer.missing for answer in grounded(harness)] == [("read",)]


async def test_an_interruption_forgets_the_turns_that_wait() -> None:
    async with world(wait_s=5.0) as harness:
        await harness.send("chat/turn", READ)
        await harness.settled()
        await harness.interrupt()
        await harness.advance(60)
        assert grounded(harness) == []


async def test_it_does_not_look_at_pictures_itself() -> None:
    async with world() as harness:
        await harness.session.bus.publish(
            "camera/front/image", Image(np.zeros((2, 2, 3), np.uint8)), source="front"
        )
        assert await ask(harness) == []
