"""pyzmq by hand: PUSH and PULL over a Unix socket, no copies, the consumer on ``zmq.asyncio``."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from secrets import token_hex
from typing import Any

import zmq
import zmq.asyncio

from sensorium_benchmarks.beside import Beside, started
from sensorium_benchmarks.frames.frame import Camera, delays
from sensorium_benchmarks.frames.frame import rate as rate_of

_CONSUMER = f"{__package__}.zmq_consumer"
Socket = zmq.Socket[bytes]


@dataclass(frozen=True)
class Line:
    """What the consumer is told."""

    endpoint: str
    answers: str
    width: int
    height: int
    frames: int
    high_water: int
    """Frames that may wait on each side."""
    answering: bool


def latency(
    width: int, height: int, frames: int, interval_s: float, *, lent: bool = False
) -> dict[str, float]:
    """One frame every ``interval_s``; all memory is as good as any (``lent`` changes nothing)."""

    async def run(frames_out: Socket, answers_in: Socket) -> list[int]:
        camera = Camera(width, height, 1, live=True)
        answers: Any = zmq.asyncio.Socket(answers_in)
        answered = []
        for _ in range(frames):
            await asyncio.sleep(interval_s)
            frames_out.send(camera.frame().data, copy=False)
            await answers.recv()
            answered.append(time.monotonic_ns())
        answers.close(linger=0)
        return answered

    with _running(width, height, frames, 1, answering=True) as (sockets, consumer):
        answered = asyncio.run(run(*sockets))
        return delays(consumer.figures(), answered)


def rate(
    width: int, height: int, frames: int, window: int, *, lent: bool = False
) -> dict[str, float]:
    """As many frames a second as are taken; ``lent`` changes nothing."""
    with _running(width, height, frames, window, answering=False) as (sockets, consumer):
        camera = Camera(width, height, window)
        for _ in range(frames):
            sockets[0].send(camera.frame().data, copy=False)
        return rate_of(consumer.figures(), frames)


@contextmanager
def _running(
    width: int, height: int, frames: int, window: int, *, answering: bool
) -> Iterator[tuple[tuple[Socket, Socket], Beside]]:
    name = f"ipc://@bench-{token_hex(8)}"
    line = Line(name, f"{name}-answers", width, height, frames, max(1, window // 2), answering)
    with (
        zmq.Context() as context,
        context.socket(zmq.PUSH) as push,
        context.socket(zmq.PULL) as pull,
    ):
        push.set_hwm(line.high_water)
        push.bind(line.endpoint)
        pull.bind(line.answers)
        with started(_CONSUMER, asdict(line)) as consumer:
            yield (push, pull), consumer
