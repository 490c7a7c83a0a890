"""Ours: a pool with one worker, asked through its public interface with a deadline."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sensorium.workers.pool import PoolExecutor, PoolModel, PoolOptions
from sensorium_benchmarks.workers.load import MAX_BATCH, Ask, alone_of, throughput_of
from sensorium_benchmarks.workers.models import Vector

DEADLINE_S = 10.0
PLUGIN = str(Path(__file__).with_name("plugin.py"))


def callers(callers: int, requests: int, model: str) -> dict[str, float]:
    """Many at the same time."""
    return throughput_of(_opened, callers, requests, model)


def alone(requests: int, model: str) -> dict[str, float]:
    """One."""
    return alone_of(_opened, requests, model)


@asynccontextmanager
async def _opened(model: str) -> AsyncIterator[Ask]:
    models = {model: PoolModel(use="numpy", options={"model": model}, max_batch=MAX_BATCH)}
    options = PoolOptions(
        devices=("cpu",), spare="none", threads=1, installed=False, modules=(PLUGIN,)
    )
    async with PoolExecutor(models, options) as pool:

        def ask(vector: Vector) -> Awaitable[Any]:
            return pool.infer(model, vector, deadline=DEADLINE_S)

        await pool.load(model)
        yield ask
