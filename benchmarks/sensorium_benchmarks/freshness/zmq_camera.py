"""The camera of :mod:`sensorium_benchmarks.freshness.zmq_freshness`."""

from __future__ import annotations

import json
import sys
import time

import zmq

from sensorium_benchmarks.beside import READY
from sensorium_benchmarks.frames.frame import Camera
from sensorium_benchmarks.freshness.scene import HEIGHT, WIDTH, Pace


def main(endpoint: str, frames: int, rate_hz: float) -> None:
    """Push every frame, say when done, and stay until told otherwise."""
    camera = Camera(WIDTH, HEIGHT, frames // 2, live=True)
    with zmq.Context() as context, context.socket(zmq.PUSH) as push:
        push.bind(endpoint)
        print(READY, flush=True)
        pace = Pace(rate_hz, time.monotonic())
        for _ in range(frames):
            time.sleep(pace.wait_s(time.monotonic()))
            push.send(camera.frame().data, copy=False)
        print("sent", flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
