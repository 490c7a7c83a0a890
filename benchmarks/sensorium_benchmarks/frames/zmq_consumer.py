"""The other side of :mod:`sensorium_benchmarks.frames.zmq_frames`."""

from __future__ import annotations

import asyncio
import json
import sys

import numpy as np
import zmq
import zmq.asyncio

from sensorium_benchmarks.beside import READY
from sensorium_benchmarks.frames.frame import Arrivals
from sensorium_benchmarks.frames.zmq_frames import Line


async def consume(line: Line) -> Arrivals:
    """Look at every frame where libzmq has put it."""
    arrivals = Arrivals()
    with (
        zmq.asyncio.Context() as context,
        context.socket(zmq.PULL) as pull,
        context.socket(zmq.PUSH) as answers,
    ):
        pull.set_hwm(line.high_water)
        pull.connect(line.endpoint)
        answers.connect(line.answers)
        print(READY, flush=True)
        for _ in range(line.frames):
            message = await pull.recv(copy=False)
            frame = np.frombuffer(message.buffer, np.uint8)
            number = arrivals.add(frame.reshape(line.height, line.width, 3))
            if line.answering:
                await answers.send(number.to_bytes(8, "big"))
            del frame, message
    return arrivals


if __name__ == "__main__":
    print(json.dumps(asyncio.run(consume(Line(**json.loads(sys.argv[1])))).seen))
