"""The time of another machine's clock, learnt from when its messages arrive.

A message says when it was made by its sender's clock, and arrives after some delay that is never
negative. So the points (sender's time, arrival - sender's time) lie on or above a line whose
height is the offset between the clocks (plus the least delay, which one-way messages cannot tell
apart from it) and whose slope is their drift. The line is the edge of the points' lower convex
hull above their mean time: of all lines below the points the one nearest to them (Moon, Skelly &
Towsley, "Estimation and removal of clock skew from network delay measurements", INFOCOM 1999;
Zhang, Liu & Xia, "Clock synchronization algorithms for network measurements", INFOCOM 2002).

Only the quickest message of each second counts, over a sliding window, so the fit is small and
follows a clock whose drift wanders. A clock that jumps (its machine was restarted, or set) is
noticed by messages that keep lying far from the line, and learnt anew.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from dataclasses import dataclass
from itertools import pairwise

from sensorium.errors import SettingsError
from sensorium.events import NS_PER_MS, NS_PER_S

BUCKET = NS_PER_S  # of the sender's time: one point each
MATURE = 32  # samples after which a point below the line is no longer mere progress
STEEP_S = 10.0  # of samples before a drift is believed
SURE = 20  # points from which on the line is good enough to tell a small jump from it
RECENT = 128  # samples by which the spread of the delays is judged
LOW, LOW_OF = 3, 16  # so many of the last so many far below the line: the clock jumped
HIGH = ((32, 0.5), (128, 0.1))  # or so many in a row all above it, by so much of the spread
WILD = NS_PER_S  # from the line: no delay; three in a row are a jump
SLEW = 0.5  # a correction changes by at most this much of the time that passes
KNOTS = 256  # corrections remembered, for messages that come out of order


@dataclass(frozen=True, slots=True)
class ClockReading:
    """What is known of a clock. Times in ns."""

    offset: int
    """To be added to the clock's time, now."""
    drift_ppm: float
    """How much faster ours runs than it; negative: slower."""
    residual: int
    """Median of what messages took longer than the quickest."""
    samples: int
    """Since the last jump."""
    resets: int
    """Jumps."""
    outliers: int
    """Times that fitted nothing."""


@dataclass(frozen=True, slots=True)
class _Line:
    at: float = 0.0
    height: float = 0.0
    slope: float = 0.0

    def __call__(self, x: float) -> float:
        return self.height + self.slope * (x - self.at)


class ClockModel:
    """One clock of another machine. Feed it every message: :meth:`observe`.

    ``window_s`` is how far back it looks, ``max_drift_ppm`` more than clocks drift, and
    ``min_delay_ms`` how long the quickest message travels, where that is known: estimates lie
    late by it otherwise.
    """

    def __init__(
        self,
        *,
        window_s: float = 120.0,
        max_drift_ppm: float = 500.0,
        min_delay_ms: float = 0.0,
    ) -> None:
        if window_s < 1 or max_drift_ppm < 0 or min_delay_ms < 0:
            raise SettingsError(
                "a clock's window is at least 1 s; drift and delay are not negative"
            )
        self._buckets = round(window_s * NS_PER_S / BUCKET)
        self._steepest = max_drift_ppm * 1e-6
        self._least = round(min_delay_ms * NS_PER_MS)
        self.resets = 0
        self.outliers = 0
        self._begun = False
        self._last_out = 0

    def observe(self, remote: int, arrival: int) -> int:
        """Learn from a message and say when it was made, in ns of our clock.

        ``remote`` is its sender's time, ``arrival`` ours when it came, both in ns. In the order of
        ``remote`` what is returned never goes back, and it never lies after ``arrival``.
        """
        if not self._begun:
            self._begin(remote, arrival - remote)
        x, y = float(remote - self._x0), float(arrival - remote - self._y0)
        residual = y - self._line(x)
        if abs(residual) > max(WILD, 10 * self._spread):
            return self._observe_wild(remote, arrival)
        self._wild.clear()
        if self._is_jump(x, y, residual):
            self._restart()
            return self.observe(remote, arrival)
        return self._corrected(remote, arrival)

    @property
    def reading(self) -> ClockReading | None:
        """What is known so far; None before the first message."""
        if not self._begun:
            return None
        return ClockReading(
            offset=round(self._target(self._newest)),
            drift_ppm=round(self._line.slope * 1e6, 3),
            residual=round(max(0.0, self._median)),
            samples=self._samples,
            resets=self.resets,
            outliers=self.outliers,
        )

    # --- learning -----------------------------------------------------------------------------

    def _begin(self, remote: int, height: int) -> None:
        self._begun = True
        self._x0, self._y0 = remote, height  # small numbers from here on
        self._newest = remote
        self._samples = 0
        self._line = _Line()
        self._lowest: dict[int, tuple[float, float]] = {}
        self._spread = self._median = 0.0
        self._residuals: deque[float] = deque(maxlen=RECENT)
        self._recent: deque[tuple[float, float, bool]] = deque(maxlen=HIGH[-1][0])  # x, y, low
        self._wild: list[tuple[int, int]] = []
        self._knots: deque[tuple[int, float]] = deque(maxlen=KNOTS)

    def _is_jump(self, x: float, y: float, residual: float) -> bool:
        """Take a sample in, unless it is one too many that does not fit."""
        mature = self._samples >= MATURE
        low = mature and residual < -max(5 * NS_PER_MS, 0.3 * self._spread)
        self._recent.append((x, y, low))
        if low:
            self.outliers += 1
            if sum(sample[2] for sample in list(self._recent)[-LOW_OF:]) >= LOW:
                self.outliers -= LOW
                return True
            return False
        self._samples += 1
        self._newest = max(self._newest, self._x0 + round(x))
        self._residuals.append(residual)
        if self._samples % 8 == 0 or self._samples < 8:
            ordered = sorted(self._residuals)
            self._median = ordered[len(ordered) // 2]
            self._spread = max(0.0, ordered[int(0.9 * (len(ordered) - 1))])
        if mature and self._samples % 8 == 0 and self._high():
            return True
        # a small jump would look like drift
        if len(self._lowest) >= SURE and residual < -2 * NS_PER_MS:
            self._lowest = {n: (at, up + residual) for n, (at, up) in self._lowest.items()}
        self._lower(x, y)
        return False

    def _high(self) -> list[tuple[float, float, bool]]:
        """The last samples, if so many of them lie above the line that it must have moved."""
        recent = list(self._recent)
        for count, share in HIGH:
            margin = max(3 * NS_PER_MS, share * self._spread)
            last = recent[-count:]
            if len(last) == count and all(y - self._line(x) > margin for x, y, _ in last):
                return last
        return []

    def _restart(self) -> None:
        """The clock jumped: go on from the samples that say so."""
        samples = [sample for sample in self._recent if sample[2]][-LOW:] or self._high()
        self._renew([(self._x0 + round(x), self._y0 + round(y)) for x, y, _ in samples])

    def _observe_wild(self, remote: int, arrival: int) -> int:
        """A time that no delay explains: the first few are not believed."""
        self._wild.append((remote, arrival - remote))
        self.outliers += 1
        if len(self._wild) >= LOW:
            self.outliers -= LOW
            near = min(height for _, height in self._wild)
            self._renew([one for one in self._wild if one[1] - near < WILD])
            return self.observe(remote, arrival)
        return max(self._last_out, arrival - round(self._median))

    def _renew(self, samples: list[tuple[int, int]]) -> None:
        self.resets += 1
        remote, height = min(samples, key=lambda sample: sample[1])
        self._begin(remote, height)
        for at, up in samples:
            self._lower(float(at - self._x0), float(up - self._y0))

    def _lower(self, x: float, y: float) -> None:
        """Keep the quickest message of each second, and the line below them."""
        number = int(x // BUCKET)
        held = self._lowest.get(number)
        tilt = self._line.slope
        if held is not None and y - tilt * x >= held[1] - tilt * held[0]:
            return
        self._lowest[number] = (x, y)
        if held is None and len(self._lowest) > self._buckets:
            newest = max(self._lowest)
            for old in [n for n in self._lowest if n <= newest - self._buckets]:
                del self._lowest[old]
        self._line = _line_below(sorted(self._lowest.values()), self._steepest)

    # --- correcting ---------------------------------------------------------------------------

    def _target(self, remote: int) -> float:
        """What the line says is to be added to ``remote``."""
        return self._y0 + self._line(float(remote - self._x0)) - self._least

    def _corrected(self, remote: int, arrival: int) -> int:
        knots = self._knots
        if not knots:
            knots.append((remote, self._target(remote)))
        elif remote > knots[-1][0]:
            last, applied = knots[-1]
            most = SLEW * (remote - last)
            step = self._target(remote) - applied
            knots.append((remote, applied + min(most, max(-most, step))))
        out = min(arrival, remote + round(self._applied(remote)))
        if remote == knots[-1][0]:
            self._last_out = out = min(arrival, max(out, self._last_out))
        return out

    def _applied(self, remote: int) -> float:
        """The correction at ``remote``: between those of its neighbours, if it comes late."""
        knots = self._knots
        if remote >= knots[-1][0] or remote <= knots[0][0]:
            return knots[-1][1] if remote >= knots[-1][0] else knots[0][1]
        index = bisect_left(knots, (remote, float("-inf")))
        (before, low), (after, high) = knots[index - 1], knots[index]
        return low + (high - low) * (remote - before) / (after - before)


def _line_below(points: list[tuple[float, float]], steepest: float) -> _Line:
    """The line below all of ``points`` (in order) that is nearest to them."""
    slope = 0.0
    if points[-1][0] - points[0][0] >= STEEP_S * NS_PER_S:
        slope = _slope_at_mean(_lower_hull(points), sum(x for x, _ in points) / len(points))
        slope = min(steepest, max(-steepest, slope))
    at, height = min(points, key=lambda point: point[1] - slope * point[0])
    return _Line(at, height, slope)


def _lower_hull(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Andrew's monotone chain, its lower half."""
    hull: list[tuple[float, float]] = []
    for x, y in points:
        while len(hull) > 1:
            (x1, y1), (x2, y2) = hull[-2], hull[-1]
            if (y2 - y1) * (x - x1) < (y - y1) * (x2 - x1):
                break
            hull.pop()
        hull.append((x, y))
    return hull


def _slope_at_mean(hull: list[tuple[float, float]], mean: float) -> float:
    for (x1, y1), (x2, y2) in pairwise(hull):
        if x2 >= mean:
            return (y2 - y1) / (x2 - x1)
    return 0.0
