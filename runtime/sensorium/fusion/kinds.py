"""The five kinds of match, each with its rule for when no better match can come.

An event that is still to come lies at or after its stream's watermark. So with a nearest event
at distance ``d`` nothing better comes once the watermark has reached ``t + d``; with none, once
it has passed ``t + tolerance``.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from sensorium.events import AnyEvent
from sensorium.fusion.aligned import Interpolated, Matched
from sensorium.fusion.interpolation import linear
from sensorium.fusion.plan import Match, StreamPlan
from sensorium.fusion.track import READY, Track


class Nearest(Track):
    """The event nearest to the primary; of two equally near, the earlier."""

    def need(self, start: int, end: int) -> int:
        """The watermark from which on nothing nearer can come."""
        index = self._index(start)
        if index < 0:
            return start + self.tolerance + 1
        time = self.times[index]
        if self.unique:
            return READY if time == start else start + abs(time - start)
        return max(start + abs(time - start), time + 1)

    def choose(self, start: int, end: int) -> Matched:
        """The nearest there is."""
        index = self._index(start)
        if index < 0:
            self._decided(start - self.tolerance, start + self.tolerance, False)
            return None
        time = self.times[index]
        after = time > start
        self._decided(start - abs(time - start) + (not after), start + abs(time - start) - 1, True)
        self.used[index] = True
        return self.events[index]

    def _index(self, start: int) -> int:
        """Of the nearest event within the tolerance; -1 when there is none."""
        times = self.times
        index = bisect_left(times, start)
        if index < len(times) and times[index] == start:
            return index
        far = self.tolerance + 1
        best = -1
        if index and (distance := start - times[index - 1]) < far:
            far, best = distance, index - 1
        if index < len(times) and times[index] - start < far:
            return index
        return best if self.unique or best < 0 else bisect_left(times, times[best])


class Exact(Track):
    """The event of the same time."""

    def __init__(self, plan: StreamPlan, now: int) -> None:
        super().__init__(plan, now)
        self.tolerance = 0

    def need(self, start: int, end: int) -> int:
        """The watermark from which on none of that time can come."""
        if self.unique:
            index = bisect_left(self.times, start)
            if index < len(self.times) and self.times[index] == start:
                return READY
        return start + 1

    def choose(self, start: int, end: int) -> Matched:
        """The event of that time, if there is one."""
        index = bisect_left(self.times, start)
        found = index < len(self.times) and self.times[index] == start
        self._decided(start, start - found, found)
        if not found:
            return None
        self.used[index] = True
        return self.events[index]


class Last(Track):
    """The latest event at or before the primary."""

    def need(self, start: int, end: int) -> int:
        """The watermark from which on no later one, up to the primary, can come."""
        if self.unique:
            index = bisect_left(self.times, start)
            if index < len(self.times) and self.times[index] == start:
                return READY
        return start + 1

    def choose(self, start: int, end: int) -> Matched:
        """The latest there is."""
        index = bisect_right(self.times, start) - 1
        found = index >= 0 and start - self.times[index] <= self.tolerance
        self._decided(self.times[index] + 1 if found else start - self.tolerance, start, found)
        if not found:
            return None
        self.used[index] = True
        return self.events[index]


class Between(Track):
    """A payload computed from the neighbours on both sides, each within the tolerance."""

    def need(self, start: int, end: int) -> int:
        """The watermark from which on no nearer neighbour can come."""
        before, after = self._neighbours(start)
        if after >= 0:
            time = self.times[after]
            if time == start:
                return READY if self.unique else start + 1
            if before >= 0:
                return time + (not self.unique)
        if before < 0:  # without one before, one after is of no use
            return start + 1
        return start + self.tolerance + 1

    def choose(self, start: int, end: int) -> Matched:
        """The payload for the primary's time, if there are neighbours."""
        before, after = self._neighbours(start)
        if before < 0:
            self._decided(start - self.tolerance, start, False)
            return None
        if after < 0:
            self._decided(start, start + self.tolerance, False)
            return None
        self._decided(self.times[before] + 1, self.times[after] - 1, True)
        self.used[before] = self.used[after] = True
        return self._between(self.events[before], self.events[after], start)

    def _between(self, before: AnyEvent, after: AnyEvent, time: int) -> Interpolated:
        if before is after:
            return Interpolated(before, after, 0.0, before.payload)
        span = after.originating_time - before.originating_time
        fraction = (time - before.originating_time) / span
        compute = self.plan.interpolation or linear
        payload = compute(before.payload, after.payload, fraction)
        return Interpolated(before, after, fraction, payload)

    def _neighbours(self, start: int) -> tuple[int, int]:
        """Indices of the neighbours; -1 for one that is not there or too far away."""
        times, tolerance = self.times, self.tolerance
        after = bisect_left(times, start)
        if after < len(times) and times[after] == start:
            return after, after
        before = after - 1
        if before >= 0:
            near = start - times[before] <= tolerance
            before = (before if self.unique else bisect_left(times, times[before])) if near else -1
        if after == len(times) or times[after] - start > tolerance:
            after = -1
        return before, after


class Window(Track):
    """Every event of a span."""

    def __init__(self, plan: StreamPlan, now: int) -> None:
        super().__init__(plan, now)
        self.unique = False  # events of one time are different events
        self.tolerance = plan.before

    def need(self, start: int, end: int) -> int:
        """The watermark from which on none in the span can come."""
        return end + self.plan.after + 1

    def choose(self, start: int, end: int) -> Matched:
        """All there are in the span."""
        first, last = start - self.plan.before, end + self.plan.after
        low, high = bisect_left(self.times, first), bisect_right(self.times, last)
        self._decided(first, last, high > low)
        self.used[low:high] = [True] * (high - low)
        return tuple(self.events[low:high])


_KINDS: dict[Match, type[Track]] = {
    Match.NEAREST: Nearest,
    Match.EXACT: Exact,
    Match.LAST: Last,
    Match.INTERPOLATE: Between,
    Match.WINDOW: Window,
}


def track_of(plan: StreamPlan, now: int) -> Track:
    """The track that matches as ``plan`` says."""
    return _KINDS[plan.match](plan, now)
