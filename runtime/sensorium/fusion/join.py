"""The join itself: events in, aligned sets out. No clock, no tasks: time is told to it.

Events originate somewhere in time and arrive later, each stream with delays of its own. A
primary is given out once the watermark of every other stream has passed what its match needs
(the semantics of the reproducible stream fusion of Microsoft's Platform for Situated
Intelligence: Bohus et al. 2021, arXiv:2103.15975), so the set depends on the data alone. What
must not wait for ever is given out sooner, with what there is: see :class:`Outcome`.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from operator import attrgetter

from sensorium.events import AnyEvent
from sensorium.fusion.aligned import Aligned, JoinCounts, Outcome, StreamNotice
from sensorium.fusion.kinds import track_of
from sensorium.fusion.plan import FOREVER, JoinPlan, Match, Mode
from sensorium.fusion.track import Track, size_of

REMEMBERED = 1024  # primaries given out, by which one that comes again is known
PRUNE_EVERY = 16  # primaries

NOTHING: tuple[Aligned, ...] = ()


class _Waiting:
    """A primary that has not been given out."""

    __slots__ = ("arrived", "begun", "done", "end", "event", "key", "start")

    def __init__(self, event: AnyEvent, arrived: int, end: int) -> None:
        self.event = event
        self.arrived = arrived
        self.start = start = event.originating_time
        self.end = end if end > start else start
        self.key = (start, event.source, event.sequence)
        self.begun = 0  # tracks before this one are ready
        self.done = False


_key = attrgetter("key")


class Join:
    """Joins streams by originating time. Stream 0 is the primary, the others follow the plan.

    Times are ns on any one clock; ``now`` never decreases. Every call that may make a primary
    ready returns the sets, in the order of the primaries' (time, source, sequence)::

        plan = JoinPlan(StreamPlan("image"), (StreamPlan("depth", tolerance=20 * NS_PER_MS),))
        join = Join(plan)
        for stream, event in arrivals:
            for aligned in join.push(stream, event, now()):
                use(aligned.primary, aligned["depth"])
    """

    def __init__(self, plan: JoinPlan, now: int = 0) -> None:
        self.plan = plan
        self.notices: list[StreamNotice] = []
        """Streams that fell silent or recovered since somebody last cleared this."""
        self._names = tuple(other.name for other in plan.others)
        self._primary = Track(plan.primary, now)  # holds no events: it tells how far it has come
        self._others = [track_of(other, now) for other in plan.others]
        self._tracks = [self._primary, *self._others]
        self._limit = plan.primary.limit
        self._waiting: list[_Waiting] = []
        self._arrived: deque[_Waiting] = deque()  # the same in order of arrival, some done
        self._blocker = -1  # the stream that the first primary waits for
        self._waits = plan.mode is Mode.AVAILABLE
        self._spans = any(other.match is Match.WINDOW for other in plan.others)
        self._required = [n for n, other in enumerate(plan.others) if other.required]
        self._stalled = False  # some stream is
        self._counts = JoinCounts()
        self._bytes = 0
        self._last_key: tuple[int, str, int] | None = None
        self._given: deque[tuple[int, str, int]] = deque(maxlen=REMEMBERED)

    # --- what happens -------------------------------------------------------------------------

    def push(self, stream: int, event: AnyEvent, now: int) -> Sequence[Aligned]:
        """An event of that stream arrived."""
        if stream == 0:
            if not self._take(event, now):
                return self._take_late(event, now)
            blocker = self._tracks[self._blocker]
            if (
                self._blocker <= 0
                or self._waiting[0].event is event
                or now - blocker.last_arrival >= blocker.plan.stall
            ):
                released = self._release(now)
            else:
                released = []
            if len(self._waiting) > self._limit or self._bytes:
                self._force(now, released)
            return released
        track = self._tracks[stream]
        if self._stalled and track.counts.state == "stalled":
            self._recover(stream, now)
        track.add(event, now)
        if not track.counts.received % PRUNE_EVERY:
            self._prune()
            if track.counts.evicted and not self._waiting:
                self._miss_primaries(now)
        if stream != self._blocker:
            return NOTHING
        return self._release(now)

    def progress(self, stream: int, watermark: int, now: int) -> Sequence[Aligned]:
        """No event from before ``watermark`` will come on that stream."""
        self._tracks[stream].progress(watermark)
        return self._release(now)

    def end(self, stream: int, now: int) -> Sequence[Aligned]:
        """Nothing will come on that stream; if something does all the same, it goes on."""
        self._tracks[stream].stop("ended")
        return self._release(now)

    def flush(self, now: int) -> Sequence[Aligned]:
        """Time has passed: give out what has waited long enough. Call it at :attr:`deadline`."""
        released: list[Aligned] = []
        while (first := self._first_arrived()) and self._waits and self._due(first) <= now:
            while not first.done:
                if more := self._release(now):
                    released += more
                else:
                    self._decide(self._waiting[0], now, Outcome.WAITED, released)
        released += self._release(now)
        return released

    def finish(self, now: int) -> Sequence[Aligned]:
        """The end: give out everything that waits."""
        released: list[Aligned] = [*self._release(now)]
        while self._waiting:
            self._decide(self._waiting[0], now, Outcome.ENDED, released)
        return released

    def begin_again(self, stream: int, now: int) -> Sequence[Aligned]:
        """A source of that stream has a new life: its times may begin before the old one's.

        What was held of the stream is forgotten; primaries that wait are given out first.
        """
        released = self.finish(now)
        self._tracks[stream].begin_again()
        if stream == 0:
            self._last_key = None
        return released

    def cancel(self) -> None:
        """Give up the primaries that wait; they are counted as cancelled."""
        self._counts.cancelled += len(self._waiting)
        for held in self._waiting:
            held.done = True
        self._waiting.clear()
        self._arrived.clear()
        self._bytes, self._blocker = 0, -1

    # --- what can be asked --------------------------------------------------------------------

    @property
    def pending(self) -> int:
        """Primaries that wait."""
        return len(self._waiting)

    @property
    def deadline(self) -> int | None:
        """When to call :meth:`flush` (ns), if nothing happens before; None: no need to."""
        times = []
        if self._waits and (first := self._first_arrived()):
            times.append(self._due(first))
        if self._blocker >= 0:
            stalls_at = self._stalls_at(self._tracks[self._blocker], self._waiting[0])
            if stalls_at < FOREVER:
                times.append(stalls_at)
        return min(times, default=None)

    def statistics(self) -> JoinCounts:
        """The counts so far."""
        streams = {
            track.plan.name: replace(track.counts, held=len(track.times), held_bytes=track.bytes)
            for track in self._others
        }
        outcomes = dict(self._counts.outcomes)
        pending = len(self._waiting)
        return replace(self._counts, pending=pending, outcomes=outcomes, streams=streams)

    # --- primaries ----------------------------------------------------------------------------

    def _take(self, event: AnyEvent, now: int) -> bool:
        counts, track, waiting = self._counts, self._primary, self._waiting
        counts.received += 1
        held = _Waiting(event, now, getattr(event.payload, "end_time", 0) if self._spans else 0)
        key = held.key
        if self._last_key is not None and key <= self._last_key:
            return False
        if not waiting or key > waiting[-1].key:
            waiting.append(held)
        else:
            place = bisect_right(waiting, key, key=_key)
            if place and waiting[place - 1].key == key:
                return False
            insort(waiting, held, key=_key)
        self._bytes += size_of(event.payload)
        if self._waits:
            self._arrived.append(held)
        if track.counts.state != "live":
            if track.counts.state == "stalled":
                self._recover(0, now)
            track.revive()
        track.last_arrival = now
        if held.start > track.newest:
            track.newest = held.start
            track.progress(held.start - track.plan.lateness)
        return True

    def _take_late(self, event: AnyEvent, now: int) -> Sequence[Aligned]:
        """One that has come before, or after a later one was given out."""
        late = _Waiting(event, now, getattr(event.payload, "end_time", 0))
        if late.key in self._given or any(held.key == late.key for held in self._waiting):
            self._counts.duplicates += 1
        elif self.plan.in_order:
            self._counts.late += 1
        else:
            released: list[Aligned] = []
            self._give(late, now, Outcome.LATE, released)
            return released
        return NOTHING

    def _force(self, now: int, released: list[Aligned]) -> None:
        """Give out the first ones while there are too many, or too large."""
        plan = self.plan.primary
        while len(self._waiting) > plan.limit or self._bytes > plan.limit_bytes:
            self._decide(self._waiting[0], now, Outcome.FULL, released)
            released += self._release(now)

    # --- deciding -----------------------------------------------------------------------------

    def _release(self, now: int) -> list[Aligned]:
        released: list[Aligned] = []
        while self._waiting:
            head = self._waiting[0]
            blocker = self._blocker_of(head, now)
            if blocker >= 0:
                self._blocker = blocker
                break
            outcome = Outcome.STALLED if self._stalled else Outcome.COMPLETE
            self._decide(head, now, outcome, released)
        else:
            self._blocker = -1
        return released

    def _blocker_of(self, head: _Waiting, now: int) -> int:
        """The first stream that this primary has to wait for; -1 for none."""
        tracks = self._tracks
        start, end = head.start, head.end
        for index in range(head.begun, len(tracks)):
            track = tracks[index]
            if index:
                need = track.need(start, end)
            else:  # an earlier primary may come; among equals it is a matter of order
                need = start if not track.plan.lateness else start + 1
            if track.watermark < need:
                silent = now - track.last_arrival
                if silent < track.plan.stall or now < self._stalls_at(track, head):
                    head.begun = index
                    return index
                self._tell(index, "stalled", now)
                track.stop("stalled")
                self._stalled = True
        return -1

    def _stalls_at(self, track: Track, head: _Waiting) -> int:
        since = track.last_arrival
        if not self._waits and head.arrived > since:
            since = head.arrived  # silence counts from when somebody waited
        return since + track.plan.stall

    def _decide(self, head: _Waiting, now: int, outcome: Outcome, released: list[Aligned]) -> None:
        del self._waiting[0]
        head.done = True
        if self._bytes:
            self._bytes -= size_of(head.event.payload)
        self._blocker = -1
        self._last_key = head.key
        self._give(head, now, outcome, released)

    def _give(self, head: _Waiting, now: int, outcome: Outcome, released: list[Aligned]) -> None:
        counts = self._counts
        start, end = head.start, head.end
        matches = tuple([track.choose(start, end) for track in self._others])
        self._given.append(head.key)
        if self._required and not all(matches[n] for n in self._required):
            counts.dropped += 1
        else:
            counts.released += 1
            counts.outcomes[outcome] += 1
            waited = now - head.arrived
            released.append(Aligned(head.event, matches, outcome, waited, self._names))
        if (counts.released + counts.dropped) % PRUNE_EVERY == 0:
            self._prune()

    def _prune(self) -> None:
        """Forget what no primary can want, neither one that waits nor one that is to come."""
        first = self._last_key[0] if self._last_key else -FOREVER
        if self._waiting:
            first = max(first, min(self._waiting[0].start, self._primary.promised))
        for track in self._others:
            track.prune(first, waiting=bool(self._waiting))

    def _first_arrived(self) -> _Waiting | None:
        arrived = self._arrived
        while arrived and arrived[0].done:
            arrived.popleft()
        return arrived[0] if arrived else None

    def _due(self, held: _Waiting) -> int:
        return held.arrived + self.plan.wait

    def _miss_primaries(self, now: int) -> None:
        """Events were given up for lack of primaries: say so, once."""
        state = self._primary.counts.state
        silent = now - self._primary.last_arrival
        if state in ("silent", "live") and silent >= self._primary.plan.stall:
            self._tell(0, "stalled", now)
            self._primary.stop("stalled")
            self._stalled = True

    def _recover(self, stream: int, now: int) -> None:
        self._tell(stream, "recovered", now)
        self._tracks[stream].revive()
        self._stalled = any(track.counts.state == "stalled" for track in self._tracks)

    def _tell(self, stream: int, state: str, now: int) -> None:
        track = self._tracks[stream]
        silent = now - track.last_arrival
        notice = StreamNotice(track.plan.name, state, silent, len(self._waiting))
        self.notices.append(notice)
