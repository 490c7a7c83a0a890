"""How deaths are timed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

from sensorium_benchmarks.stopwatch import percentile

PAUSE_S = 1.0  # between a recovery and the next death: what shall stand by then does


def figures(waits: list[float]) -> dict[str, float]:
    """Of seconds from death to answer."""
    return {"p50": percentile(waits, 0.5) * 1000, "worst": max(waits) * 1000}


class Death:
    """One kill, and the time since."""

    def __init__(self, pid: int, kill: Callable[[int, int], None] = os.kill) -> None:
        self.pid = pid
        self._began = time.monotonic()
        kill(pid, signal.SIGKILL)

    def until(self, answered_by: int) -> float:
        """Seconds to an answer. Raises RuntimeError when it is of the dead."""
        if answered_by == self.pid:
            raise RuntimeError(f"process {self.pid} answered after it was killed")
        return time.monotonic() - self._began
