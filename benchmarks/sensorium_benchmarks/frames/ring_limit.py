"""The limit: slots in nameless shared memory, and an eventfd each way that says how many are new.

The consumer is told by its asyncio loop, which watches the descriptor. Linux only.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

import numpy as np

from sensorium.workers.pool.arena import Region, create_file
from sensorium_benchmarks.beside import Beside, started
from sensorium_benchmarks.frames.frame import Camera, Frame, delays
from sensorium_benchmarks.frames.frame import rate as rate_of

_CONSUMER = f"{__package__}.ring_consumer"


@dataclass(frozen=True)
class Ring:
    """What the two processes share."""

    memory: int
    filled: int
    freed: int
    width: int
    height: int
    frames: int
    window: int
    """Number of slots."""

    @property
    def size(self) -> int:
        """Of one slot, in bytes."""
        return self.width * self.height * 3

    def slots(self, *, writable: bool) -> Callable[[int], Frame]:
        """The slot of a frame with that number."""
        region = Region(os.dup(self.memory), self.window * self.size, writable=writable)

        def slot(number: int) -> Frame:
            data = region.view(number % self.window * self.size, self.size)
            return np.frombuffer(data, np.uint8).reshape(self.height, self.width, 3)

        return slot

    def all_slots(self, slot: Callable[[int], Frame]) -> list[Frame]:
        """Each of them once."""
        return [slot(number) for number in range(self.window)]


def latency(
    width: int, height: int, frames: int, interval_s: float, *, lent: bool = False
) -> dict[str, float]:
    """One frame every ``interval_s``. A ``lent`` one is made in its slot."""
    with _running(width, height, frames, 1) as (ring, consumer):
        answered = asyncio.run(_one_by_one(ring, interval_s, lent=lent))
        return delays(consumer.figures(), answered)


def rate(
    width: int, height: int, frames: int, window: int, *, lent: bool = False
) -> dict[str, float]:
    """As many frames a second as are taken."""
    with _running(width, height, frames, window) as (ring, consumer):
        slot = ring.slots(writable=True)
        camera = Camera(width, height, window, buffers=ring.all_slots(slot) if lent else ())
        room = window
        for number in range(frames):
            if not room:
                room = os.eventfd_read(ring.freed)
            frame = camera.frame()
            if not lent:
                np.copyto(slot(number), frame)
            os.eventfd_write(ring.filled, 1)
            room -= 1
        return rate_of(consumer.figures(), frames)


@contextmanager
def _running(width: int, height: int, frames: int, window: int) -> Iterator[tuple[Ring, Beside]]:
    memory = create_file(window * width * height * 3)
    ring = Ring(memory, os.eventfd(0), os.eventfd(0), width, height, frames, window)
    descriptors = (ring.memory, ring.filled, ring.freed)
    try:
        with started(_CONSUMER, asdict(ring), descriptors=descriptors) as consumer:
            yield ring, consumer
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


async def _one_by_one(ring: Ring, interval_s: float, *, lent: bool) -> list[int]:
    slot = ring.slots(writable=True)
    buffers = ring.all_slots(slot) if lent else ()
    camera = Camera(ring.width, ring.height, 1, live=True, buffers=buffers)
    freed = asyncio.Event()
    loop = asyncio.get_running_loop()

    def taken() -> None:
        os.eventfd_read(ring.freed)
        freed.set()

    loop.add_reader(ring.freed, taken)
    answered: list[int] = []
    for number in range(ring.frames):
        await asyncio.sleep(interval_s)
        frame = camera.frame()
        if not lent:
            np.copyto(slot(number), frame)
        os.eventfd_write(ring.filled, 1)
        await freed.wait()
        freed.clear()
        answered.append(time.monotonic_ns())
    loop.remove_reader(ring.freed)
    return answered
