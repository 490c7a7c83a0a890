"""The limit: the newest frame in a variable, by hand."""

from __future__ import annotations

import asyncio

from sensorium_benchmarks.frames.frame import Camera, Frame
from sensorium_benchmarks.freshness.scene import (
    GRACE_S,
    HEIGHT,
    WIDTH,
    Eye,
    Pace,
    account,
)


def watch(frames: int, rate_hz: float, busy_ms: float) -> dict[str, float]:
    """Run camera and perceiver on one loop."""

    async def run() -> dict[str, float]:
        newest: Frame | None = None
        arrived = asyncio.Event()
        eye, dropped = Eye(busy_ms), 0

        async def perceive() -> None:
            nonlocal newest
            while True:
                await arrived.wait()
                arrived.clear()
                frame, newest = newest, None
                assert frame is not None
                await asyncio.to_thread(eye.see, frame)

        perceiving = asyncio.create_task(perceive())
        camera, loop = Camera(WIDTH, HEIGHT, 8, live=True), asyncio.get_running_loop()
        pace = Pace(rate_hz, loop.time())
        for _ in range(frames):
            await asyncio.sleep(pace.wait_s(loop.time()))
            dropped += newest is not None
            newest = camera.frame()
            arrived.set()
        await asyncio.sleep(GRACE_S)
        perceiving.cancel()
        return account(eye.seen, frames, dropped)

    return asyncio.run(run())
