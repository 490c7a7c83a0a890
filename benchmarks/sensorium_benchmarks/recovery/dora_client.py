"""The node of :mod:`sensorium_benchmarks.recovery.dora_node` that kills and asks."""

from __future__ import annotations

import time
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]
from dora import Node

from sensorium_benchmarks.dora_flow import leave, parameters
from sensorium_benchmarks.recovery.deaths import PAUSE_S, Death

ASK_EVERY_S = 0.002
PATIENCE_S = 30.0


def main(deaths: int) -> None:
    """Kill the worker so often."""
    node: Any = Node()
    waits = []
    pid = ask(node, 0)
    for _ in range(deaths):
        time.sleep(PAUSE_S)
        death = Death(pid)
        pid = ask(node, pid)
        waits.append(death.until(pid))
    leave(waits)


def ask(node: Any, dead: int) -> int:
    """Who answers, other than the dead."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        node.send_output("question", pa.array([1]))
        event = node.next(timeout=ASK_EVERY_S)
        while event is not None and event["type"] == "INPUT":
            pid = int(event["value"][0].as_py())
            if pid != dead:
                return pid
            event = node.next(timeout=ASK_EVERY_S)
    raise RuntimeError(f"nobody answered for {PATIENCE_S:g} s")


if __name__ == "__main__":
    main(**parameters())
