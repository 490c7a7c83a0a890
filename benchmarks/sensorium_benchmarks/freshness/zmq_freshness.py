"""pyzmq: the camera pushes from a process of its own, the perceiver pulls; default limits."""

from __future__ import annotations

import asyncio
from secrets import token_hex

import numpy as np
import zmq
import zmq.asyncio

from sensorium_benchmarks.beside import started
from sensorium_benchmarks.freshness.scene import GRACE_S, HEIGHT, WIDTH, Eye, account

_CAMERA = f"{__package__}.zmq_camera"


def watch(frames: int, rate_hz: float, busy_ms: float) -> dict[str, float]:
    """Perceive while the camera sends; what waits in the sockets then is left."""
    endpoint = f"ipc://@bench-{token_hex(8)}"
    camera = {"endpoint": endpoint, "frames": frames, "rate_hz": rate_hz}

    async def run() -> dict[str, float]:
        eye = Eye(busy_ms)
        with zmq.asyncio.Context() as context, context.socket(zmq.PULL) as pull:
            pull.connect(endpoint)

            async def perceive() -> None:
                while True:
                    message = await pull.recv(copy=False)
                    frame = np.frombuffer(message.buffer, np.uint8).reshape(HEIGHT, WIDTH, 3)
                    await asyncio.to_thread(eye.see, frame)

            with started(_CAMERA, camera) as sending:
                perceiving = asyncio.create_task(perceive())
                await asyncio.to_thread(sending.wait_for_line)
                await asyncio.sleep(GRACE_S)
                perceiving.cancel()
                await asyncio.wait([perceiving])
                return account(list(eye.seen), frames, 0)

    return asyncio.run(run())
