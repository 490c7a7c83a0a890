"""The receiving node of :mod:`sensorium_benchmarks.frames.dora_frames`."""

from __future__ import annotations

import asyncio
from typing import Any

from dora import Node

from sensorium_benchmarks.dora_flow import leave, parameters
from sensorium_benchmarks.frames.frame import Arrivals


async def main(width: int, height: int, frames: int, window: int) -> None:
    """Look at every frame where dora has put it."""
    node: Any = Node()  # its stubs are not those of this version
    arrivals = Arrivals()
    every = max(1, window // 4)
    while len(arrivals.seen) < frames:
        event = await node.recv_async()
        if event is None or event["type"] != "INPUT":
            break
        number = arrivals.add(event["value"].to_numpy().reshape(height, width, 3))
        del event
        if (number + 1) % every == 0:
            node.send_output("answer", (number + 1).to_bytes(8, "little"))
    leave(arrivals.seen)


if __name__ == "__main__":
    given = parameters()
    del given["interval_s"], given["lent"]  # the camera's affair
    asyncio.run(main(**given))
