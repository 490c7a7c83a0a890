"""The bounded queues between the session and the broker, and the report of what they gave up."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sensorium.clocks import Clock
from sensorium.delivery import DropReason
from sensorium.events import NS_PER_S
from sensorium.payloads.base import Payload
from sensorium.payloads.system import EventsDropped

REPORT_EVERY_S = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Outgoing:
    """A message for the broker."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False
    properties: tuple[tuple[str, str], ...] = ()
    """User properties; sent with MQTT 5 only."""


class Outbox:
    """Messages on their way out, in order; each stays until the broker has it.

    ``accepted == delivered + dropped + pending`` always. When ``capacity`` messages wait, one
    more drops the oldest of them; messages under way (at most a window's worth) do not count as
    waiting and are not dropped.
    """

    def __init__(self, capacity: int) -> None:
        self.accepted = 0
        self.delivered = 0
        self.dropped = 0
        self._capacity = capacity
        self._waiting: deque[Outgoing] = deque()
        self._under_way: list[Outgoing] = []
        self._changed = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()

    @property
    def pending(self) -> int:
        """Messages waiting or under way."""
        return len(self._waiting) + len(self._under_way)

    def put(self, message: Outgoing) -> None:
        """Append ``message``, giving up the oldest waiting one if there are too many."""
        self.accepted += 1
        self._waiting.append(message)
        while len(self._waiting) > self._capacity:
            self._waiting.popleft()
            self.dropped += 1
        self._empty.clear()
        self._changed.set()

    async def take(self) -> Outgoing:
        """The next message, now under way. One taker at a time."""
        while not self._waiting:
            self._changed.clear()
            await self._changed.wait()
        message = self._waiting.popleft()
        self._under_way.append(message)
        return message

    def done(self, message: Outgoing) -> None:
        """The broker has ``message``."""
        self._under_way.remove(message)
        self.delivered += 1
        if not self.pending:
            self._empty.set()

    def connection_lost(self) -> None:
        """What was under way may not have arrived: it goes first again, in its old order."""
        self._waiting.extendleft(reversed(self._under_way))
        self._under_way.clear()
        self._changed.set()

    async def emptied(self) -> None:
        """Return when the broker has everything."""
        await self._empty.wait()

    def give_up(self) -> int:
        """Drop all that is left; returns how many that were."""
        left = self.pending
        self.dropped += left
        self._waiting.clear()
        self._under_way.clear()
        self._empty.set()
        return left


@dataclass(frozen=True, slots=True, eq=False)
class Arrival:
    """A message from the broker."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    time: int
    """When it came in, ns since the epoch on the session's clock."""
    properties: dict[str, str]
    """User properties of MQTT 5."""
    acknowledge: Callable[[], None]
    """Tells the broker that we are done with it."""


class Arrivals:
    """Messages that came in and are not handled yet, for one reader.

    A full queue gives up its oldest message of QoS 0. When it holds none, the new one is given
    up without being acknowledged, so a broker that keeps our session delivers it again after the
    next reconnection.
    """

    def __init__(self, capacity: int) -> None:
        self.dropped = 0
        self._capacity = capacity
        self._queue: deque[Arrival] = deque()
        self._changed = asyncio.Event()
        self._failure: Exception | None = None

    def put(self, arrival: Arrival) -> None:
        """Append ``arrival``."""
        if len(self._queue) >= self._capacity:
            self.dropped += 1
            oldest = next((held for held in self._queue if held.qos == 0), None)
            if oldest is None:
                return
            self._queue.remove(oldest)
        self._queue.append(arrival)
        self._changed.set()

    def fail(self, error: Exception) -> None:
        """Make :meth:`take` raise ``error`` from now on."""
        self._failure = error
        self._changed.set()

    async def take(self) -> Arrival:
        """The next message."""
        while True:
            if self._failure is not None:
                raise self._failure
            if self._queue:
                return self._queue.popleft()
            self._changed.clear()
            await self._changed.wait()

    def __len__(self) -> int:
        return len(self._queue)


class DropReport:
    """Announces a growing count of drops as EventsDropped, at most once a second."""

    def __init__(
        self, queue: str, clock: Clock, announce: Callable[[Payload], Awaitable[None]]
    ) -> None:
        self._queue = queue
        self._clock = clock
        self._announce = announce
        self._reported = 0
        self._next = 0

    async def update(
        self, total: int, *, reason: DropReason = DropReason.FULL, now: bool = False
    ) -> None:
        """Say what was dropped since the last report, if it is time to or ``now`` asks for it."""
        new = total - self._reported
        time = self._clock.now()
        if not new or (time < self._next and not now):
            return
        self._reported = total
        self._next = time + round(REPORT_EVERY_S * NS_PER_S)
        await self._announce(EventsDropped(self._queue, {reason.value: new}))
