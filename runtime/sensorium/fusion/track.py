"""One stream of a join: the events it holds, how far it has come, and what it counts."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from dataclasses import fields
from typing import Any

from sensorium.events import AnyEvent
from sensorium.fusion.aligned import Matched, StreamCounts
from sensorium.fusion.plan import FOREVER, StreamPlan

DECISIONS = 256  # remembered, to tell which late events would have changed one
READY = -FOREVER  # a need that is always met
PASSED = 1 << 64  # a watermark that meets every need


class Track:
    """The events of one stream in the order (time, source, sequence).

    ``watermark`` is how far it has come: no event from before it is to come any more. While it
    is silent for too long, or has ended, that is for ever.
    """

    def __init__(self, plan: StreamPlan, now: int) -> None:
        self.plan = plan
        self.times: list[int] = []
        self.events: list[AnyEvent] = []
        self.used: list[bool] = []
        self.watermark = self.promised = -FOREVER
        self.newest = -FOREVER
        self.last_arrival = now
        self.bytes = 0
        self.counts = StreamCounts()
        self.unique = plan.equal_times == "first"
        self.tolerance = FOREVER if plan.tolerance is None else plan.tolerance
        self._lateness = plan.lateness
        self._limit = plan.limit
        self._limit_bytes = plan.limit_bytes
        # (first, last) times of the events that would have changed a decision
        self._decisions: deque[tuple[int, int]] = deque(maxlen=DECISIONS)
        self._decided_until = -FOREVER  # the end of the latest of them

    # --- what comes in ------------------------------------------------------------------------

    def add(self, event: AnyEvent, now: int) -> None:
        """Take an event in."""
        counts = self.counts
        counts.received += 1
        self.last_arrival = now
        time = event.originating_time
        if counts.state != "live":
            self.revive()
        times = self.times
        if not times or time > times[-1]:
            times.append(time)
            self.events.append(event)
            self.used.append(False)
        elif not self._insert(event, time):
            counts.duplicates += 1
            return
        if time <= self._decided_until and self._would_have_changed(time):
            counts.late += 1
        if time > self.newest:
            self.newest = time
            if time - self._lateness > self.promised:  # it is live: as progress() does
                self.promised = self.watermark = time - self._lateness
        if _array_fields.get(type(event.payload)) != ():
            self.bytes += size_of(event.payload)
        if len(times) > self._limit or self.bytes > self._limit_bytes:
            self._evict()

    def progress(self, watermark: int) -> None:
        """No event from before ``watermark`` will come."""
        if watermark > self.promised:
            self.promised = watermark
            if self.counts.state in ("silent", "live"):
                self.watermark = watermark

    def stop(self, state: str) -> None:
        """Wait for it no more: it is ``stalled`` or ``ended``."""
        self.counts.state = state
        self.counts.stalled += state == "stalled"
        self.watermark = PASSED

    def begin_again(self) -> None:
        """Its times may begin anew, before those of its former life."""
        self.newest = self.watermark = self.promised = self._decided_until = -FOREVER
        self._decisions.clear()
        self.forget()

    def revive(self) -> None:
        """It speaks, for the first time or again."""
        self.counts.state = "live"
        self.watermark = self.promised

    def _insert(self, event: AnyEvent, time: int) -> bool:
        """Put an event where it belongs; False for a duplicate."""
        events = self.events
        place = bisect_right(self.times, time)
        key = (event.source, event.sequence)
        first = bisect_left(self.times, time)
        for index in range(first, place):
            held = events[index]
            if (held.source, held.sequence) == key:
                return False
            if self.unique:  # the first in order counts, whichever came first
                if key < (held.source, held.sequence):
                    self.bytes += size_of(event.payload) - size_of(held.payload)
                    events[index] = event
                return False
        while place > first and (events[place - 1].source, events[place - 1].sequence) > key:
            place -= 1
        self.times.insert(place, time)
        events.insert(place, event)
        self.used.insert(place, False)
        return True

    # --- what is forgotten --------------------------------------------------------------------

    def prune(self, primary: int, *, waiting: bool) -> None:
        """Forget what no primary from ``primary`` (ns) on can want.

        Unless one is ``waiting``, also what is older than the plan keeps.
        """
        count = self._passed(primary)
        if not waiting:
            count = max(count, bisect_left(self.times, self.newest - self.plan.keep))
        if count:
            self._drop(count)

    def _passed(self, primary: int) -> int:
        """How many of the first events lie out of reach of a primary at ``primary``."""
        if self.tolerance < FOREVER:
            return bisect_left(self.times, primary - self.tolerance)
        count = bisect_right(self.times, primary)  # the latest of these stays within reach
        return bisect_left(self.times, self.times[count - 1]) if count else 0

    def forget(self) -> None:
        """Forget everything held."""
        self._drop(len(self.times))

    def _drop(self, count: int) -> None:
        used = sum(self.used[:count])
        self.counts.used += used
        self.counts.unused += count - used
        self._delete(count)

    def _delete(self, count: int) -> None:
        if self.bytes:
            self.bytes -= sum(size_of(event.payload) for event in self.events[:count])
        del self.times[:count], self.events[:count], self.used[:count]

    def _evict(self) -> None:
        while self.times and (len(self.times) > self._limit or self.bytes > self._limit_bytes):
            if self.used[0]:
                self.counts.used += 1
            else:
                self.counts.evicted += 1
            self._delete(1)

    # --- matching: what each kind of match has of its own -------------------------------------

    def need(self, start: int, end: int) -> int:
        """The watermark from which on no better match for a primary at ``start`` can come."""
        raise NotImplementedError

    def choose(self, start: int, end: int) -> Matched:
        """The best match there is, decided."""
        raise NotImplementedError

    def _decided(self, first: int, last: int, found: bool) -> None:
        """Count a decision that an event from ``first`` to ``last`` (ns) would have changed."""
        if found:
            self.counts.matched += 1
        else:
            self.counts.unmatched += 1
        if first <= last:
            self._decisions.append((first, last))
            if last > self._decided_until:
                self._decided_until = last

    def _would_have_changed(self, time: int) -> bool:
        return any(first <= time <= last for first, last in reversed(self._decisions))


_array_fields: dict[type, tuple[str, ...]] = {}


def size_of(payload: Any) -> int:
    """Bytes of the payload's arrays; what else it holds is small."""
    kind = type(payload)
    names = _array_fields.get(kind)
    if names is None:
        names = tuple(f.name for f in fields(kind) if "array" in str(f.type).lower())
        _array_fields[kind] = names
    if not names:
        return 0
    return sum(getattr(getattr(payload, name), "nbytes", 0) for name in names)
