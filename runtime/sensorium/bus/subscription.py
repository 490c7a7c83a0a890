"""A subscription: one bounded mailbox with a delivery policy.

``published = delivered + dropped + pending`` holds at every moment. An event that a publisher is
still waiting to hand over (``waiting``) is not published yet.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from sensorium.delivery import DeliveryPolicy, DropReason, EventClass, WhenFull
from sensorium.errors import BusClosed, BusError
from sensorium.events import NS_PER_MS, NS_PER_S, AnyEvent

SYSTEM_CAPACITY = 1024  # system events are few; a mailbox that holds more is not being read

_Line = deque[tuple[AnyEvent, asyncio.Future[None]]]  # publishers that wait, and their events


@dataclass(frozen=True, slots=True)
class SubscriptionStatistics:
    """Counts since the subscription was made."""

    name: str
    pattern: str
    policy: str
    published: int
    delivered: int
    dropped: dict[str, int]
    pending: int
    waiting: int
    """Events whose publishers wait for room; not counted as published."""


class Subscription:
    """A mailbox. Take events with ``async for event in subscription`` or :meth:`get`.

    One reader at a time. ``async with`` unsubscribes at the end; what is pending then counts as
    dropped (``closed``).
    """

    def __init__(
        self,
        pattern: str,
        policy: DeliveryPolicy,
        name: str,
        now: Callable[[], int],
        on_close: Callable[[Subscription], None],
    ) -> None:
        self.pattern = pattern
        self.policy = policy
        self.name = name
        self.closed = False
        self._now = now
        self._on_close = on_close
        self._queue: deque[AnyEvent] = deque()
        self._system: deque[AnyEvent] = deque()
        self._waiting: _Line = deque()
        self._system_waiting: _Line = deque()
        self._reader: asyncio.Future[None] | None = None
        self._published = 0
        self._delivered = 0
        self._dropped: Counter[DropReason] = Counter()
        # ns between two events of a throttled mailbox, and the creation time of the last it took
        self._period = round(NS_PER_S / policy.throttle_hz) if policy.throttle_hz else 0
        self._last_taken: int | None = None
        # Below the limit an event is taken without looking. The limit is 0 while publishers wait
        # (they come first) and in a throttled mailbox, which looks at every event.
        self._limit = self._open_limit = 0 if policy.throttle_hz else policy.capacity
        # True when taking the next event needs more than popping the queue.
        self._careful = policy.max_age_ms is not None

    # --- the publisher's side: called by the bus, never awaits -------------------------------

    def offer(self, event: AnyEvent) -> asyncio.Future[None] | None:
        """Accept, drop or hold ``event``; a future means that the publisher has to wait for it."""
        queue = self._queue
        if len(queue) < self._limit:
            self._published += 1
            queue.append(event)
            if self._reader is not None:
                self._wake()
            return None
        return self._offer_carefully(event)

    def offer_system(self, event: AnyEvent) -> asyncio.Future[None] | None:
        """Accept a system event ahead of everything else."""
        if len(self._system) >= SYSTEM_CAPACITY:
            return self._hold(event, self._system_waiting)
        self._published += 1
        self._careful = True
        self._system.append(event)
        self._wake()
        return None

    def _offer_carefully(self, event: AnyEvent) -> asyncio.Future[None] | None:
        policy = self.policy
        protected = self._is_protected(event)
        if policy.throttle_hz and not protected:
            if self._is_too_soon(event):
                self._drop_incoming(DropReason.THROTTLED)
                return None
            self._last_taken = event.creation_time
        full = len(self._queue) >= policy.capacity or bool(self._waiting)
        if full:
            if policy.when_full is WhenFull.BLOCK:
                return self._hold(event, self._waiting)
            victim = self._victim(event, protected)
            if victim is None:
                if protected:
                    return self._hold(event, self._waiting)
                self._drop_incoming(DropReason.FULL)
                return None
            del self._queue[victim]
            self._dropped[_overflow_reason(policy)] += 1
        self._published += 1
        self._queue.append(event)
        self._wake()
        return None

    def _is_too_soon(self, event: AnyEvent) -> bool:
        # By distance, not by a next allowed time: after the machine's clock was set back, or one
        # event from a clock that runs ahead, such a time would keep the mailbox shut for long.
        last = self._last_taken
        return last is not None and abs(event.creation_time - last) < self._period

    def _victim(self, incoming: AnyEvent, protected: bool) -> int | None:
        """Index of the event to give up for ``incoming``; None to give up the incoming one.

        The oldest of those that are shed first: telemetry, then video, then audio.
        """
        best, index = (4 if protected else incoming.payload.shed), None
        for position, held in enumerate(self._queue):
            shed = held.payload.shed
            if (shed < best or (shed == best and index is None)) and not self._is_protected(held):
                best, index = shed, position
        return index

    def _is_protected(self, event: AnyEvent) -> bool:
        guarantee = self.policy.guarantee
        control = event.payload.event_class is not EventClass.DATA
        return control or (guarantee is not None and guarantee(event))

    def _drop_incoming(self, reason: DropReason) -> None:
        self._published += 1
        self._dropped[reason] += 1

    def _hold(self, event: AnyEvent, line: _Line) -> asyncio.Future[None]:
        """Queue the publisher: events of waiting publishers come in in the order of their calls."""
        accepted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        line.append((event, accepted))
        self._limit = 0
        self._careful = True
        return accepted

    def withdraw(self, accepted: asyncio.Future[None]) -> None:
        """A publisher that waited for ``accepted`` gave up; its event was never published."""
        for line in (self._waiting, self._system_waiting):
            for position, (_, held) in enumerate(line):
                if held is accepted:
                    del line[position]
                    self._admit_waiting()
                    return

    # --- the subscriber's side ---------------------------------------------------------------

    async def __aiter__(self) -> AsyncIterator[AnyEvent]:
        queue = self._queue
        while True:
            while queue and not self._careful:
                self._delivered += 1
                yield queue.popleft()
            event = self.get_nowait()
            if event is not None:
                yield event
            elif self.closed:
                return
            else:
                await self.wait()

    async def get(self) -> AnyEvent:
        """The next event, waiting for it. Raises :class:`BusClosed` once closed."""
        while True:
            event = self.get_nowait()
            if event is not None:
                return event
            if self.closed:
                raise BusClosed(f"subscription {self.name!r} is closed")
            await self.wait()

    def get_nowait(self) -> AnyEvent | None:
        """The next event if there is one: system events first."""
        queue = self._queue
        if not self._careful:
            if not queue:
                return None
            self._delivered += 1
            return queue.popleft()
        if not self._system:
            self._drop_too_old()
        return self._next()

    def take(self, event_id: str) -> AnyEvent | None:
        """The event of that id if it is the next, however old it is."""
        event = next(iter(self._system or self._queue), None)
        return self._next() if event is not None and event.id == event_id else None

    def leave_out_before(self, event_id: str) -> None:
        """Give up, as too old, what is before the event of that id: all, if it is not there."""
        queue = self._queue
        while queue and queue[0].id != event_id and not self._is_protected(queue[0]):
            queue.popleft()
            self._dropped[DropReason.TOO_OLD] += 1
            if not queue:
                self._admit_waiting()

    def _next(self) -> AnyEvent | None:
        lane = self._system or self._queue
        event = lane.popleft() if lane else None
        self._admit_waiting()
        held = self._system or self._waiting or self._system_waiting
        self._careful = bool(held or self.policy.max_age_ms)
        if event is not None:
            self._delivered += 1
        return event

    async def wait(self) -> None:
        """Return when there may be an event to take, or the mailbox was closed."""
        if self._reader is not None:
            raise BusError(f"subscription {self.name!r} has a reader already: one at a time")
        reader: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._reader = reader
        try:
            await reader
        finally:
            if self._reader is reader:
                self._reader = None

    def share_reader(self, reader: asyncio.Future[None] | None) -> None:
        """Let several mailboxes wake one reader (see :class:`sensorium.bus.merge.Merged`).

        None takes it back. Raises :class:`BusError` when somebody else is reading.
        """
        if reader is not None and self._reader is not None:
            raise BusError(f"subscription {self.name!r} has a reader already: one at a time")
        self._reader = reader

    def peek(self) -> AnyEvent | None:
        """The event that would be taken next, left where it is."""
        if self._system:
            return self._system[0]
        if self.policy.max_age_ms is not None:
            self._drop_too_old()
        return self._queue[0] if self._queue else None

    def discard(self, reason: DropReason, which: Callable[[AnyEvent], bool]) -> int:
        """Give up data events for which ``which(event)`` is true; returns how many.

        Those that publishers wait to hand over are given up as well: they count as published
        and dropped, and their publishers go on.
        """
        kept = [e for e in self._queue if self._is_protected(e) or not which(e)]
        gone = len(self._queue) - len(kept)
        self._queue.clear()
        self._queue.extend(kept)
        for event, accepted in tuple(self._waiting):
            if not accepted.done() and not self._is_protected(event) and which(event):
                self._waiting.remove((event, accepted))
                self._published += 1
                gone += 1
                accepted.set_result(None)
        self._dropped[reason] += gone
        self._admit_waiting()
        return gone

    def close(self) -> None:
        """Unsubscribe. Pending events count as dropped; waiting publishers go on."""
        if self.closed:
            return
        self.closed = True
        self._dropped[DropReason.CLOSED] += len(self._queue) + len(self._system)
        self._queue.clear()
        self._system.clear()
        for line in (self._waiting, self._system_waiting):
            for _, accepted in line:
                if not accepted.done():
                    accepted.set_result(None)
            line.clear()
        self._wake()
        self._on_close(self)

    async def __aenter__(self) -> Subscription:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    @property
    def pending(self) -> int:
        """Events in the mailbox."""
        return len(self._queue) + len(self._system)

    def statistics(self) -> SubscriptionStatistics:
        """Counts so far; ``published == delivered + sum(dropped.values()) + pending``."""
        return SubscriptionStatistics(
            name=self.name,
            pattern=self.pattern,
            policy=str(self.policy),
            published=self._published,
            delivered=self._delivered,
            dropped={reason.value: n for reason, n in self._dropped.items() if n},
            pending=self.pending,
            waiting=len(self._waiting) + len(self._system_waiting),
        )

    def __repr__(self) -> str:
        return (
            f"<Subscription {self.name!r} to {self.pattern!r} {self.policy} pending={self.pending}>"
        )

    def _drop_too_old(self) -> None:
        limit = self.policy.max_age_ms
        if limit is None:
            return
        oldest = self._now() - limit * NS_PER_MS
        queue = self._queue
        while queue and queue[0].originating_time < oldest and not self._is_protected(queue[0]):
            queue.popleft()
            self._dropped[DropReason.TOO_OLD] += 1
            if not queue:
                self._admit_waiting()  # they may be young enough, and nobody else lets them in

    def _admit_waiting(self) -> None:
        self._admit(self._system_waiting, self._system, SYSTEM_CAPACITY)
        self._admit(self._waiting, self._queue, self.policy.capacity)
        if not self._waiting:
            self._limit = self._open_limit

    def _admit(self, line: _Line, lane: deque[AnyEvent], room: int) -> None:
        while line and (line[0][1].done() or len(lane) < room):
            event, accepted = line.popleft()
            if not accepted.done():  # else its publisher was cancelled and has not withdrawn yet
                lane.append(event)
                self._published += 1
                accepted.set_result(None)

    def _wake(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None and not reader.done():
            reader.set_result(None)


def _overflow_reason(policy: DeliveryPolicy) -> DropReason:
    return DropReason.SUPERSEDED if policy.capacity == 1 else DropReason.FULL
