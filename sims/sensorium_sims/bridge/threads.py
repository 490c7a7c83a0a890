"""A thread of its own for each environment, and a limit to how long it may think.

An environment is made, reset, stepped, drawn and closed in one thread, as most want it. One that
does not return in time is interrupted; one that cannot be (a loop in C) is left behind in its
daemon thread, and the next episode gets a new environment in a new thread.
"""

from __future__ import annotations

import asyncio
import ctypes
import queue
import threading
from collections.abc import Callable
from typing import Any

from sensorium.errors import EnvironmentHung

ENDING_S = 1.0
"""How long an interrupted call may take to end."""


class Interrupted(BaseException):
    """Raised in the thread of a call that took too long; BaseException so that few catch it."""


class _Call:
    """One function to call in the thread, and what became of it."""

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self.function, self.args = function, args
        self.value: Any = None
        self.error: BaseException | None = None
        self.finished = False
        self.told = threading.Lock()
        self.told.acquire()
        self.waiting: asyncio.Future[None] | None = None

    def outcome(self) -> Any:
        """What the function returned or raised."""
        error = self.error
        if error is None:
            return self.value
        if isinstance(error, Exception) and not isinstance(error, StopIteration):
            raise error
        # What a coroutine cannot raise, or what would end the program: SystemExit.
        raise RuntimeError(f"{type(error).__name__}: {error}")


class EnvironmentThread:
    """Calls functions one after the other in a thread. Use it from one event loop."""

    def __init__(self, name: str) -> None:
        self._calls: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._doing: _Call | None = None
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    async def call(
        self,
        environment: str,
        doing: str,
        limit_s: float,
        function: Callable[..., Any],
        *args: Any,
        block_s: float = 0.0,
    ) -> Any:
        """What ``function(*args)`` returns or raises.

        Blocks the event loop for up to ``block_s`` first: a quick step is then back without two
        turns of the loop, which is right where nobody else has anything to do. Raises
        :class:`EnvironmentHung` after ``limit_s`` of real time; the thread is then at its end and
        takes no more calls.
        """
        call = _Call(function, args)
        self._calls.put(call)
        if block_s and call.told.acquire(timeout=block_s):
            return call.outcome()
        with self._lock:
            if not call.finished:
                call.waiting = self._loop.create_future()
        if call.waiting is not None:
            await self._wait(call, environment, doing, limit_s)
        return call.outcome()

    async def _wait(self, call: _Call, environment: str, doing: str, limit_s: float) -> None:
        assert call.waiting is not None
        try:
            await asyncio.wait_for(call.waiting, limit_s)
        except TimeoutError:
            await self._abandon(call)
            raise EnvironmentHung(environment, doing, limit_s) from None

    @property
    def alive(self) -> bool:
        """Whether it takes calls."""
        return self._thread.is_alive() and not self._ended.is_set()

    @property
    def stuck(self) -> bool:
        """Whether a call that was given up is still going on."""
        return self._thread.is_alive() and self._ended.is_set()

    async def close(self, limit_s: float) -> bool:
        """End the thread; returns whether it did end."""
        self._calls.put(None)
        return await self._wait_ended(limit_s)

    async def _abandon(self, call: _Call) -> None:
        """Interrupt the call that hangs, and end the thread after it."""
        self._calls.put(None)
        with self._lock:  # so that the exception cannot come after the call
            if self._doing is call:
                ctypes.pythonapi.PyThreadState_SetAsyncExc(
                    ctypes.c_ulong(self._thread.ident or 0), ctypes.py_object(Interrupted)
                )
        await self._wait_ended(ENDING_S)
        self._ended.set()

    async def _wait_ended(self, limit_s: float) -> bool:
        try:
            await asyncio.wait_for(self._ended.wait(), limit_s)
        except TimeoutError:
            return False
        self._thread.join()  # it is at its last line
        return True

    def _work(self) -> None:
        try:
            while (call := self._calls.get()) is not None:
                self._do(call)
                del call
        except Interrupted:  # it came a moment after the call: the thread ends all the same
            pass
        self._tell(self._ended.set)

    def _do(self, call: _Call) -> None:
        with self._lock:
            self._doing = call
        try:
            call.value = call.function(*call.args)
        except BaseException as raised:  # noqa: BLE001 - carried over to whoever waits
            call.error = raised
        with self._lock:
            self._doing = None
            call.finished = True
        call.told.release()
        if call.waiting is not None:
            self._tell(_settle, call.waiting)

    def _tell(self, function: Callable[..., Any], *args: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(function, *args)
        except RuntimeError:  # the loop has closed: nobody waits any more
            return


def _settle(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)
