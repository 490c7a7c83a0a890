"""An interruption stops what is being done with data, now, and leaves control alone."""

from __future__ import annotations

import asyncio
from typing import Any

from sensorium.components import Input, Output, Planner, Sink, Source
from sensorium.delivery import DeliveryPolicy
from sensorium.payloads import EventsDropped, Interrupted, Text, UserTurn


class Speaker(Sink):
    takes = {
        "text": Input("text", Text, DeliveryPolicy.block(3)),
        "turn": Input("turn", UserTurn),
    }
    interruptible = True
    began: list[str]
    cut: list[str]
    done: list[str]

    async def process(self, event: Any, emit: Any) -> None:
        self.began.append(event.payload.text)
        try:
            await self.context.clock.sleep(10)
        except asyncio.CancelledError:
            self.cut.append(event.payload.text)
            raise
        self.done.append(event.payload.text)


def speaker() -> type[Speaker]:
    return type("Speaker", (Speaker,), {"began": [], "cut": [], "done": []})


async def say(session: Any, *words: str) -> None:
    for word in words:
        await session.bus.publish("text", Text(word), source="test")


async def test_it_cancels_discards_data_and_keeps_control(stage: Any, turns: Any) -> None:
    kind = speaker()
    async with stage.running({"speaker": kind}) as session:
        await say(session, "a", "b")
        await session.bus.publish("turn", UserTurn("control"), source="test")
        await say(session, "c")
        await turns()
        waiting = asyncio.create_task(say(session, "d", "e"))
        await turns()
        assert not waiting.done()  # the mailbox holds b, c and d
        await stage.clock.advance(1)
        await session.interrupt("barge-in")
        await turns()
        assert kind.cut == ["a"]
        assert waiting.done()
        counts = {c.name: c for c in session.bus.statistics()}["speaker.text"]
        assert (counts.published, counts.dropped) == (5, {"interrupted": 4})
        await stage.clock.advance(1)
        await say(session, "new")
        await stage.clock.advance(30)
        assert kind.began == ["a", "control", "new"]
        assert kind.done == ["control", "new"]
        assert [(d.subscription, d.dropped) for d in stage.of(EventsDropped)] == [
            ("speaker.text", {"interrupted": 4})
        ]
        assert stage.failures == []


async def test_what_comes_after_it_is_not_touched(stage: Any) -> None:
    kind = speaker()
    async with stage.running({"speaker": kind}) as session:
        await session.interrupt("early")
        await stage.clock.advance(0.001)
        await say(session, "x")
        await stage.clock.advance(11)
        assert kind.done == ["x"]


async def test_what_comes_after_it_at_the_same_instant_is_not_touched(stage: Any) -> None:
    kind = speaker()
    async with stage.running({"speaker": kind}) as session:
        await say(session, "before")
        await session.interrupt("barge-in")
        await say(session, "after")  # virtual time has not moved
        await stage.clock.advance(20)
        assert kind.done == ["after"]


async def test_who_is_not_interruptible_goes_on(stage: Any) -> None:
    kind = speaker()
    kind.interruptible = False
    async with stage.running({"speaker": kind}) as session:
        await say(session, "a", "b")
        await stage.clock.advance(5)
        await session.interrupt("")
        await stage.clock.advance(20)
        assert kind.done == ["a", "b"]


async def test_one_cut_while_it_publishes_withdraws_what_it_held(stage: Any, turns: Any) -> None:
    class Talking(Planner):
        takes = {"turn": Input("turn", UserTurn)}
        gives = {"text": Output("out", Text)}
        interruptible = True

        async def process(self, event: Any, emit: Any) -> None:
            for number in range(10):
                await emit(Text(f"{event.payload.text}{number}"))

    async with stage.running({"talking": Talking}) as session:
        slow = session.bus.subscribe("out", DeliveryPolicy.block(2))
        await session.bus.publish("turn", UserTurn("a"), source="test")
        await turns()
        assert slow.statistics().waiting == 1
        await session.interrupt("")
        await turns()
        assert slow.statistics().waiting == 0
        assert [slow.get_nowait().payload.text for _ in range(2)] == ["a0", "a1"]  # type: ignore[union-attr]
        await stage.clock.advance(1)
        await session.bus.publish("turn", UserTurn("b"), source="test")
        await turns()
        event = slow.get_nowait()
        assert event is not None
        assert event.payload.text == "b0"
        assert event.sequence == 4  # a2 was counted when it was made, and never published


async def test_a_source_is_not_cut(stage: Any) -> None:
    class Ticking(Source):
        gives = {"text": Output("tick", Text)}
        interruptible = True

        async def run(self, emit: Any) -> None:
            for _ in range(5):
                await emit(Text("tick"))
                await self.context.clock.sleep(1)

    async with stage.running({"src": Ticking}) as session:
        await stage.clock.advance(1.5)
        await session.interrupt("")
        await stage.clock.advance(5)
        assert len(stage.of(Text)) == 5
        assert stage.endings == {"src": "reached its end"}


async def test_one_that_never_came_to_run_leaves_no_mailbox_behind(stage: Any) -> None:
    class Unmade(Speaker):
        def __init__(self, *args: Any) -> None:
            raise OSError("no")

    tables = {"unmade": {"on_error": {"action": "disable"}}}
    async with stage.running({"unmade": Unmade}, tables) as session:
        await session.interrupt("")
        assert [s.name for s in session.bus.statistics()] == ["the test"]


async def test_many_interruptions_at_once_are_one(stage: Any, turns: Any) -> None:
    kind = speaker()
    async with stage.running({"speaker": kind}) as session:
        await say(session, "a", "b")
        await turns()
        for _ in range(50):
            await session.interrupt("again")
        await turns()
        assert kind.cut == ["a"]
        assert len(stage.of(Interrupted)) == 50
        await stage.clock.advance(1)
        await say(session, "c")
        await stage.clock.advance(11)
        assert kind.done == ["c"]
