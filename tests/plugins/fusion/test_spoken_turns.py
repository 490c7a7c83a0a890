"""A question that was spoken is grounded in what was to be seen while it was spoken."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sensorium import Payload, VirtualClock
from sensorium.events import NS_PER_S, AnyEvent
from sensorium.payloads import Classes, Detections, GroundedTurn, TextLines, UserTurn
from sensorium.testing import Harness, run_component
from sensorium_plugins.fusion.looks import Look, look_of, seen_during
from sensorium_plugins.fusion.world import World

NOW = 1_000 * NS_PER_S
QUESTION = "What did you see while I spoke?"


def at(seconds: float) -> int:
    return NOW + round(seconds * NS_PER_S)


def world(**options: Any) -> Any:
    return run_component(World, options=options, clock=VirtualClock(NOW))


def found(*labels: str, score: float = 0.8) -> Detections:
    boxes = np.array([[i, 0, i + 1, 2] for i in range(len(labels))], np.float32).reshape(-1, 4)
    return Detections(labels, (score,) * len(labels), boxes)


async def look(
    harness: Harness, payload: Payload, when: float, *, topic: str = "objects", camera: str = "eye"
) -> AnyEvent:
    event = await harness.session.bus.publish(
        f"vision/{topic}", payload, source="perceiver", originating_time=at(when),
        root=f"{camera}#7",
    )  # fmt: skip
    await harness.settled()
    return event


async def say(
    harness: Harness, begin: float, end: float, text: str = QUESTION, needs: tuple[str, ...] = ()
) -> AnyEvent:
    turn = UserTurn(text, spoken=True, needs=needs, end_time=at(end))
    event = await harness.send("chat/turn", turn, originating_time=at(begin))
    await harness.settled()
    return event


def grounded(harness: Harness) -> list[GroundedTurn]:
    return [event.payload for event in harness.events_on("chat/grounded")]


def known(harness: Harness) -> list[str]:
    return [percept.text for percept in grounded(harness)[-1].world.percepts]


async def test_what_was_seen_while_it_was_spoken_counts_and_not_what_is_seen_now() -> None:
    async with world() as harness:
        await harness.advance(3)
        await look(harness, found("bus"), 0.2)
        cat = await look(harness, found("cat"), 1.2)
        await look(harness, Classes(("tabby",), (0.7,)), 1.3, topic="classes")
        await look(harness, found("dog"), 2.5)
        await look(harness, found("face"), 2.5, topic="faces")
        await look(harness, Classes(("poodle",), (0.7,)), 2.5, topic="classes")
        turn = await say(harness, 1.0, 2.0)
        (event,) = harness.events_on("chat/grounded")
    assert known(harness) == ["cat", "tabby", "face"]  # of faces there was no look but the latest
    assert event.payload.world.percepts[0].originating_time == at(1.2)
    assert event.parents[0] == turn.id
    assert cat.id in event.parents
    assert event.originating_time == turn.originating_time


async def test_a_typed_question_is_about_now() -> None:
    async with world() as harness:
        await look(harness, found("cat"), -1)
        await look(harness, found("dog"), 0)
        await harness.send("chat/turn", UserTurn("What do you see?"))
        await harness.settled()
        assert known(harness) == ["dog"]


async def test_everything_that_was_shown_one_after_the_other_was_seen() -> None:
    async with world() as harness:
        await harness.advance(3)
        for when, label in ((1.0, "cat"), (1.3, "cat"), (1.6, "cup"), (1.9, "cup"), (2.2, "pen")):
            await look(harness, found(label), when)
        await say(harness, 1.0, 2.0)
        assert known(harness) == ["cat", "cup"]


async def test_things_are_counted_in_one_look_and_not_over_all() -> None:
    async with world() as harness:
        await harness.advance(3)
        for when, labels in ((1.0, ("cup",)), (1.3, ("cup", "cup")), (1.6, ("cup",)), (2.5, ())):
            await look(harness, found(*labels), when)
        await say(harness, 1.0, 2.0)
        assert known(harness) == ["cup", "cup"]


async def test_what_flickers_up_once_is_left_out() -> None:
    async with world(seen_share=0.25) as harness:
        await harness.advance(3)
        for number in range(9):
            await look(harness, found("cat", *["kite"] * (number == 4)), 1 + number / 10)
        await look(harness, found("cat"), 2.1)
        await say(harness, 1.0, 2.0)
        assert known(harness) == ["cat"]


async def test_two_cameras_are_told_apart() -> None:
    async with world() as harness:
        await harness.advance(3)
        await look(harness, found("cat"), 1.5, camera="front")
        await look(harness, found("cup"), 1.5, camera="back")
        await look(harness, found("dog"), 2.5, camera="front")
        await say(harness, 1.0, 2.0)
        assert known(harness) == ["cat", "cup"]


async def test_a_look_that_is_still_being_made_is_waited_for() -> None:
    async with world() as harness:
        await harness.advance(2)
        for topic, payload in (("objects", found()), ("faces", found())):
            await look(harness, payload, 2.1, topic=topic)
        await look(harness, Classes((), ()), 2.1, topic="classes")
        await look(harness, found("dog"), 1.0)
        await say(harness, 1.5, 2.2)
        assert grounded(harness) == []
        await harness.advance(0.05)
        await look(harness, found("cat"), 2.15)
        assert grounded(harness) == []
        await harness.advance(0.1)
        assert known(harness) == ["cat"]


async def test_nobody_waits_where_looks_have_passed_the_end_of_the_utterance() -> None:
    async with world() as harness:
        await harness.advance(3)
        for topic, payload in (("objects", found("cat")), ("faces", found())):
            await look(harness, payload, 2.5, topic=topic)
        await look(harness, Classes((), ()), 2.5, topic="classes")
        await say(harness, 1.0, 2.0)
        assert len(grounded(harness)) == 1


async def test_an_agent_without_a_camera_or_with_a_dead_one_does_not_wait() -> None:
    async with world(blind_s=2.0) as harness:
        await harness.advance(2)
        await say(harness, 1.0, 2.0)
        assert len(grounded(harness)) == 1  # there never was a camera
        await look(harness, found("cat"), 2.0)
        await harness.advance(2)
        await say(harness, 3.0, 4.0)
        assert len(grounded(harness)) == 2  # it has died
        assert known(harness) == ["cat"]


async def test_a_camera_that_has_just_died_costs_a_small_wait() -> None:
    async with world(look_wait_ms=150) as harness:
        await look(harness, found("cat"), 0)
        await harness.advance(1)
        await say(harness, 0.1, 1.0)
        await harness.advance(0.149)
        assert grounded(harness) == []
        await harness.advance(0.001)
        assert known(harness) == ["cat"]


async def test_questions_that_are_understood_out_of_order_are_all_answered() -> None:
    async with world() as harness:
        await harness.advance(9)
        await say(harness, 5.0, 6.0, "The later one?")
        await say(harness, 1.0, 4.0, "The earlier one?")
        assert [turn.turn.text for turn in grounded(harness)] == [
            "The later one?", "The earlier one?"
        ]  # fmt: skip


@pytest.mark.parametrize("reads_first", [True, False])
async def test_reading_and_looking_are_both_waited_for(reads_first: bool) -> None:
    async with world() as harness:
        await look(harness, found("cat"), 0)
        turn = await say(harness, -1.0, 0.0, "What does it say?", needs=("read",))
        read = TextLines(("EXIT",), (0.9,), np.zeros((1, 4, 2), np.float32))

        async def reading() -> None:
            await harness.session.bus.publish(
                "vision/text", read, source="ocr", root="eye#1", parents=("eye#1", turn.id)
            )
            await harness.settled()

        if reads_first:
            await reading()
            assert grounded(harness) == []
            await harness.advance(0.15)
        else:
            await harness.advance(0.15)
            assert grounded(harness) == []
            await reading()
        assert known(harness) == ["cat", "EXIT"]
        await harness.advance(60)
        assert len(grounded(harness)) == 1


async def test_an_interruption_forgets_a_turn_that_waits_for_a_look() -> None:
    async with world() as harness:
        await look(harness, found("cat"), 0)
        await say(harness, -1.0, 0.0)
        await harness.interrupt()
        await harness.advance(60)
        assert grounded(harness) == []


async def test_faces_and_objects_are_told_apart_by_their_inputs() -> None:
    """A detector of objects may know faces, and a recogniser of faces names."""
    async with world() as harness:
        await look(harness, found("face"), 0)
        await look(harness, found("Ada"), 0, topic="faces")
        await harness.send("chat/turn", UserTurn("who?"))
        await harness.settled()
        kinds = {p.text: p.kind for p in grounded(harness)[-1].world.percepts}
    assert kinds == {"face": "seen", "Ada": "face"}


def test_no_looks_found_nothing() -> None:
    assert seen_during([], 0.5) == {}
    empty = Look("eye", "seen", 5, ())
    assert seen_during([empty], 0.5)[("eye", "seen")].percepts == ()


def test_what_cannot_be_seen_is_named() -> None:
    from sensorium.errors import BadInput
    from sensorium.events import Event

    with pytest.raises(BadInput, match="a user_turn"):
        look_of("objects", Event("t", UserTurn("x"), 0, 0, "s", 0), "eye")
