"""dora: a camera node into a perceiver node, with the defaults of an input."""

from __future__ import annotations

from pathlib import Path

from sensorium_benchmarks.dora_flow import run_flow
from sensorium_benchmarks.freshness.scene import account

_HERE = Path(__file__).parent


def watch(frames: int, rate_hz: float, busy_ms: float) -> dict[str, float]:
    """Run the dataflow; dora does not count what it drops."""
    camera = {"id": "camera", "path": str(_HERE / "dora_camera.py"), "outputs": ["frame"]}
    looker = {
        "id": "looker",
        "path": str(_HERE / "dora_looker.py"),
        "inputs": {"frame": "camera/frame"},
    }
    parameters = {"frames": frames, "rate_hz": rate_hz, "busy_ms": busy_ms}
    left = run_flow([camera, looker], parameters)
    return account(left["looker"], left["camera"], 0)
