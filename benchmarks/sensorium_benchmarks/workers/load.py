"""How a run is timed: callers that each ask, wait for the answer, and ask again.

Numeric libraries get one thread each, here and in every process that is started from here:
import this module before numpy.
"""

from __future__ import annotations

import os

os.environ.update(
    dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
)

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any

import numpy as np

from sensorium_benchmarks.stopwatch import Stopwatch, percentile
from sensorium_benchmarks.workers.models import Vector, make, width

MAX_BATCH = 64
WARM_UP = 0.1
"""Part of the requests that runs first and is not timed."""

Ask = Callable[[Vector], Awaitable[Any]]
Opened = Callable[[str], AbstractAsyncContextManager[Ask]]
"""``opened(model)`` sets the contender up and yields how it is asked; that is not timed."""


def throughput_of(opened: Opened, callers: int, requests: int, model: str) -> dict[str, float]:
    """Requests a second of ``callers`` tasks on one event loop."""

    async def run() -> Stopwatch:
        vectors = _vectors(model, callers)
        async with opened(model) as ask:
            await _check(ask, vectors, model)
            await asyncio.gather(*_callers(ask, vectors, max(callers, round(requests * WARM_UP))))
            with Stopwatch() as watch:
                await asyncio.gather(*_callers(ask, vectors, requests))
        return watch

    watch = asyncio.run(run())
    return {
        "rate": requests // callers * callers / watch.seconds,
        "collections": float(watch.collections),
    }


def alone_of(opened: Opened, requests: int, model: str) -> dict[str, float]:
    """Percentiles of the µs that one caller waits for an answer, nobody else asking."""

    async def run() -> list[float]:
        (vector,) = vectors = _vectors(model, 1)
        waits = []
        async with opened(model) as ask:
            await _check(ask, vectors, model)
            for _ in range(requests):
                began = time.perf_counter_ns()
                await ask(vector)
                waits.append((time.perf_counter_ns() - began) / 1000)
        return waits[round(requests * WARM_UP) :]

    waits = asyncio.run(run())
    return {"p50": percentile(waits, 0.5), "p99": percentile(waits, 0.99)}


def _callers(ask: Ask, vectors: list[Vector], requests: int) -> list[Coroutine[Any, Any, None]]:
    async def call(vector: Vector, times: int) -> None:
        for _ in range(times):
            await ask(vector)

    return [call(vector, requests // len(vectors)) for vector in vectors]


async def _check(ask: Ask, vectors: list[Vector], model: str) -> None:
    """Everybody gets the right answer. Raises RuntimeError if not."""
    for _ in range(3):
        answers = await asyncio.gather(*[ask(vector) for vector in vectors])
        for answer, right in zip(answers, make(model)(vectors), strict=True):
            if not np.allclose(answer, right, rtol=1e-4, atol=1e-4):
                raise RuntimeError(f"{model} was answered with {answer}, not {right}")


def _vectors(model: str, count: int) -> list[Vector]:
    random = np.random.default_rng(1)
    return [random.standard_normal(width(model), np.float32) for _ in range(count)]
