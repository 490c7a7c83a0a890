"""Models, timed from their callers' side."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from sensorium.errors import Cancelled, ModelError
from sensorium.telemetry.context import CALL
from sensorium.telemetry.models import MeteredExecutor
from sensorium.workers.executor import Executor


class Scripted(Executor):
    """Answers with what it is asked for; raises what it is asked for."""

    def __init__(self) -> None:
        self.closed = False

    async def load(self, model: str) -> None:
        pass

    async def infer(self, model: str, request: Any, **_: Any) -> Any:
        if isinstance(request, BaseException):
            raise request
        if isinstance(request, asyncio.Future):
            return await request
        return request

    async def stream(self, model: str, request: Any, **_: Any) -> AsyncGenerator[Any, None]:  # type: ignore[override]
        try:
            for part in request:
                if isinstance(part, BaseException):
                    raise part
                yield part
        finally:
            self.closed = True

    @property
    def loaded(self) -> list[str]:
        return ["m"]

    async def close(self) -> None:
        self.closed = True


async def test_requests_failures_and_times() -> None:
    metered = MeteredExecutor(Scripted())
    assert await metered.infer("m", 3) == 3
    with pytest.raises(ModelError):
        await metered.infer("m", ModelError("m", "no"))
    with pytest.raises(Cancelled):
        await metered.infer("m", Cancelled("superseded"))
    meter = metered.meters["m"]
    assert (meter.requests, meter.failures, meter.cancelled) == (3, 1, 1)
    assert (meter.in_flight, meter.latency.count) == (0, 3)
    assert metered.loaded == ["m"]


async def test_a_caller_that_goes_is_counted_and_nothing_stays_in_flight() -> None:
    metered = MeteredExecutor(Scripted())
    answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    call = asyncio.ensure_future(metered.infer("m", answer))
    await asyncio.sleep(0)
    assert metered.meters["m"].in_flight == 1
    call.cancel()
    await asyncio.wait([call])
    assert (metered.meters["m"].in_flight, metered.meters["m"].cancelled) == (0, 1)


async def test_a_stream_has_a_first_part() -> None:
    metered = MeteredExecutor(Scripted())
    assert [part async for part in metered.stream("m", [1, 2, 3])] == [1, 2, 3]
    meter = metered.meters["m"]
    assert (meter.first.count, meter.latency.count, meter.requests) == (1, 1, 1)
    assert meter.first.total <= meter.latency.total


async def test_leaving_a_stream_early_closes_the_model_and_is_no_failure() -> None:
    inner = Scripted()
    metered = MeteredExecutor(inner)
    parts = metered.stream("m", [1, 2, 3])
    assert await anext(parts) == 1
    await parts.aclose()
    assert inner.closed
    meter = metered.meters["m"]
    assert (meter.failures, meter.cancelled, meter.in_flight) == (0, 0, 0)


async def test_a_stream_that_fails() -> None:
    metered = MeteredExecutor(Scripted())
    parts = metered.stream("m", [1, ModelError("m", "no")])
    assert await anext(parts) == 1
    with pytest.raises(ModelError):
        await anext(parts)
    assert metered.meters["m"].failures == 1
    assert CALL.get() is None
