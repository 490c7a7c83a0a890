"""Ours: frames to a model in a worker process, asked from asyncio with ``PoolExecutor.infer``."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sensorium.workers.pool import PoolExecutor, PoolModel, PoolOptions
from sensorium_benchmarks.frames.frame import Camera, delays
from sensorium_benchmarks.frames.frame import rate as rate_of

Seen = list[tuple[int, int, int]]


def latency(width: int, height: int, frames: int, interval_s: float) -> dict[str, float]:
    """One frame every ``interval_s``."""

    async def run() -> dict[str, float]:
        camera = Camera(width, height, 1, live=True)
        seen: Seen = []
        answered: list[int] = []
        async with _running() as pool:
            for _ in range(frames):
                await asyncio.sleep(interval_s)
                seen.append(await pool.infer("eye", camera.frame()))
                answered.append(time.monotonic_ns())
        return delays(seen, answered)

    return asyncio.run(run())


def rate(width: int, height: int, frames: int, window: int) -> dict[str, float]:
    """As many frames a second as are answered."""

    async def run() -> dict[str, float]:
        camera = Camera(width, height, window)
        seen: Seen = []
        left = iter(range(frames))

        async def caller() -> None:
            for _ in left:
                seen.append(await pool.infer("eye", camera.frame()))

        async with _running() as pool:
            await asyncio.gather(*(caller() for _ in range(window)))
        return rate_of(seen, frames)

    return asyncio.run(run())


@asynccontextmanager
async def _running() -> AsyncIterator[PoolExecutor]:
    options = PoolOptions(
        devices=("cpu",), spare="none", installed=False, modules=(f"{__package__}.eye",)
    )
    async with PoolExecutor({"eye": PoolModel(use="bench_eye")}, options) as pool:
        await pool.load("eye")
        yield pool
