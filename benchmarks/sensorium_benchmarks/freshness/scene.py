"""The camera's pace, the model's work, and the account at the end."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence

from sensorium_benchmarks.frames.frame import Frame, look
from sensorium_benchmarks.stopwatch import percentile

WIDTH, HEIGHT = 640, 480
GRACE_S = 0.2
"""After the last frame, before all is counted."""
SPREAD = 0.08
"""The work takes this part more or less than its mean, evenly."""


Seen = tuple[int, float]
"""Number of a frame, and its age in ms when work on it began."""


class Pace:
    """When the frames of a camera are due, on whichever clock: no error adds up."""

    def __init__(self, rate_hz: float, now_s: float) -> None:
        self._period_s = 1 / rate_hz
        self._due_s = now_s

    def wait_s(self, now_s: float) -> float:
        """How long it is until the next frame."""
        self._due_s += self._period_s
        return max(0.0, self._due_s - now_s)


class Eye:
    """What the perceiver has run in a thread."""

    def __init__(self, busy_ms: float) -> None:
        self._busy_s = busy_ms / 1000
        self._random = random.Random(0)
        self.seen: list[Seen] = []

    def see(self, frame: Frame) -> float:
        """Note the frame's age in ms, and be busy; other threads run meanwhile."""
        number, sent, now = look(frame)
        age_ms = (now - sent) / 1e6
        self.seen.append((number, age_ms))
        time.sleep(self._busy_s * self._random.uniform(1 - SPREAD, 1 + SPREAD))
        return age_ms


def account(seen: Sequence[Seen], sent: int, dropped: int) -> dict[str, float]:
    """The figures of a run. Raises RuntimeError when more frames went than came, or none did.

    The very last frame does not count for the ages: no newer one could take its place.
    """
    left = sent - len(seen) - dropped
    ages_ms = [age_ms for number, age_ms in seen if number < sent - 1]
    if left < 0 or not ages_ms:
        raise RuntimeError(f"{len(seen)} used and {dropped} dropped of {sent} sent")
    return {
        "p50": percentile(ages_ms, 0.5),
        "p99": percentile(ages_ms, 0.99),
        "last": ages_ms[-1],
        "sent": float(sent),
        "used": float(len(seen)),
        "dropped": float(dropped),
        "left": float(left),
    }
