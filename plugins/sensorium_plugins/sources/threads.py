"""Blocking work beside the event loop: a thread with an owner, and a bounded way out of it.

A device is opened, read and released in one thread, and that thread ends when its owner closes.
Both threads here are daemons, so that a driver that never answers cannot keep a program from
ending.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Generic, ParamSpec, TypeVar

log = logging.getLogger("sensorium.sources")

T = TypeVar("T")
P = ParamSpec("P")
_Job = tuple[Callable[[], Any], "asyncio.Future[Any]", asyncio.AbstractEventLoop]


class Worker:
    """One thread that does blocking calls in the order they come; started by the first."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def submit(
        self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> asyncio.Future[T]:
        """Have ``function`` called in the thread; cancelling the future does not stop the call."""
        loop = asyncio.get_running_loop()
        result: asyncio.Future[T] = loop.create_future()
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name=self.name, daemon=True)
            self._thread.start()
        self._jobs.put((lambda: function(*args, **kwargs), result, loop))
        return result

    async def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call ``function`` in the thread; returns or raises what it does."""
        return await self.submit(function, *args, **kwargs)

    async def stop(self, last: Callable[[], None], *, limit_s: float) -> None:
        """Call ``last`` in the thread and end it.

        A thread that is still in a blocking call after ``limit_s`` is left to end by itself and
        named in the log.
        """
        if self._thread is None:
            return
        released = self.submit(last)
        self._jobs.put(None)
        try:
            async with asyncio.timeout(limit_s):
                await released
        except TimeoutError:
            log.error("thread %s still waits for its device after %s s", self.name, limit_s)
            return
        finally:
            thread, self._thread = self._thread, None
            if released.done() and not released.cancelled():
                thread.join()  # it has nothing left to do

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            function, result, loop = job
            try:
                value, error = function(), None
            except BaseException as raised:  # noqa: BLE001 - carried over to whoever waits
                value, error = None, raised
            try:
                loop.call_soon_threadsafe(_settle, result, value, error)
            except RuntimeError:  # the loop has closed: nobody waits any more
                return
            del job, function, result, value, error


def _settle(result: asyncio.Future[Any], value: Any, error: BaseException | None) -> None:
    if result.cancelled():
        return
    if error is None:
        result.set_result(value)
    else:
        result.set_exception(error)


class Handover(Generic[T]):
    """A bounded buffer from any thread to the loop it was made on; full, it gives up the oldest."""

    def __init__(self, capacity: int) -> None:
        self.arrived = 0
        """How many items were put, dropped ones included."""
        self._capacity = capacity
        self._items: deque[T] = deque()
        self._dropped = 0
        self._closed = False
        self._lock = threading.Lock()
        self._loop = asyncio.get_running_loop()
        self._ready = asyncio.Event()

    def put(self, item: T) -> None:
        """Add an item. From any thread; never waits."""
        with self._lock:
            if len(self._items) >= self._capacity:
                self._items.popleft()
                self._dropped += 1
            self._items.append(item)
            self.arrived += 1
        self._wake()

    def close(self) -> None:
        """Say that nothing more will come. From any thread."""
        self._closed = True
        self._wake()

    async def get(self) -> T | None:
        """The next item, or None once it is closed and empty."""
        while True:
            with self._lock:
                if self._items:
                    return self._items.popleft()
            if self._closed:
                return None
            self._ready.clear()  # set only on this loop, so nothing is missed in between
            await self._ready.wait()

    def take_dropped(self) -> int:
        """How many items were given up since this was last asked."""
        with self._lock:
            dropped, self._dropped = self._dropped, 0
        return dropped

    def _wake(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._ready.set)
        except RuntimeError:  # the loop has closed
            return
