"""The node of :mod:`sensorium_benchmarks.recovery.dora_node` that is killed."""

from __future__ import annotations

import os
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]
from dora import Node

from sensorium_benchmarks.dora_flow import leave


def main() -> None:
    """Answer every question with the process id."""
    node: Any = Node()
    leave(None)
    for event in node:
        if event["type"] == "INPUT":
            node.send_output("answer", pa.array([os.getpid()]))
        elif event["type"] == "STOP":
            break


if __name__ == "__main__":
    main()
