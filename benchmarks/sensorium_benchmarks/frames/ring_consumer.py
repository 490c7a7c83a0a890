"""The other side of :mod:`sensorium_benchmarks.frames.ring_limit`."""

from __future__ import annotations

import asyncio
import json
import os
import sys

from sensorium_benchmarks.beside import READY
from sensorium_benchmarks.frames.frame import Arrivals
from sensorium_benchmarks.frames.ring_limit import Ring


async def consume(ring: Ring) -> Arrivals:
    """Look at every frame as the loop hears of it."""
    arrivals, slot = Arrivals(), ring.slots(writable=False)
    done = asyncio.Event()

    def filled() -> None:
        count = os.eventfd_read(ring.filled)
        for _ in range(count):
            arrivals.add(slot(len(arrivals.seen)))
            os.eventfd_write(ring.freed, 1)
        if len(arrivals.seen) == ring.frames:
            done.set()

    asyncio.get_running_loop().add_reader(ring.filled, filled)
    print(READY, flush=True)
    await done.wait()
    return arrivals


if __name__ == "__main__":
    print(json.dumps(asyncio.run(consume(Ring(**json.loads(sys.argv[1])))).seen))
