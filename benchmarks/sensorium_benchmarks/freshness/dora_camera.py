"""The camera node of :mod:`sensorium_benchmarks.freshness.dora_freshness`."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from dora import Node

from sensorium_benchmarks.dora_flow import leave, parameters
from sensorium_benchmarks.frames.frame import Camera
from sensorium_benchmarks.freshness.scene import GRACE_S, HEIGHT, WIDTH, Pace


def main(frames: int, rate_hz: float) -> None:
    """Send every frame."""
    node: Any = Node()  # its stubs are not those of this version
    camera = Camera(WIDTH, HEIGHT, 8, live=True)
    pace = Pace(rate_hz, time.monotonic())
    for _ in range(frames):
        time.sleep(pace.wait_s(time.monotonic()))
        frame = camera.frame()
        with node.send_output_raw("frame", frame.nbytes) as buffer:
            np.frombuffer(buffer, np.uint8)[:] = frame.reshape(-1)
    leave(frames)
    time.sleep(GRACE_S)  # its shared memory goes with it


if __name__ == "__main__":
    given = parameters()
    main(given["frames"], given["rate_hz"])
