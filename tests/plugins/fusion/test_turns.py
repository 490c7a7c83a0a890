from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sensorium import Audio, Text, VirtualClock
from sensorium.events import NS_PER_S
from sensorium.payloads import Interrupted, SpeechDone, SpeechStarted, Transcript, UserTurn
from sensorium.testing import Harness, run_component
from sensorium_plugins.fusion.turns import Turns

NOW = 1_000 * NS_PER_S


def taking_turns(**options: Any) -> Any:
    return run_component(Turns, options=options, clock=VirtualClock(NOW))


def voice(seconds: float) -> Audio:
    return Audio(np.zeros(round(seconds * 1000), np.float32), 1000)


async def hear(harness: Harness, text: str, began: float) -> None:
    """Somebody said ``text``, beginning ``began`` seconds from the start."""
    when = NOW + round(began * NS_PER_S)
    await harness.send("speech/transcript", Transcript(text, 0.9, when), originating_time=when)
    await harness.settled()


def turns(harness: Harness) -> list[UserTurn]:
    return [event.payload for event in harness.events_on("chat/turn")]


def heard(harness: Harness) -> list[str]:
    """What goes on to the world as heard."""
    return [event.payload.text for event in harness.events_on("world/heard")]


def fields(turn: UserTurn) -> tuple[str, bool, tuple[str, ...]]:
    return turn.text, turn.spoken, turn.needs


def interruptions(harness: Harness) -> list[Any]:
    return [e for e in harness.announcements if isinstance(e.payload, Interrupted)]


async def test_what_is_typed_becomes_a_turn() -> None:
    async with taking_turns() as harness:
        typed = await harness.send("chat/text", Text("  hello \n"))
        await harness.settled()
        (event,) = harness.events
    assert fields(event.payload) == ("hello", False, ())
    assert event.parents == (typed.id,)


async def test_blank_text_is_no_turn() -> None:
    async with taking_turns() as harness:
        await harness.send("chat/text", Text("  \n\t"))
        await harness.settled()
        assert harness.events == []


@pytest.mark.parametrize(
    ("text", "needs"),
    [("What does the sign say?", ("read",)), ("What is this?", ()), ("Read it to me", ("read",))],
)
async def test_a_question_about_writing_needs_reading(text: str, needs: tuple[str, ...]) -> None:
    async with taking_turns() as harness:
        await hear(harness, text, began=0)
        assert [fields(turn) for turn in turns(harness)] == [(text, True, needs)]


async def test_speech_is_not_answered_where_that_is_off() -> None:
    async with taking_turns(answer_speech=False) as harness:
        await hear(harness, "hello", began=0)
        await harness.send("chat/text", Text("typed"))
        await harness.settled()
        assert [turn.text for turn in turns(harness)] == ["typed"]
        assert len(heard(harness)) == 1  # remembered all the same


async def test_the_agents_own_voice_is_not_answered() -> None:
    async with taking_turns() as harness:
        await harness.send("speech/reply", voice(2.0))
        await harness.settled()
        await hear(harness, "my own words", began=0.5)
        await harness.advance(2.0)
        await harness.send("speech/done", SpeechDone("turns#1", 2.0))
        await harness.settled()
        await hear(harness, "the end of my own words", began=1.9)  # recognised after the end
        await hear(harness, "a new question", began=2.1)
        assert [turn.text for turn in turns(harness)] == ["a new question"]
        assert heard(harness) == ["a new question"]  # its own words are no news


async def test_a_voice_that_is_cut_short_is_over_when_it_says_so() -> None:
    async with taking_turns() as harness:
        await harness.send("speech/reply", voice(60.0))
        await harness.settled()
        await harness.advance(1.0)
        await harness.send("speech/done", SpeechDone("turns#1", 60.0))
        await harness.settled()
        await hear(harness, "a new question", began=1.5)
        assert [turn.text for turn in turns(harness)] == ["a new question"]


async def test_a_voice_that_never_says_it_is_done_does_not_make_the_agent_deaf() -> None:
    async with taking_turns() as harness:
        await harness.send("speech/reply", voice(2.0))
        await harness.send("speech/reply", voice(1.0))
        await harness.settled()
        await hear(harness, "too early", began=2.9)
        await harness.advance(4.0)
        await hear(harness, "later", began=3.5)
        assert [turn.text for turn in turns(harness)] == ["later"]


async def test_speech_over_the_voice_interrupts_at_once_where_it_may() -> None:
    async with taking_turns(while_speaking="barge_in") as harness:
        await harness.send("speech/reply", voice(5.0))
        await harness.settled()
        await harness.send("speech/started", SpeechStarted())
        await harness.settled()
        assert [e.payload.reason for e in interruptions(harness)] == ["barge-in"]
        await harness.send("speech/started", SpeechStarted())  # once is enough
        await harness.settled()
        assert len(interruptions(harness)) == 1
        await hear(harness, "wait, another question", began=0.1)
        assert [turn.text for turn in turns(harness)] == ["wait, another question"]


@pytest.mark.parametrize(("policy", "speaks"), [("ignore", True), ("barge_in", False)])
async def test_speech_interrupts_nothing_else(policy: str, speaks: bool) -> None:
    async with taking_turns(while_speaking=policy) as harness:
        if speaks:
            await harness.send("speech/reply", voice(5.0))
        await harness.send("speech/started", SpeechStarted())
        await harness.settled()
        assert interruptions(harness) == []
