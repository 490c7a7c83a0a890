"""Ours: frames to a model in a worker process, asked from asyncio with ``PoolExecutor.infer``."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sensorium.workers.pool import PoolExecutor, PoolModel, PoolOptions
from sensorium_benchmarks.frames.frame import Camera, Frame, delays
from sensorium_benchmarks.frames.frame import rate as rate_of

Seen = list[tuple[int, int, int]]


def latency(
    width: int, height: int, frames: int, interval_s: float, *, lent: bool = False
) -> dict[str, float]:
    """One frame every ``interval_s``."""

    async def run() -> dict[str, float]:
        seen: Seen = []
        answered: list[int] = []
        async with _running() as pool:
            buffers = _buffers(pool, width, height, 1) if lent else []
            camera = Camera(width, height, 1, live=True, buffers=buffers)
            for _ in range(frames):
                await asyncio.sleep(interval_s)
                seen.append(await pool.infer("eye", camera.frame()))
                answered.append(time.monotonic_ns())
        return delays(seen, answered)

    return asyncio.run(run())


def rate(
    width: int, height: int, frames: int, window: int, *, lent: bool = False
) -> dict[str, float]:
    """As many frames a second as are answered."""

    async def run() -> dict[str, float]:
        seen: Seen = []
        left = iter(range(frames))

        async def caller() -> None:
            for _ in left:
                seen.append(await pool.infer("eye", camera.frame()))

        async with _running() as pool:
            buffers = _buffers(pool, width, height, 2 * window + 2) if lent else []
            camera = Camera(width, height, window, buffers=buffers)
            await asyncio.gather(*(caller() for _ in range(window)))
        return rate_of(seen, frames)

    return asyncio.run(run())


def _buffers(pool: PoolExecutor, width: int, height: int, count: int) -> list[Frame]:
    return [pool.buffer("eye", (height, width, 3)) for _ in range(count)]


@asynccontextmanager
async def _running() -> AsyncIterator[PoolExecutor]:
    options = PoolOptions(
        devices=("cpu",), spare="none", installed=False, modules=(f"{__package__}.eye",)
    )
    async with PoolExecutor({"eye": PoolModel(use="bench_eye")}, options) as pool:
        await pool.load("eye")
        yield pool
