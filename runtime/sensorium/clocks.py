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
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import (
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
    nullcontext,
    suppress,
)
from typing import Any
from weakref import WeakKeyDictionary

from sensorium.events import NS_PER_S


class Clock(ABC):
    """A source of time in ns since the Unix epoch, and of sleep."""

    now: Callable[[], int]
    """The time in ns since the epoch."""

    @abstractmethod
    async def sleep_until(self, when: int, *, background: bool = False) -> None:
        """Return once ``now() >= when`` (ns).

        Virtual time does not move for the sake of a ``background`` sleeper alone: right for
        reports and housekeeping, wrong for anything that an agent does.
        """

    async def sleep(self, seconds: float, *, background: bool = False) -> None:
        """Return once ``seconds`` have passed on this clock."""
        await self.sleep_until(self.now() + round(seconds * NS_PER_S), background=background)

    @asynccontextmanager
    async def timeout(self, seconds: float | None) -> AsyncIterator[None]:
        """Raise TimeoutError when the block takes longer than ``seconds`` on this clock."""
        if seconds is None:
            yield
            return
        task = asyncio.current_task()
        assert task is not None
        limit = _Limit(task)
        ring = self._ring(self.now() + round(seconds * NS_PER_S), limit)
        alarm = asyncio.get_running_loop().create_task(ring, name="time limit")
        try:
            with limit:
                yield
        finally:
            alarm.cancel()
            await asyncio.wait([alarm])

    def hold(self) -> AbstractContextManager[None]:
        """Virtual time stands still in this block: somebody works where the clock cannot see it,
        in a thread or another process. Real time does not care."""
        return nullcontext()

    async def _ring(self, due: int, limit: _Limit) -> None:
        await self.sleep_until(due)
        limit.expire()


class _Limit:
    """Makes of a task's cancellation a TimeoutError, as :func:`asyncio.timeout` does.

    But it cancels in the very turn of the event loop in which it expires, not in the next one:
    whoever wakes between the two has lost, in a replay as in the recording.
    """

    def __init__(self, task: asyncio.Task[Any]) -> None:
        self._task = task
        self._cancelling = task.cancelling()
        self._expired = False

    def expire(self) -> None:
        self._expired = True
        self._task.cancel()

    def __enter__(self) -> None:
        """Nothing to do."""

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        mine = self._expired and self._task.uncancel() <= self._cancelling
        if mine and isinstance(error, asyncio.CancelledError):
            raise TimeoutError from error


class WallClock(Clock):
    """The machine's own time."""

    now = staticmethod(time.time_ns)

    async def sleep_until(self, when: int, *, background: bool = False) -> None:
        """Return once the machine's time has reached ``when`` (ns)."""
        await asyncio.sleep(max(0, when - time.time_ns()) / NS_PER_S)
        # Again if a timer went off a little early; there is no event that anybody could set.
        while (left := when - time.time_ns()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(left / NS_PER_S)

    @asynccontextmanager
    async def timeout(self, seconds: float | None) -> AsyncIterator[None]:
        """Raise TimeoutError when the block takes longer than ``seconds``."""
        async with asyncio.timeout(seconds):
            yield


NO_STEP = -1
_FIRST = -1  # the rank of sleepers that have none: of those of one time they wake first


class VirtualClock(Clock):
    """Time that moves only by :meth:`advance`, or by itself under :meth:`run` when all is idle.

    A sleeper wakes at exactly its time, one after the other: in order of time, of rank and of
    going to sleep. Each runs to its next wait before the next one wakes, so a run is the same
    whatever the speed of the machine.
    """

    def __init__(self, start: int = 0) -> None:
        self._now = start
        self._order = itertools.count()
        self._sleepers: list[tuple[int, int, int, int, asyncio.Future[None]]] = []
        self._waited_for = 0  # sleepers that are not in the background
        self._held = 0
        self._changed = asyncio.Event()
        self.now = lambda: self._now

    @property
    def next_wake(self) -> int | None:
        """When the first sleeper wakes (ns), or None when nobody sleeps."""
        while self._sleepers and self._sleepers[0][-1].done():
            heapq.heappop(self._sleepers)
        return self._sleepers[0][0] if self._sleepers else None

    async def sleep_until(self, when: int, *, background: bool = False) -> None:
        """Sleep until the clock has been moved to ``when`` (ns)."""
        if when <= self._now:
            await asyncio.sleep(0)
            return
        await self._sleeper(when, _FIRST, NO_STEP, background=background)

    async def in_turn(self, when: int, rank: int, step: int = NO_STEP) -> None:
        """Sleep until ``when`` (ns), or now, and until every sleeper of that time that has a
        smaller ``rank`` has woken and run: the order of what happens at one instant.

        Sleepers of one ``step`` wake together: each runs to its next wait, in this order, before
        anything comes of what the first of them did.
        """
        await self.turn(when, rank, step)

    def turn(self, when: int, rank: int, step: int = NO_STEP) -> asyncio.Future[None]:
        """What :meth:`in_turn` waits for. Who needs it no more cancels it or sets its result."""
        return self._sleeper(max(when, self._now), rank, step, background=False)

    def skip_to(self, when: int, rank: int) -> bool:
        """Be at ``when`` (ns) at once, as :meth:`in_turn` would without waiting; False, and
        nothing is changed, where somebody is to wake before that, or holds the clock."""
        if self._held or (self.next_wake is not None and self._sleepers[0][:2] < (when, rank)):
            return False
        self._now = max(self._now, when)
        return True

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Time does not move by itself in this block."""
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1
            self._changed.set()

    async def advance(self, seconds: float) -> None:
        """Move time by ``seconds``, letting each sleeper run, to its next wait, at its time."""
        end = self._now + round(seconds * NS_PER_S)
        await tasks_blocked()
        while (when := self.next_wake) is not None and when <= end:
            self._wake_next()
            await tasks_blocked()
        self._now = max(self._now, end)

    async def run(self, *, speed: float | None = None) -> None:
        """Move time to the next sleeper whenever all is idle; runs until cancelled.

        Idle means that every task of the loop waits, and nobody holds the clock. ``speed`` is
        in virtual seconds a second; as fast as can be if None.
        """
        loop = asyncio.get_running_loop()
        began, origin = loop.time(), self._now
        while True:
            await tasks_blocked()
            self._changed.clear()
            when = self.next_wake
            if when is None or self._held or not self._waited_for:
                await self._changed.wait()
                continue
            if speed is not None:
                left = began + (when - origin) / NS_PER_S / speed - loop.time()
                if left > 0:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._changed.wait(), left)
                    continue  # meanwhile a sleeper may have gone, or somebody hold the clock
            self._wake_next()

    def _sleeper(
        self, when: int, rank: int, step: int, *, background: bool
    ) -> asyncio.Future[None]:
        wake: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (when, rank, next(self._order), step, wake))
        if not background:
            self._waited_for += 1
            wake.add_done_callback(self._has_woken)
        self._changed.set()
        return wake

    def _has_woken(self, _: asyncio.Future[None]) -> None:
        self._waited_for -= 1

    def _wake_next(self) -> None:
        step = NO_STEP
        while True:
            when, _, _, step, wake = heapq.heappop(self._sleepers)
            self._now = max(self._now, when)
            wake.set_result(None)
            if step == NO_STEP or self.next_wake is None or self._sleepers[0][3] != step:
                return


async def tasks_blocked() -> None:
    """Yield until every other task of this loop waits for a timer, a thread or the outside world.

    Callbacks count: after a task ends it takes the loop some turns to wake whoever waited for it
    with ``asyncio.wait`` or ``gather``.
    """
    # What the loop runs next: whoever does not wait has a step in it.
    loop = asyncio.get_running_loop()
    ready = getattr(loop, "_ready", None)
    me = asyncio.current_task()
    assert me is not None
    watching = _watching.setdefault(loop, set())
    watching.add(me)
    try:
        while True:
            await asyncio.sleep(0)
            # Each of the others watching is one of those that are ready.
            if (len(ready) < len(watching)) if ready is not None else _all_wait(watching):
                return
    finally:
        watching.discard(me)


def _all_wait(watching: set[asyncio.Task[Any]]) -> bool:
    """For loops that do not show what is ready: whether each task waits for something undone."""
    waiters = (getattr(task, "_fut_waiter", None) for task in asyncio.all_tasks() - watching)
    return all(waiter is not None and not waiter.done() for waiter in waiters)


# Who is in tasks_blocked, by loop: two of them must not wait for each other for ever.
_watching: WeakKeyDictionary[asyncio.AbstractEventLoop, set[asyncio.Task[Any]]] = (
    WeakKeyDictionary()
)
