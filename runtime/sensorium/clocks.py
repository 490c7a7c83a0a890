"""Clocks: where a session takes its time from.

Everything in an agent that waits, stamps or times out asks the session's clock, never the
``time`` module, so that the same agent runs live (:class:`WallClock`) and in simulation, replay
and tests (:class:`VirtualClock`), where time moves only when everybody waits.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from sensorium.events import NS_PER_S


class Clock(ABC):
    """A source of time in ns since the Unix epoch, and of sleep."""

    now: Callable[[], int]
    """The time in ns since the epoch."""

    @abstractmethod
    async def sleep_until(self, when: int) -> None:
        """Return once ``now() >= when`` (ns)."""

    async def sleep(self, seconds: float) -> None:
        """Return once ``seconds`` have passed on this clock."""
        await self.sleep_until(self.now() + round(seconds * NS_PER_S))


class WallClock(Clock):
    """The machine's own time."""

    now = staticmethod(time.time_ns)

    async def sleep_until(self, when: int) -> None:
        """Return once the machine's time has reached ``when`` (ns)."""
        await asyncio.sleep(max(0, when - time.time_ns()) / NS_PER_S)
        # Again if a timer went off a little early; there is no event that anybody could set.
        while (left := when - time.time_ns()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(left / NS_PER_S)


class VirtualClock(Clock):
    """Time that moves only by :meth:`advance`, or by itself under :meth:`run` when all is idle.

    A sleeper wakes at exactly its time, in order of time and then of going to sleep, so a run
    is the same whatever the speed of the machine.
    """

    def __init__(self, start: int = 0) -> None:
        self._now = start
        self._order = itertools.count()
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []
        self.now = lambda: self._now

    @property
    def next_wake(self) -> int | None:
        """When the first sleeper wakes (ns), or None when nobody sleeps."""
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)
        return self._sleepers[0][0] if self._sleepers else None

    async def sleep_until(self, when: int) -> None:
        """Sleep until the clock has been moved to ``when`` (ns)."""
        if when <= self._now:
            await asyncio.sleep(0)
            return
        wake: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (when, next(self._order), wake))
        await wake

    async def advance(self, seconds: float) -> None:
        """Move time by ``seconds``, letting each sleeper run, to its next wait, at its time."""
        end = self._now + round(seconds * NS_PER_S)
        await tasks_blocked()
        while (when := self.next_wake) is not None and when <= end:
            self._wake_at(when)
            await tasks_blocked()
        self._now = max(self._now, end)

    async def run(self, settled: Callable[[], asyncio.Future[None] | None]) -> None:
        """Move time to the next sleeper whenever all is idle; runs until cancelled.

        ``settled()`` returns None when every component is idle, or a future to wait on
        (work in a thread or another process counts as work).
        """
        while True:
            await tasks_blocked()
            busy = settled()
            if busy is not None:
                await busy
            elif (when := self.next_wake) is not None:
                self._wake_at(when)
            else:
                await asyncio.sleep(0.001)  # real time: only the outside world can wake us now

    def _wake_at(self, when: int) -> None:
        self._now = max(self._now, when)
        while self._sleepers and self._sleepers[0][0] <= when:
            _, _, wake = heapq.heappop(self._sleepers)
            if not wake.done():
                wake.set_result(None)


async def tasks_blocked() -> None:
    """Yield until every other task of this loop waits for a timer, a thread or the outside world.

    Callbacks count: after a task ends it takes the loop some turns to wake whoever waited for it
    with ``asyncio.wait`` or ``gather``.
    """
    ready = getattr(asyncio.get_running_loop(), "_ready", ())  # what the loop runs next
    me = asyncio.current_task()
    assert me is not None
    _watching.add(me)
    try:
        while True:
            await asyncio.sleep(0)
            if len(ready) >= len(_watching):  # each of the others watching is one of them
                continue
            for task in asyncio.all_tasks() - _watching:
                waiter = getattr(task, "_fut_waiter", None)
                if waiter is None or waiter.done():
                    break
            else:
                return
    finally:
        _watching.discard(me)


_watching: set[asyncio.Task[Any]] = set()  # in tasks_blocked: two of them must not wait for ever
