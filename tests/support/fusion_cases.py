"""Generated arrivals of several streams, and a join by brute force that knows them all."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sensorium.events import NS_PER_MS, Event
from sensorium.fusion.aligned import Aligned, Interpolated
from sensorium.fusion.join import Join
from sensorium.fusion.plan import JoinPlan, Match, StreamPlan
from sensorium.payloads import Observation, Text, Transcript

JITTER = 80 * NS_PER_MS
LOSS = 0.05
DRIFT = 50e-6


def event(
    stream: str, time: int, sequence: int, *, payload: Any = None, source: str = ""
) -> Event[Any]:
    """An event that originates at ``time`` (ns)."""
    return Event(stream, payload or Text(""), time, time, source or stream, sequence)


@dataclass
class Case:
    """A plan and what arrives: (when, stream, event), in order of arrival."""

    plan: JoinPlan
    events: list[list[Event[Any]]]
    arrivals: list[tuple[int, int, Event[Any]]] = field(default_factory=list)

    def shuffled(self, seed: int) -> list[tuple[int, int, Event[Any]]]:
        """The same events with other delays, none above the jitter: reordered in each stream."""
        return delayed(self.events, random.Random(seed))


def delayed(
    events: list[list[Event[Any]]], chance: random.Random
) -> list[tuple[int, int, Event[Any]]]:
    """Each event arrives up to :data:`JITTER` after it originated."""
    found = [
        (one.originating_time + chance.randrange(JITTER), stream, one)
        for stream, line in enumerate(events)
        for one in line
    ]
    return sorted(found, key=lambda arrival: arrival[0])


def case(seed: int, match: Match | None = None) -> Case:
    """Three streams at odd rates with loss, drift, gaps, equal times and events that come twice."""
    chance = random.Random(seed)
    plans = [_plan(f"other{n}", match or chance.choice(list(Match)), chance) for n in range(2)]
    primary = StreamPlan("primary", lateness=JITTER, stall=1 << 60)
    events = [_line("primary", chance, spans=True)]
    events += [_line(plan.name, chance, numbers=True) for plan in plans]
    made = Case(JoinPlan(primary, tuple(plans)), events)
    made.arrivals = delayed(events, chance)
    return made


def _plan(name: str, match: Match, chance: random.Random) -> StreamPlan:
    tolerance = chance.choice([None, 0, 5, 20, 200])
    return StreamPlan(
        name,
        match=match,
        tolerance=None if tolerance is None else tolerance * NS_PER_MS,
        before=chance.choice([0, 30]) * NS_PER_MS,
        after=chance.choice([0, 50]) * NS_PER_MS,
        lateness=JITTER,
        equal_times=chance.choice(["first", "all"]),
        keep=1 << 60,
        stall=1 << 60,
    )


def _line(
    name: str, chance: random.Random, *, spans: bool = False, numbers: bool = False
) -> list[Event[Any]]:
    period = chance.choice([10, 33, 50, 120]) * NS_PER_MS
    time, line = chance.randrange(period), []
    skew = 1 + chance.uniform(-DRIFT, DRIFT)
    for sequence in range(chance.randrange(2, 40)):
        step = chance.choice([0, 1, 1, 1, 1, 1, 5]) * period  # equal times, and gaps
        time += round(step * skew) if chance.random() < 0.5 else step
        if chance.random() < LOSS:
            continue
        payload: Any = None
        if spans:
            payload = Transcript("", 1.0, time + chance.choice([0, 40, 300]) * NS_PER_MS)
        if numbers:
            payload = Observation(np.array([time / NS_PER_MS, sequence], np.float32))
        line.append(event(name, time, sequence, payload=payload))
        if chance.random() < LOSS:
            line.append(line[-1])  # delivered twice
    return line


def play(plan: JoinPlan, arrivals: list[tuple[int, int, Event[Any]]]) -> tuple[Join, list[Aligned]]:
    """Everything a join makes of ``arrivals``, to the ends of the streams."""
    join = Join(plan)
    made: list[Aligned] = []
    now = 0
    for now, stream, one in arrivals:
        made += join.push(stream, one, now)
    for stream in range(len(plan.names)):
        made += join.end(stream, now)
    return join, made


def said(aligned: Aligned) -> tuple[Any, ...]:
    """A set in comparable values."""
    return (aligned.primary.id, *(_said(match) for match in aligned.matches))


def _said(match: Any) -> Any:
    match match:
        case None:
            return None
        case tuple():
            return tuple(one.id for one in match)
        case Interpolated(before, after, fraction, payload):
            return before.id, after.id, round(fraction, 9), payload.values.round(3).tolist()
        case one:
            return one.id


# --- brute force: every primary against every event -------------------------------------------


def oracle(case: Case) -> list[tuple[Any, ...]]:
    """What should come out, by looking at everything."""
    primaries = {(e.originating_time, e.source, e.sequence): e for e in case.events[0]}
    lines = [
        unique(line, plan) for line, plan in zip(case.events[1:], case.plan.others, strict=True)
    ]
    return [
        (
            one.id,
            *(best(one, line, plan) for line, plan in zip(lines, case.plan.others, strict=True)),
        )
        for _, one in sorted(primaries.items(), key=lambda item: item[0])
    ]


def unique(line: list[Event[Any]], plan: StreamPlan) -> list[Event[Any]]:
    one_a_time = plan.equal_times == "first" and plan.match is not Match.WINDOW
    kept: dict[Any, Event[Any]] = {}
    for one in sorted(line, key=lambda e: (e.originating_time, e.source, e.sequence)):
        key = one.originating_time if one_a_time else one.id
        kept.setdefault(key, one)
    return list(kept.values())


def best(primary: Event[Any], line: list[Event[Any]], plan: StreamPlan) -> Any:
    """The match of one stream."""
    t = primary.originating_time
    near = [
        e for e in line if plan.tolerance is None or abs(e.originating_time - t) <= plan.tolerance
    ]
    earlier = [e for e in near if e.originating_time <= t]
    later = [e for e in near if e.originating_time >= t]
    match plan.match:
        case Match.NEAREST:
            return (
                min(
                    near,
                    key=lambda e: (abs(e.originating_time - t), e.originating_time, e.sequence),
                ).id
                if near
                else None
            )
        case Match.EXACT:
            same = [e for e in line if e.originating_time == t]
            return min(same, key=lambda e: e.sequence).id if same else None
        case Match.LAST:
            found = max(earlier, key=lambda e: (e.originating_time, e.sequence), default=None)
            return found.id if found else None
        case Match.WINDOW:
            end = max(t, primary.payload.end_time)
            return tuple(
                e.id for e in line if t - plan.before <= e.originating_time <= end + plan.after
            )
        case Match.INTERPOLATE:
            if not earlier or not later:
                return None
            high = min(later, key=lambda e: (e.originating_time, e.sequence))
            low = min(earlier, key=lambda e: (-e.originating_time, e.sequence))
            span = high.originating_time - low.originating_time
            part = (t - low.originating_time) / span if span else 0.0
            a, b = low.payload.values.astype(float), high.payload.values.astype(float)
            values = (a + (b - a) * part).astype(np.float32)
            return low.id, high.id, round(part, 9), values.round(3).tolist()
