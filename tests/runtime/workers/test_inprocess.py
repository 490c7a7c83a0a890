"""Models in this process: on a thread of their own, or inline."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from sensorium.clocks import WallClock
from sensorium.errors import BadInput, ModelError, ModelUnavailable
from sensorium.workers import Hosted, InProcessExecutor, Model, ModelHandle
from sensorium.workers.inprocess import STREAM_AHEAD

pytestmark = pytest.mark.usefixtures("no_leaks", "no_tasks")

both = pytest.mark.parametrize("placement", ["thread", "inline"])


class Echo(Model[Any, Any]):
    """Answers with its request, and remembers what happened to it."""

    def __init__(self, options: Any = None) -> None:
        super().__init__(options)
        self.steps: list[Any] = []
        self.thread = ""
        self.closed = threading.Event()

    def load(self, device: str) -> None:
        self.steps.append(("load", device))

    def infer(self, batch: Sequence[Any]) -> Sequence[Any]:
        self.thread = threading.current_thread().name
        self.steps.append(batch[0])
        if isinstance(batch[0], Exception):
            raise batch[0]
        if callable(batch[0]):
            return [batch[0]()]
        return list(batch)

    def stream(self, request: Any) -> Iterator[Any]:
        if isinstance(request, Exception):
            raise request
        return self._parts(request)

    def _parts(self, request: int) -> Iterator[int]:
        try:
            for number in range(request):
                self.steps.append(number)
                yield number
            if request == 3:
                raise RuntimeError("out of words")
        finally:
            self.steps.append("closed")
            self.closed.set()

    def unload(self) -> None:
        self.steps.append("unload")


@asynccontextmanager
async def hosting(
    placement: Any, make: Callable[[], Model[Any, Any]] | None = None
) -> AsyncIterator[tuple[ModelHandle, Any]]:
    model = Echo()
    executor = InProcessExecutor({"echo": Hosted(make or (lambda: model), placement, "cpu")})
    try:
        yield ModelHandle(executor, "echo", WallClock()), model
    finally:
        await executor.close()


@both
async def test_a_model_is_loaded_once_and_unloaded_at_the_end(placement: str) -> None:
    async with hosting(placement) as (handle, model):
        await asyncio.gather(*(handle.load() for _ in range(5)))
        assert await handle.infer("x") == "x"
        assert handle._executor.loaded == ["echo"]
    assert model.steps == [("load", "cpu"), "x", "unload"]
    on_loop = model.thread == threading.current_thread().name
    assert on_loop is (placement == "inline")
    assert handle._executor.loaded == []


@both
async def test_concurrent_requests_are_answered_in_order(placement: str) -> None:
    async with hosting(placement) as (handle, model):
        answers = await asyncio.gather(*(handle.infer(n) for n in range(50)))
    assert answers == list(range(50))
    assert model.steps == [("load", "cpu"), *range(50), "unload"]


@both
@pytest.mark.parametrize("error", [RuntimeError("cuda is out"), StopIteration(), KeyError("w")])
async def test_what_a_model_raises_is_a_model_error_with_its_name(
    placement: str, error: Exception
) -> None:
    async with hosting(placement) as (handle, _):
        for asking in (handle.infer(error), _whole(handle, error)):
            with pytest.raises(ModelError, match=f"model 'echo': {type(error).__name__}") as raised:
                await asyncio.wait_for(asking, 10)
            assert raised.value.model == "echo"
        assert await handle.infer("still there") == "still there"


async def _whole(handle: ModelHandle, request: Any) -> list[Any]:
    async with handle.stream(request) as parts:
        return [part async for part in parts]


@both
async def test_what_is_raised_on_purpose_stays_what_it_is(placement: str) -> None:
    async with hosting(placement) as (handle, _):
        with pytest.raises(BadInput, match="no picture"):
            await handle.infer(BadInput("no picture"))
        with pytest.raises(BadInput):
            await _whole(handle, BadInput("no picture"))


@both
async def test_a_model_that_cannot_load_says_so_and_may_be_tried_again(placement: str) -> None:
    lives: list[int] = []

    class Fails(Echo):
        def load(self, device: str) -> None:
            lives.append(1)
            if len(lives) < 3:
                raise (ModelUnavailable("echo", "no weights"), OSError("disk"))[len(lives) - 1]

    async with hosting(placement, Fails) as (handle, _):
        with pytest.raises(ModelUnavailable, match="no weights"):
            await handle.load()
        with pytest.raises(ModelError, match="model 'echo': OSError: disk"):
            await handle.infer(1)
        assert await handle.infer(1) == 1


@both
async def test_an_answer_of_the_wrong_length_is_an_error(placement: str) -> None:
    class Two(Echo):
        def infer(self, batch: Sequence[Any]) -> Sequence[Any]:
            return [*batch, *batch]

    async with hosting(placement, Two) as (handle, _):
        with pytest.raises(ModelError, match="answered 1 request with 2 results"):
            await handle.infer(1)


async def test_a_model_nobody_hosts_is_told_with_those_there_are() -> None:
    async with hosting("thread") as (handle, _):
        with pytest.raises(ModelError, match="not among the models of this session: echo"):
            await handle._executor.infer("ecco", 1)


# --- streams --------------------------------------------------------------------------------


@both
async def test_a_stream_comes_in_parts_and_its_error_after_them(placement: str) -> None:
    async with hosting(placement) as (handle, model):
        assert await _whole(handle, 100) == list(range(100))
        async with handle.stream(3) as parts:
            assert [await anext(parts) for _ in range(3)] == [0, 1, 2]
            with pytest.raises(ModelError, match="RuntimeError: out of words"):
                await anext(parts)
        assert model.steps.count("closed") == 2


@both
async def test_leaving_a_stream_closes_it_in_the_model_at_once(placement: str) -> None:
    async with hosting(placement) as (handle, model):
        async with handle.stream(10**9) as parts:
            async for part in parts:
                if part == 5:
                    break
        assert model.closed.is_set()
        assert model.steps[-1] == "closed"
        assert await handle.infer("free again") == "free again"


async def test_a_model_is_only_so_far_ahead_of_its_reader() -> None:
    async with hosting("thread") as (handle, model):
        async with handle.stream(10**9) as parts:
            assert await anext(parts) == 0
            # With one part taken it makes STREAM_AHEAD + 1 more at most, and one it cannot place.
            limit = STREAM_AHEAD + 3
            async with asyncio.timeout(10):
                while len(model.steps) < limit - 1:
                    await asyncio.sleep(0)
            for _ in range(2000):
                await asyncio.sleep(0)
            assert len(model.steps) <= limit
        assert model.closed.is_set()


async def test_a_cancelled_reader_ends_the_stream_and_frees_the_thread() -> None:
    async with hosting("thread") as (handle, model):
        reader = asyncio.create_task(_whole(handle, 10**9))
        async with asyncio.timeout(10):
            while len(model.steps) < 200:
                await asyncio.sleep(0)
        reader.cancel()
        await asyncio.wait([reader])
        assert reader.cancelled()
        assert model.closed.is_set()
        assert await handle.infer("free again") == "free again"


async def test_a_stream_that_is_cancelled_before_its_turn_never_starts() -> None:
    gate = threading.Event()
    async with hosting("thread") as (handle, model):
        try:
            await handle.load()
            busy = asyncio.create_task(handle.infer(gate.wait))
            queued = asyncio.create_task(_whole(handle, 10**9))
            async with asyncio.timeout(10):
                while len(model.steps) < 2:
                    await asyncio.sleep(0)
                queued.cancel()
                await asyncio.wait([queued])
        finally:
            gate.set()
        assert await busy is True
        assert queued.cancelled()
        assert "closed" not in model.steps
        assert 0 not in model.steps


# --- closing --------------------------------------------------------------------------------


async def test_one_that_fails_to_unload_does_not_keep_the_others() -> None:
    class Clings(Echo):
        def unload(self) -> None:
            raise RuntimeError("no")

    other = Echo()
    executor = InProcessExecutor({"a": Hosted(Clings), "b": Hosted(lambda: other)})
    await executor.load("a")
    await executor.load("b")
    with pytest.raises(ModelError, match="model 'a': RuntimeError: no"):
        await executor.close()
    assert other.steps[-1] == "unload"
    assert executor.loaded == []


async def test_closing_waits_for_the_call_under_way() -> None:
    gate = threading.Event()
    async with hosting("thread") as (handle, model):
        busy = asyncio.create_task(handle.infer(gate.wait))
        async with asyncio.timeout(10):
            while len(model.steps) < 2:
                await asyncio.sleep(0)
        busy.cancel()
        await asyncio.wait([busy])
        asyncio.get_running_loop().call_later(0.01, gate.set)
    assert model.steps[-1] == "unload"


async def test_closing_what_was_never_used_is_nothing() -> None:
    executor = InProcessExecutor({"echo": Hosted(Echo)})
    await executor.close()
    await executor.close()


async def test_the_default_stream_of_a_model_is_its_one_answer() -> None:
    class Plain(Model[Any, Any]):
        def load(self, device: str) -> None: ...

        def infer(self, batch: Sequence[Any]) -> Sequence[Any]:
            return [f"<{request}>" for request in batch]

    executor = InProcessExecutor({"plain": Hosted(Plain)})
    assert await _whole(ModelHandle(executor, "plain", WallClock()), "x") == ["<x>"]
    await executor.close()
