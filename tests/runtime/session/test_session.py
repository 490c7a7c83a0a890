"""A session from its start to its orderly end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from session_parts import Counting, Endless, Shouting

from sensorium.components import Input, Output, Sink, Source
from sensorium.delivery import DeliveryPolicy
from sensorium.errors import (
    ShutdownTimeout,
)
from sensorium.payloads import ComponentReady, EventsDropped, Text, UserTurn


async def test_events_go_through_keep_their_time_and_name_their_parents(stage: Any) -> None:
    async with stage.running({"src": Counting, "loud": Shouting}) as session:
        assert await session.wait() == "every source reached its end"
    loud = [e for e in stage.heard if e.topic == "loud/loud"]
    assert [e.payload.text for e in loud] == ["0!", "1!", "2!"]
    assert [e.parents for e in loud] == [("src#1",), ("src#2",), ("src#3",)]  # 0 said it is ready
    assert [e.trace_id for e in loud] == ["src#1", "src#2", "src#3"]
    assert stage.failures == []
    assert stage.endings == {"src": "reached its end", "loud": "cancelled"}


async def test_sources_begin_when_every_processor_is_ready(stage: Any) -> None:
    may_finish = asyncio.Event()

    class Slow(Shouting):
        async def setup(self) -> None:
            await may_finish.wait()

    session = stage.session({"src": Counting, "slow": Slow, "quick": Shouting})
    entering = asyncio.create_task(session.__aenter__())
    while len(stage.of(ComponentReady)) < 2:
        await asyncio.sleep(0)
    assert {ready.component for ready in stage.of(ComponentReady)} == {"src", "quick"}
    assert not stage.of(Text)
    may_finish.set()
    await entering
    await session.wait()
    await session.stop()
    first = next(e for e in stage.heard if isinstance(e.payload, Text))
    ready = [e for e in stage.heard if isinstance(e.payload, ComponentReady)]
    assert stage.heard.index(first) > max(map(stage.heard.index, ready))
    assert len(stage.of(Text)) == 3 + 3 * 2


async def test_the_drain_stage_delivers_what_is_pending(stage: Any) -> None:
    done = []
    gate = asyncio.Event()

    class Slow(Sink):
        takes = {"text": Input("text/+", Text)}

        async def process(self, event: Any, emit: Any) -> None:
            await gate.wait()
            done.append(event.payload.text)

    async with stage.running({"src": Counting, "slow": Slow}, {"shutdown": {"drain_s": 60}}):
        while not stage.endings:
            await asyncio.sleep(0)
        assert done == []
        asyncio.get_running_loop().call_soon(gate.set)
    assert done == ["0", "1", "2"]


async def test_what_does_not_drain_in_time_is_cancelled_and_counted(stage: Any, never: Any) -> None:
    class Stuck(Sink):
        takes = {"text": Input("text/+", Text)}

        async def process(self, event: Any, emit: Any) -> None:
            await never()

    async with stage.running({"src": Counting, "stuck": Stuck}, {"shutdown": {"drain_s": 0.01}}):
        while "src" not in stage.endings:
            await asyncio.sleep(0)
    assert stage.endings["stuck"] == "cancelled"
    assert EventsDropped("stuck.text", {"closed": 2}).dropped in [
        dropped.dropped for dropped in stage.of(EventsDropped)
    ]


@pytest.mark.parametrize("where", ["process", "run", "setup"])
async def test_who_ignores_cancellation_is_named(stage: Any, where: str, turns: Any) -> None:
    gate = asyncio.Event()

    async def stubborn() -> None:
        while not gate.is_set():
            try:
                await gate.wait()
            except asyncio.CancelledError:
                continue

    class Stubborn(Sink):
        takes = {"text": Input("text/+", Text)}

        async def process(self, event: Any, emit: Any) -> None:
            await stubborn()

    class StubbornSource(Source):
        async def run(self, emit: Any) -> None:
            await stubborn()

    class StubbornSetup(Source):
        async def setup(self) -> None:
            await stubborn()

        async def run(self, emit: Any) -> None: ...

    kind = {"process": Stubborn, "run": StubbornSource, "setup": StubbornSetup}[where]
    limits = {"shutdown": {"drain_s": 0.01, "cancel_s": 0.05}}
    session = stage.session({"src": Counting, "mule": kind, "fine": Shouting}, limits)
    entering = asyncio.create_task(session.__aenter__())
    await turns()
    if where != "setup":
        await entering
    with pytest.raises(ShutdownTimeout, match="mule") as raised:
        await session.stop()
    assert raised.value.stage == "cancel"
    assert "mule" in raised.value.blocking
    assert "fine" not in raised.value.blocking
    assert session.bus.closed
    gate.set()
    entering.cancel()
    await asyncio.wait([entering])
    await turns()


async def test_a_session_can_be_stopped_while_it_sets_up(stage: Any, never: Any) -> None:
    closed = []

    class Hanging(Sink):
        takes = {"text": Input("#", Text)}

        async def setup(self) -> None:
            await never()

        async def process(self, event: Any, emit: Any) -> None: ...

        async def close(self) -> None:
            closed.append(self.name)

    session = stage.session({"src": Counting, "hangs": Hanging})
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await session.__aenter__()
    assert closed == ["hangs"]
    assert session.bus.closed
    await session.stop()  # a second time does nothing


async def test_a_source_that_is_closing_is_left_in_peace(stage: Any, never: Any) -> None:
    steps = []

    class Device(Source):
        async def run(self, emit: Any) -> None:
            await never()

        async def close(self) -> None:
            steps.append("closing")
            for _ in range(20):
                await asyncio.sleep(0)
            steps.append("closed")

    async with stage.running({"device": Device}):
        pass
    assert steps == ["closing", "closed"]


async def test_waiting_ends_with_the_reason_of_a_stop(stage: Any, never: Any) -> None:
    async with stage.running({"src": Endless}) as session:
        waiting = asyncio.create_task(session.wait())
        await stage.clock.advance(3)
        assert not waiting.done()
        session.request_stop("enough")
        session.request_stop("too late")
        assert await waiting == "enough"
        assert await session.wait() == "enough"
    assert len(stage.of(Text)) == 4


async def test_waiting_goes_on_until_the_last_event_is_through(stage: Any) -> None:
    done = []

    class Slow(Sink):
        takes = {"text": Input("text/+", Text)}

        async def process(self, event: Any, emit: Any) -> None:
            await self.context.clock.sleep(10)
            done.append(event.payload.text)

    async with stage.running({"src": Counting, "slow": Slow}) as session:
        waiting = asyncio.create_task(session.wait())
        await stage.clock.advance(29)
        assert not waiting.done()
        await stage.clock.advance(1)
        assert await waiting == "every source reached its end"
    assert done == ["0", "1", "2"]


async def test_a_failure_at_the_last_event_is_heard_before_waiting_ends(stage: Any) -> None:
    class Fails(Sink):
        takes = {"text": Input("text/+", Text)}

        async def process(self, event: Any, emit: Any) -> None:
            if event.payload.text == "2":
                raise RuntimeError("at the last")

        async def close(self) -> None:
            await self.context.clock.sleep(5)

    tables = {"fails": {"on_error": {"action": "stop"}}}
    async with stage.running({"src": Counting, "fails": Fails}, tables) as session:
        waiting = asyncio.create_task(session.wait())
        await stage.clock.advance(6)
        assert "component 'fails' failed: at the last" in await waiting
        assert session.failures == {"fails": 1}


async def test_settled_waits_for_processors_and_not_for_sources(stage: Any) -> None:
    gate = asyncio.Event()

    class Slow(Sink):
        takes = {"text": Input("text/+", Text)}

        async def process(self, event: Any, emit: Any) -> None:
            await gate.wait()

    async with stage.running({"src": Endless, "slow": Slow}) as session:
        settled = asyncio.create_task(session.settled())
        await stage.clock.advance(0.5)
        assert not settled.done()
        gate.set()
        await asyncio.wait_for(settled, 5)


async def test_drops_are_reported_each_second_once(stage: Any) -> None:
    gate = asyncio.Event()

    class Slow(Sink):
        takes = {"text": Input("text/+", Text, DeliveryPolicy.latest())}

        async def process(self, event: Any, emit: Any) -> None:
            await gate.wait()

    async with stage.running({"src": Counting, "slow": Slow}) as session:
        await stage.clock.advance(0.9)
        assert not stage.of(EventsDropped)
        await stage.clock.advance(0.2)
        first = stage.of(EventsDropped)
        assert [(d.subscription, d.dropped) for d in first] == [("slow.text", {"superseded": 2})]
        await stage.clock.advance(3)
        assert stage.of(EventsDropped) == first
        gate.set()
        await session.settled()
        counts = {c.name: c for c in session.bus.statistics()}["slow.text"]
        assert counts.published == counts.delivered + 2 == 3


async def test_what_a_disabled_component_leaves_unread_is_reported(stage: Any) -> None:
    class Fails(Sink):
        takes = {"text": Input("text/+", Text)}

        async def process(self, event: Any, emit: Any) -> None:
            raise RuntimeError("no")

    tables = {"fails": {"on_error": {"action": "disable"}}}
    async with stage.running({"src": Counting, "fails": Fails}, tables) as session:
        await session.wait()
        await session.settled()
    assert [(d.subscription, d.dropped) for d in stage.of(EventsDropped)] == [
        ("fails.text", {"closed": 2})
    ]


async def test_a_payload_of_another_type_is_left_out_and_reported(stage: Any) -> None:
    async with stage.running({"loud": Shouting}) as session:
        await session.bus.publish("text/x", UserTurn("not a Text"), source="test")
        await session.bus.publish("text/x", Text("fine"), source="test")
        await session.settled()
    assert stage.failures == [("loud", "process", "skip")]
    assert [e.payload.text for e in stage.heard if e.topic == "loud/loud"] == ["FINE!"]


async def test_a_source_may_publish_nothing_it_did_not_declare(stage: Any) -> None:
    class Careless(Source):
        gives = {"text": Output("text/x", Text)}

        async def run(self, emit: Any) -> None:
            await emit(UserTurn("undeclared"))

    tables = {"careless": {"on_error": {"action": "disable"}}}
    async with stage.running({"careless": Careless}, tables) as session:
        await session.wait()
    assert stage.failures == [("careless", "run", "disable")]
    assert "emits UserTurn, which fits 0 of its outputs (text)" in stage.endings["careless"]
