"""The worker of :mod:`sensorium_benchmarks.recovery.by_hand`: answers with its process id."""

from __future__ import annotations

import os
import sys

import msgspec  # noqa: F401 - what any worker needs is imported, as ours does
import numpy as np  # noqa: F401
import zmq


def main(endpoint: str) -> None:
    """Serve for ever."""
    with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
        socket.connect(endpoint)
        socket.send(b"ready")
        while True:
            socket.recv()
            socket.send(str(os.getpid()).encode())


if __name__ == "__main__":
    main(sys.argv[1])
