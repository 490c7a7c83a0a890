"""The sending node of :mod:`sensorium_benchmarks.frames.dora_frames`."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import numpy as np
from dora import Node

from sensorium_benchmarks.dora_flow import leave, parameters
from sensorium_benchmarks.frames.frame import Camera

PATIENCE_S = 0.02


async def main(
    width: int, height: int, frames: int, interval_s: float, window: int, *, lent: bool
) -> None:
    """Send every frame, and leave when the answers were here."""
    node: Any = Node()  # its stubs are not those of this version
    camera = Camera(width, height, window, live=interval_s > 0)
    every, answered = max(1, window // 4), []
    seen = 0  # frames that the consumer has answered for
    for number in range(frames):
        if interval_s:
            await asyncio.sleep(interval_s)
        send(node, camera, width * height * 3 if lent else 0)
        while number + 1 - seen >= window:
            seen = await heard(node) or number + 1
        answered.append(time.monotonic_ns())
    leave(answered)
    while seen and seen < frames // every * every:  # its memory must last until they are seen
        seen = await heard(node)


def send(node: Any, camera: Camera, lent: int) -> None:
    """Copy the next frame into shared memory, or make it there (of ``lent`` bytes), and send it."""
    if lent:
        with node.send_output_raw("frame", lent) as buffer:
            camera.frame(np.frombuffer(buffer, np.uint8).reshape(camera.shape))
        return
    frame = camera.frame()
    with node.send_output_raw("frame", frame.nbytes) as buffer:
        np.frombuffer(buffer, np.uint8)[:] = frame.reshape(-1)


async def heard(node: Any) -> int:
    """Wait for an answer: the frames seen. 0 when none comes, since dora has lost some."""
    event = await node.recv_async(timeout=PATIENCE_S)
    if event is None or event["type"] != "INPUT":
        return 0
    return int(event["value"].to_numpy().view(np.int64)[0])


if __name__ == "__main__":
    asyncio.run(main(**parameters()))
