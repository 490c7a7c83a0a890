"""Random runs of one mailbox against an oracle that is too simple to be wrong."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from sensorium.bus import EventBus, Subscription, subscription
from sensorium.clocks import VirtualClock, tasks_blocked
from sensorium.delivery import DeliveryPolicy, DropReason, EventClass, WhenFull
from sensorium.events import NS_PER_MS, AnyEvent
from sensorium.payloads import Payload, Shed, payload

SYSTEM_ROOM = 3  # so that a full system lane is met within few steps


@payload("test.telemetry", shed=Shed.TELEMETRY)
class Telemetry(Payload):
    guaranteed: bool


@payload("test.video", shed=Shed.VIDEO)
class Video(Payload):
    guaranteed: bool


@payload("test.audio", shed=Shed.AUDIO)
class Audio(Payload):
    guaranteed: bool


@payload("test.derived")
class Derived(Payload):
    guaranteed: bool


@payload("test.control", event_class=EventClass.CONTROL)
class Control(Payload):
    guaranteed: bool = False


@payload("test.system", event_class=EventClass.SYSTEM)
class System(Payload):
    guaranteed: bool = False


data_kinds = st.sampled_from([Telemetry, Video, Audio, Derived])
policies = st.builds(
    DeliveryPolicy,
    st.sampled_from(WhenFull),
    st.integers(1, 4),
    st.none() | st.sampled_from([5.0, 20.0]),
    st.none() | st.sampled_from([100.0, 400.0]),
    st.none() | st.just(lambda event: event.payload.guaranteed),
)


class Oracle:
    """What a mailbox has to do, in the plainest words; events are named by (source, number)."""

    def __init__(self, policy: DeliveryPolicy) -> None:
        self.policy = policy
        self.system: list[AnyEvent] = []
        self.queue: list[AnyEvent] = []
        self.waiting: list[AnyEvent] = []
        self.delivered: list[AnyEvent] = []
        self.dropped: Counter[str] = Counter()
        self.last_taken: int | None = None

    def protects(self, event: AnyEvent) -> bool:
        guarantee = self.policy.guarantee
        if event.event_class is not EventClass.DATA:
            return True
        return guarantee is not None and guarantee(event)

    def publish(self, event: AnyEvent) -> None:
        if event.event_class is EventClass.SYSTEM:
            self.waiting.append(event)
        elif self._is_throttled(event):
            self.dropped["throttled"] += 1
        elif len(self.queue) < self.policy.capacity:
            self.queue.append(event)
        elif self.policy.when_full is WhenFull.BLOCK:
            self.waiting.append(event)
        else:
            self._make_room(event)
        self.settle()

    def _is_throttled(self, event: AnyEvent) -> bool:
        if self.policy.throttle_hz is None or self.protects(event):
            return False
        last, now = self.last_taken, event.creation_time
        if last is not None and abs(now - last) < round(1e9 / self.policy.throttle_hz):
            return True
        self.last_taken = now
        return False

    def _make_room(self, event: AnyEvent) -> None:
        may_go = [held for held in self.queue if not self.protects(held)]
        if not self.protects(event):
            may_go.append(event)
        if not may_go:
            self.waiting.append(event)
            return
        goes = min(may_go, key=lambda held: held.payload.shed)  # the first of the least
        self.queue = [held for held in [*self.queue, event] if held is not goes]
        one = self.policy.capacity == 1 and goes is not event
        self.dropped["superseded" if one else "full"] += 1

    def settle(self) -> None:
        """Let those in that there is room for."""
        for event in tuple(self.waiting):
            system = event.event_class is EventClass.SYSTEM
            lane, room = (
                (self.system, SYSTEM_ROOM) if system else (self.queue, self.policy.capacity)
            )
            if len(lane) < room:
                lane.append(event)
                self.waiting.remove(event)

    def take(self, now: int) -> AnyEvent | None:
        if self.system:
            taken = self.system.pop(0)
        else:
            self.drop_old(now)
            taken = self.queue.pop(0) if self.queue else None
        self.settle()
        if taken is not None:
            self.delivered.append(taken)
        return taken

    def drop_old(self, now: int) -> None:
        limit = self.policy.max_age_ms
        while limit is not None and self.queue and not self.protects(self.queue[0]):
            if self.queue[0].originating_time >= now - limit * NS_PER_MS:
                return
            self.queue.pop(0)
            self.dropped["too_old"] += 1
            if not self.queue:
                self.settle()

    def discard(self) -> int:
        gone = 0
        for lane in (self.queue, self.waiting):
            for event in tuple(lane):
                if not self.protects(event):
                    lane.remove(event)
                    gone += 1
        self.dropped["interrupted"] += gone
        self.settle()
        return gone


class Mailbox(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(subscription, "SYSTEM_CAPACITY", SYSTEM_ROOM)
        self.runner = asyncio.Runner()
        self.publishers: dict[asyncio.Task[AnyEvent], AnyEvent] = {}
        self.cancelled: list[AnyEvent] = []
        self.published: list[AnyEvent] = []

    @initialize(policy=policies)
    def open(self, policy: DeliveryPolicy) -> None:
        self.clock = VirtualClock(start=1_000_000_000_000)
        self.bus = EventBus(self.clock)
        self.mailbox: Subscription = self.bus.subscribe("#", policy)
        self.oracle = Oracle(policy)

    def teardown(self) -> None:
        for task in self.publishers:
            task.cancel()
        self.runner.run(tasks_blocked())
        self.runner.close()
        self.patch.undo()

    def do(self, step: Any) -> Any:
        async def within() -> Any:
            result = step()
            await tasks_blocked()
            return result

        return self.runner.run(within())

    def publish(self, made: Payload, source: str, age_ms: int) -> None:
        born = self.clock.now() - age_ms * NS_PER_MS

        async def publishing() -> AnyEvent:
            return await self.bus.publish("a/b", made, source=source, originating_time=born)

        def begin() -> asyncio.Task[AnyEvent]:
            return asyncio.get_running_loop().create_task(publishing())

        waiting_before = self.waiting
        task = self.do(begin)
        if task.done():
            event = task.result()
        else:
            event = self._held(made)
            assert self.waiting == waiting_before + 1
            self.publishers[task] = event
        self.published.append(event)
        self.oracle.publish(event)

    def _held(self, made: Payload) -> AnyEvent:
        lines = (*self.mailbox._waiting, *self.mailbox._system_waiting)
        return next(event for event, _ in lines if event.payload is made)

    @property
    def waiting(self) -> int:
        return self.mailbox.statistics().waiting

    @rule(
        kind=data_kinds,
        guaranteed=st.booleans(),
        source=st.sampled_from("xyz"),
        age=st.sampled_from([0, 3, 15, 50]),
    )
    def publish_data(self, kind: Any, guaranteed: bool, source: str, age: int) -> None:
        self.publish(kind(guaranteed), source, age)

    @rule(source=st.sampled_from("xyz"))
    def publish_control(self, source: str) -> None:
        self.publish(Control(), source, 50)

    @rule(source=st.sampled_from("xyz"))
    def publish_system(self, source: str) -> None:
        self.publish(System(), source, 50)

    @rule(times=st.integers(1, 3))
    def take(self, times: int) -> None:
        for _ in range(times):
            taken = self.do(self.mailbox.get_nowait)
            assert taken is self.oracle.take(self.clock.now())

    @rule()
    def peek_shows_what_is_taken_next(self) -> None:
        shown = self.do(self.mailbox.peek)
        assert shown is self.do(self.mailbox.get_nowait)
        assert shown is self.oracle.take(self.clock.now())

    @rule(ms=st.sampled_from([1, 4, 10, 30]))
    def time_passes(self, ms: int) -> None:
        self.do(lambda: setattr(self.clock, "_now", self.clock.now() + ms * NS_PER_MS))

    @rule()
    def interrupt(self) -> None:
        gone = self.do(lambda: self.mailbox.discard(DropReason.INTERRUPTED, lambda event: True))
        assert gone == self.oracle.discard()

    @precondition(lambda self: self.publishers)
    @rule(data=st.data())
    def cancel_a_waiting_publisher(self, data: st.DataObject) -> None:
        waiting = [task for task in self.publishers if not task.done()]
        if not waiting:
            return
        task = data.draw(st.sampled_from(waiting))
        event = self.publishers.pop(task)
        self.do(task.cancel)
        assert task.cancelled()
        self.cancelled.append(event)
        self.oracle.waiting.remove(event)
        self.oracle.settle()

    @rule()
    def a_reader_that_waits_is_woken_or_finds_nothing(self) -> None:
        """get() must not wait while an event could be had."""
        reader = self.do(lambda: asyncio.get_running_loop().create_task(self.mailbox.get()))
        expected = self.oracle.take(self.clock.now())
        if expected is None:
            assert not reader.done()
            self.do(reader.cancel)
        else:
            assert reader.done()
            assert reader.result() is expected

    @invariant()
    def counts_add_up(self) -> None:
        if not hasattr(self, "oracle"):
            return
        counts, oracle = self.mailbox.statistics(), self.oracle
        assert counts.published == counts.delivered + sum(counts.dropped.values()) + counts.pending
        assert counts.delivered == len(oracle.delivered)
        assert counts.dropped == {k: n for k, n in oracle.dropped.items() if n}
        assert counts.pending == len(oracle.queue) + len(oracle.system)
        assert counts.waiting == len(oracle.waiting)
        assert counts.published == len(self.published) - len(self.cancelled) - counts.waiting

    @invariant()
    def room_is_kept(self) -> None:
        if hasattr(self, "oracle"):
            assert len(self.mailbox._queue) <= self.mailbox.policy.capacity
            assert len(self.mailbox._system) <= SYSTEM_ROOM

    @invariant()
    def publishers_wait_only_while_theirs_is_out(self) -> None:
        for task, event in self.publishers.items():
            assert task.done() is (event not in self.oracle.waiting)

    @invariant()
    def order_holds_per_source_and_lane(self) -> None:
        if not hasattr(self, "oracle"):
            return
        for source in "xyz":
            for system in (True, False):
                numbers = [
                    event.sequence
                    for event in self.oracle.delivered
                    if event.source == source and (event.event_class is EventClass.SYSTEM) is system
                ]
                assert numbers == sorted(set(numbers))

    @invariant()
    def nothing_protected_is_lost(self) -> None:
        if not hasattr(self, "oracle"):
            return
        oracle = self.oracle
        kept = [*oracle.delivered, *oracle.queue, *oracle.system, *oracle.waiting, *self.cancelled]
        assert {e.id for e in self.published if oracle.protects(e)} <= {e.id for e in kept}


TestMailbox = Mailbox.TestCase
TestMailbox.settings = settings(max_examples=120, stateful_step_count=40, deadline=None)
