"""dora: a camera node and a consumer node, which awaits its inputs on an asyncio loop.

The camera writes each frame straight into dora's shared memory (``send_output_raw``). An input of
dora drops its oldest when it is full, and its back-pressure leaves shared memory for the daemon
(four times slower), so where nothing may be lost the consumer answers every few frames and the
camera counts what is under way; an answer that does not come in 20 ms is taken as a loss.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sensorium_benchmarks.dora_flow import run_flow
from sensorium_benchmarks.frames.frame import delays
from sensorium_benchmarks.frames.frame import rate as rate_of

_HERE = Path(__file__).parent
_QUEUE = 64


def latency(
    width: int, height: int, frames: int, interval_s: float, *, lent: bool = False
) -> dict[str, float]:
    """One frame every ``interval_s``. A ``lent`` one is made in dora's shared memory."""
    left = _run(
        width=width, height=height, frames=frames, interval_s=interval_s, window=1, lent=lent
    )
    return delays(left["consumer"], left["camera"])


def rate(
    width: int, height: int, frames: int, window: int, *, lent: bool = False
) -> dict[str, float]:
    """As many frames a second as are taken. It lends memory for each anew, so a ``lent`` one has
    to be copied there still: what is there already lies elsewhere."""
    left = _run(width=width, height=height, frames=frames, interval_s=0, window=window, lent=lent)
    return rate_of(left["consumer"], frames)


def _run(**parameters: Any) -> dict[str, Any]:
    camera = {
        "id": "camera",
        "path": str(_HERE / "dora_camera.py"),
        "inputs": {"answer": {"source": "consumer/answer", "queue_size": _QUEUE}},
        "outputs": ["frame"],
    }
    consumer = {
        "id": "consumer",
        "path": str(_HERE / "dora_consumer.py"),
        "inputs": {"frame": {"source": "camera/frame", "queue_size": _QUEUE}},
        "outputs": ["answer"],
    }
    return run_flow([camera, consumer], parameters)
