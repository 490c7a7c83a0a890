"""The perceiver node of :mod:`sensorium_benchmarks.freshness.dora_freshness`."""

from __future__ import annotations

import asyncio
from typing import Any

from dora import Node

from sensorium_benchmarks.dora_flow import leave, parameters
from sensorium_benchmarks.freshness.scene import HEIGHT, WIDTH, Eye


async def main(busy_ms: float) -> None:
    """Have every frame that comes looked at, until the camera is gone."""
    node: Any = Node()  # its stubs are not those of this version
    eye = Eye(busy_ms)
    while (event := await node.recv_async()) is not None and event["type"] == "INPUT":
        frame = event["value"].to_numpy().reshape(HEIGHT, WIDTH, 3)
        await asyncio.to_thread(eye.see, frame)
    leave(eye.seen)


if __name__ == "__main__":
    asyncio.run(main(parameters()["busy_ms"]))
