"""The in-process executor: models on threads of their own, or inline on the event loop.

Each model has one thread, so a model object never sees two calls at once; calls are answered in
order. ``inline`` runs a call on the event loop itself: right for models that take well under a
millisecond, wrong for all others (the watchdog will say so).
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from sensorium.errors import Cancelled, DeadlineExceeded, ModelError, SensoriumError
from sensorium.workers.executor import Executor
from sensorium.workers.model import Model

T = TypeVar("T")

STREAM_AHEAD = 32  # parts a model may be ahead of its reader


@dataclass
class Hosted:
    """One model and where it runs."""

    make: Callable[[], Model[Any, Any]]
    placement: Literal["inline", "thread"] = "thread"
    device: str = "cpu"
    model: Model[Any, Any] | None = None
    thread: ThreadPoolExecutor | None = None
    loading: asyncio.Lock = field(default_factory=asyncio.Lock)
    newest: dict[str, Future[Any]] = field(default_factory=dict)
    """The last call of each ``supersede`` key."""


class InProcessExecutor(Executor):
    """Runs models in this process. ``hosted`` says for each name how to make it, and where."""

    def __init__(self, hosted: dict[str, Hosted]) -> None:
        self._hosted = hosted

    async def load(self, model: str) -> None:
        """Load the model unless it is loaded."""
        hosted = self._find(model)
        async with hosted.loading:
            if hosted.model is not None:
                return
            if hosted.placement == "thread" and hosted.thread is None:
                hosted.thread = ThreadPoolExecutor(1, thread_name_prefix=f"model-{model}")
            hosted.model = await self._call(model, hosted, lambda: _loaded(hosted))

    async def infer(
        self,
        model: str,
        request: Any,
        *,
        deadline: float | None = None,
        priority: int = 0,
        supersede: str = "",
    ) -> Any:
        """One request, one result. A thread answers in order, whatever the ``priority``; a call
        that has begun runs on after its deadline, though nobody waits for it."""
        hosted = self._find(model)
        try:
            async with asyncio.timeout(deadline):
                await self.load(model)
                network = hosted.model
                assert network is not None
                results = await self._call(
                    model, hosted, lambda: network.infer([request]), supersede
                )
        except TimeoutError:
            raise DeadlineExceeded(model, deadline or 0.0) from None
        if len(results) != 1:
            raise ModelError(model, f"answered 1 request with {len(results)} results")
        return results[0]

    async def stream(
        self,
        model: str,
        request: Any,
        *,
        deadline: float | None = None,
        priority: int = 0,
        supersede: str = "",
    ) -> AsyncGenerator[Any, None]:
        """The parts of one result, made at most :data:`STREAM_AHEAD` ahead of the reader.

        A thread answers in order: ``priority`` and ``supersede`` change nothing here.
        """
        loop = asyncio.get_running_loop()
        limit = None if deadline is None else loop.time() + deadline
        parts = self._parts(model, request)
        try:
            while True:
                try:
                    async with asyncio.timeout_at(limit):
                        part = await anext(parts)
                except StopAsyncIteration:
                    return
                except TimeoutError:
                    raise DeadlineExceeded(model, deadline or 0.0) from None
                yield part
        finally:
            await parts.aclose()

    async def _parts(self, model: str, request: Any) -> AsyncGenerator[Any, None]:
        hosted = self._find(model)
        await self.load(model)
        network = hosted.model
        assert network is not None
        if hosted.thread is None:
            with closing(_guarded(model, lambda: network.stream(request))) as parts:
                for part in parts:
                    yield part
                    await asyncio.sleep(0)
            return
        pump = _Pump(asyncio.get_running_loop())
        running = hosted.thread.submit(
            _translated, model, lambda: pump.run(lambda: network.stream(request))
        )
        try:
            while (part := await pump.next()) is not _END:
                yield part
        finally:
            pump.stop()
            running.cancel()  # if others are before it, it never starts
            await _finish(running)
        running.result()  # raises what the model raised

    @property
    def loaded(self) -> list[str]:
        """Names of the models that are loaded."""
        return [name for name, hosted in self._hosted.items() if hosted.model is not None]

    async def close(self) -> None:
        """Unload every model and end its thread; waits for the call that is under way."""
        closing_all = (self._close(name, hosted) for name, hosted in self._hosted.items())
        for error in await asyncio.gather(*closing_all, return_exceptions=True):
            if error is not None:
                raise error

    async def _close(self, name: str, hosted: Hosted) -> None:
        try:
            if hosted.model is not None:
                await self._call(name, hosted, hosted.model.unload)
            hosted.model = None
        except SensoriumError:
            hosted.model = None
            raise
        finally:
            if hosted.thread is not None:
                hosted.thread.shutdown(wait=False, cancel_futures=True)
                hosted.thread = None

    def _find(self, model: str) -> Hosted:
        try:
            return self._hosted[model]
        except KeyError:
            known = ", ".join(sorted(self._hosted))
            raise ModelError(model, f"is not among the models of this session: {known}") from None

    async def _call(
        self, name: str, hosted: Hosted, function: Callable[[], T], supersede: str = ""
    ) -> T:
        if hosted.thread is None:
            return _translated(name, function)
        running = hosted.thread.submit(_translated, name, function)
        if not supersede:
            return await asyncio.wrap_future(running)
        older = hosted.newest.get(supersede)
        hosted.newest[supersede] = running
        if older is not None:
            older.cancel()  # does nothing if it has begun
        try:
            return await asyncio.wrap_future(running)
        except asyncio.CancelledError:
            if hosted.newest.get(supersede) is not running and not _cancelling():
                raise Cancelled("a newer request has taken its place before it began") from None
            raise
        finally:
            if hosted.newest.get(supersede) is running:
                del hosted.newest[supersede]


def _cancelling() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _loaded(hosted: Hosted) -> Model[Any, Any]:
    model = hosted.make()
    model.load(hosted.device)
    model.warm_up()
    return model


_END = object()


class _Pump:
    """Carries parts from a model's thread to the event loop, and the wish to stop back."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._parts: asyncio.Queue[Any] = asyncio.Queue()
        self._room = threading.Semaphore(STREAM_AHEAD)
        self._stopped = threading.Event()

    def run(self, start: Callable[[], Iterator[Any]]) -> None:
        """In the thread: make parts until the end or until stopped."""
        try:
            parts = start()
            try:
                for part in parts:
                    self._room.acquire()
                    if self._stopped.is_set():
                        break
                    self._hand_over(part)
            finally:
                close = getattr(parts, "close", None)
                if close is not None:
                    close()
        finally:
            self._hand_over(_END)

    async def next(self) -> Any:
        """On the loop: the next part, or the end mark."""
        part = await self._parts.get()
        self._room.release()
        return part

    def stop(self) -> None:
        """On the loop: no more parts are wanted."""
        self._stopped.set()
        self._room.release()

    def _hand_over(self, part: Any) -> None:
        self._loop.call_soon_threadsafe(self._parts.put_nowait, part)


async def _finish(running: Future[None]) -> None:
    """Wait until the thread has left the model, even while being cancelled."""
    waiting = asyncio.wrap_future(running)
    cancelled = False
    while not waiting.done():
        try:
            await asyncio.wait([waiting])
        except asyncio.CancelledError:
            cancelled = True
    if not waiting.cancelled():
        waiting.exception()  # looked at, so that nobody warns; the caller raises it
    if cancelled:
        raise asyncio.CancelledError


def _translated(name: str, function: Callable[[], T]) -> T:
    """Run it; called in the thread, since a StopIteration cannot pass through a future."""
    try:
        return function()
    except SensoriumError:
        raise
    except Exception as error:
        raise ModelError(name, f"{type(error).__name__}: {error}") from error


def _guarded(name: str, start: Callable[[], Iterator[Any]]) -> Generator[Any, None, None]:
    try:
        yield from start()
    except SensoriumError:
        raise
    except Exception as error:
        raise ModelError(name, f"{type(error).__name__}: {error}") from error
