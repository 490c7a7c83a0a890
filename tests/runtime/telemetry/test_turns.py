"""Where the time of a turn goes; the parts always sum to the whole."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from sensorium.bus import EventBus
from sensorium.clocks import VirtualClock, tasks_blocked
from sensorium.events import NS_PER_MS
from sensorium.payloads import (
    ComponentFailed,
    FirstSound,
    GroundedTurn,
    PayloadRegistry,
    Reply,
    ReplyPart,
    SpeechDone,
    Text,
    Transcript,
    TurnTiming,
    UserTurn,
    WorldState,
)
from sensorium.payloads.codec import payload_from_json, payload_to_json
from sensorium.telemetry import turns as turns_module
from sensorium.telemetry.turns import OPEN_TURNS, TOPIC, TurnTimer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

NOTHING = WorldState(())


class Chatbot:
    """Publishes what an agent would, ``ms`` after the step before."""

    def __init__(self, bus: EventBus, clock: VirtualClock, timer: TurnTimer, told: Any) -> None:
        self.bus, self.clock, self.timer, self.told = bus, clock, timer, told

    async def step(self, ms: float, topic: str, payload: Any, *parents: Any, **given: Any) -> Any:
        await self.clock.advance(ms / 1000)
        ids = tuple(parent.id for parent in parents)
        root = parents[0].trace_id if parents else ""
        made = await self.bus.publish(
            topic, payload, source=topic.replace("/", "_"), parents=ids, root=root, **given
        )
        await tasks_blocked()
        return made

    async def asked(self, text: str = "who is there?") -> Any:
        typed = await self.step(0, "chat/text", Text(text))
        return await self.step(2, "chat/turn", UserTurn(text), typed)

    async def answered(self, turn: Any, *, finished: bool = True) -> Any:
        grounded = await self.step(30, "chat/grounded", GroundedTurn(turn.payload, NOTHING), turn)
        await self.step(200, "reply/part", ReplyPart(turn.id, "A "), grounded)
        await self.step(50, "reply/part", ReplyPart(turn.id, "dog."), grounded)
        return await self.step(60, "reply/text", Reply(turn.id, "A dog.", finished), grounded)

    def timings(self) -> list[TurnTiming]:
        found = []
        while (event := self.told.get_nowait()) is not None:
            found.append(event.payload)
        return found


@asynccontextmanager
async def chatbot(*, speaks: bool, clock: VirtualClock) -> AsyncIterator[Chatbot]:
    async with EventBus(clock) as bus:
        timer = TurnTimer(bus, lambda: speaks, keep=3)
        following = asyncio.ensure_future(timer.run())
        await tasks_blocked()
        yield Chatbot(bus, clock, timer, bus.subscribe(TOPIC))
        bus.close()
        await following


def parts_ms(timing: TurnTiming) -> dict[str, float]:
    return {name: took / NS_PER_MS for name, took in timing.parts.items()}


async def test_a_typed_turn_of_an_agent_that_writes(clock: VirtualClock) -> None:
    async with chatbot(speaks=False, clock=clock) as bot:
        begun = clock.now()
        await bot.answered(await bot.asked())
        (timing,) = bot.timings()
    assert parts_ms(timing) == {"heard": 0, "understood": 32, "planned": 200, "finished": 110}
    assert timing.whole == clock.now() - begun == sum(timing.parts.values())
    assert (timing.text, timing.spoken, timing.outcome) == ("who is there?", False, "done")


async def test_a_spoken_turn_begins_with_the_last_sample_of_the_question(
    clock: VirtualClock,
) -> None:
    async with chatbot(speaks=True, clock=clock) as bot:
        ended = clock.now()
        words = Transcript("hello", 1.0, ended)
        heard = await bot.step(
            400, "speech/transcript", words, originating_time=ended - 900 * NS_PER_MS
        )
        turn = await bot.step(1, "chat/turn", UserTurn("hello", spoken=True), heard)
        reply = await bot.answered(turn)
        assert bot.timings() == []  # it has not been spoken yet
        sound = await bot.step(40, "speech/first_sound", FirstSound(turn.id), reply)
        await bot.step(2000, "speech/done", SpeechDone(turn.id, 2.0), sound)
        (timing,) = bot.timings()
    assert parts_ms(timing) == {
        "heard": 400, "understood": 31, "planned": 200, "first_sound": 150, "finished": 2000,
    }  # fmt: skip
    assert timing.captured == ended
    assert timing.whole == clock.now() - ended


async def test_sound_may_come_before_the_reply_is_whole(clock: VirtualClock) -> None:
    async with chatbot(speaks=True, clock=clock) as bot:
        turn = await bot.asked()
        grounded = await bot.step(5, "chat/grounded", GroundedTurn(turn.payload, NOTHING), turn)
        part = await bot.step(10, "reply/part", ReplyPart(turn.id, "Yes."), grounded)
        await bot.step(20, "speech/first_sound", FirstSound(turn.id), part)
        await bot.step(300, "reply/text", Reply(turn.id, "Yes. It is."), grounded)
        await bot.step(70, "speech/done", SpeechDone(turn.id, 1.0), part)
        (timing,) = bot.timings()
    assert list(timing.parts) == ["heard", "understood", "planned", "first_sound", "finished"]
    assert timing.whole == clock.now() - timing.captured


async def test_sound_that_runs_ahead_of_the_clock_takes_no_time(clock: VirtualClock) -> None:
    async with chatbot(speaks=False, clock=clock) as bot:
        later = clock.now() + 10**10  # a recording that is played fast
        heard = await bot.step(5, "speech/transcript", Transcript("hi", 1.0, later))
        await bot.answered(await bot.step(1, "chat/turn", UserTurn("hi", True), heard))
        (timing,) = bot.timings()
    assert timing.parts["heard"] == 0
    assert min(timing.parts.values()) >= 0


async def test_an_interrupted_turn(clock: VirtualClock) -> None:
    async with chatbot(speaks=False, clock=clock) as bot:
        await bot.answered(await bot.asked(), finished=False)
        (timing,) = bot.timings()
        assert timing.outcome == "interrupted"
        assert bot.timer.outcomes == {"interrupted": 1}


@pytest.mark.parametrize("news_first", [True, False])
async def test_a_turn_that_is_lost_with_a_component(clock: VirtualClock, news_first: bool) -> None:
    async with chatbot(speaks=True, clock=clock) as bot:
        turn = await bot.asked()
        payload = GroundedTurn(turn.payload, NOTHING)
        failed = ComponentFailed("chat", "boom", "E", "skip", "process", "chat_grounded#0")
        if news_first:
            await bot.step(10, "system/component_failed", failed)
        await bot.step(0, "chat/grounded", payload, turn)
        if not news_first:
            await bot.step(10, "system/component_failed", failed)
        (timing,) = bot.timings()
        assert timing.outcome == "failed"
        assert timing.whole == sum(timing.parts.values())
        assert not bot.timer._turns


async def test_turns_that_overlap_are_told_apart(clock: VirtualClock) -> None:
    async with chatbot(speaks=False, clock=clock) as bot:
        first, second = await bot.asked("one"), await bot.asked("two")
        await bot.answered(second)
        await bot.answered(first)
        assert [timing.text for timing in bot.timings()] == ["two", "one"]
        assert [timing.text for timing in bot.timer.last] == ["two", "one"]


async def test_turns_that_nobody_answers_are_given_up(clock: VirtualClock) -> None:
    async with chatbot(speaks=False, clock=clock) as bot:
        for number in range(3 * OPEN_TURNS):
            await bot.asked(str(number))
        assert len(bot.timer._turns) == OPEN_TURNS
        assert bot.timings() == []


def test_a_timing_survives_the_wire() -> None:
    timing = TurnTiming("chat_turn#1", "hello", True, 5, {"heard": 3, "finished": 4})
    assert PayloadRegistry().get("turn_timing") is TurnTiming
    back = payload_from_json(TurnTiming, payload_to_json(timing))
    assert repr(back) == repr(timing)
    assert timing.whole == 7


async def test_what_is_remembered_of_many_turns_is_bounded(
    clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns_module, "OPEN_TURNS", 5)
    monkeypatch.setattr(turns_module, "REMEMBERED", 20)
    async with chatbot(speaks=False, clock=clock) as bot:
        for number in range(60):
            turn = await bot.asked(f"question {number}")
            if number % 3:
                await bot.answered(turn, finished=bool(number % 2))
            else:  # never answered
                failed = ComponentFailed("a", "x", "X", "skip", "process", f"other#{number}")
                await bot.step(1, "system/component_failed", failed)
        timer = bot.timer
        held = (timer._heard, timer._of, timer._lost)
        assert max(map(len, held)) == 20
        assert 3 <= len(timer._turns) <= 5
        assert len(timer.last) == 3
        assert sum(timer.outcomes.values()) == timer.whole.count == 40
        assert timer.outcomes == {"done": 20, "interrupted": 20}
