"""The limit: the same batching by hand in one process, nothing between callers and model.

What was asked while the loop was busy is the next batch; no timer. The model runs on the loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sensorium_benchmarks.workers.load import MAX_BATCH, Ask, alone_of, throughput_of
from sensorium_benchmarks.workers.models import Vector, make


def callers(callers: int, requests: int, model: str) -> dict[str, float]:
    """Many at the same time."""
    return throughput_of(_opened, callers, requests, model)


def alone(requests: int, model: str) -> dict[str, float]:
    """One."""
    return alone_of(_opened, requests, model)


@asynccontextmanager
async def _opened(model: str) -> AsyncIterator[Ask]:
    infer = make(model)
    loop = asyncio.get_running_loop()
    waiting: list[tuple[Vector, asyncio.Future[Any]]] = []

    def run() -> None:
        batch = waiting[:MAX_BATCH]
        del waiting[:MAX_BATCH]
        for (_, future), result in zip(batch, infer([v for v, _ in batch]), strict=True):
            if not future.done():
                future.set_result(result)
        if waiting:
            loop.call_soon(run)

    def ask(vector: Vector) -> asyncio.Future[Any]:
        future = loop.create_future()
        if not waiting:
            loop.call_soon(run)
        waiting.append((vector, future))
        return future

    yield ask
