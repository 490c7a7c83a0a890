"""What every contender aligns, what is right, and how a run is judged."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sensorium import Text
from sensorium.events import NS_PER_MS, AnyEvent, Event
from sensorium_benchmarks.stopwatch import Stopwatch, percentile

STREAMS = 3
PERIOD = 33 * NS_PER_MS
JITTER = 40 * NS_PER_MS
TOLERANCE = 20 * NS_PER_MS
LOSS = 0.05

Arrival = tuple[int, int, AnyEvent]
"""When (ns), of which stream, what."""
Given = tuple[int, tuple[int, ...]]
"""When a set was given out (ns), and its sequence numbers."""


@dataclass(slots=True)
class Case:
    """Messages in order of arrival, and the sets they make."""

    arrivals: list[Arrival] = field(default_factory=list)
    arrived: dict[int, int] = field(default_factory=dict)
    """When each message of the first stream arrived, by its sequence number."""
    right: dict[int, tuple[int, ...]] = field(default_factory=dict)
    """The complete sets, by the sequence number in the first stream."""
    known: dict[int, int] = field(default_factory=dict)
    """When it was certain that no other set could be right (ns)."""


def case(events: int, *, ordered: bool, seed: int = 1) -> Case:
    """About ``events`` messages."""
    chance = random.Random(seed)
    lines = [_line(f"stream{n}", events // STREAMS, chance) for n in range(STREAMS)]
    made = Case()
    for stream, line in enumerate(lines):
        last = 0
        for event in line:
            now = event.originating_time + chance.randrange(JITTER)
            last = now = max(now, last) if ordered else now
            made.arrivals.append((now, stream, event))
    made.arrivals.sort(key=lambda arrival: arrival[0])
    made.arrived = {e.sequence: now for now, stream, e in made.arrivals if not stream}
    _solve(made, lines, 0 if ordered else JITTER)
    return made


def _line(name: str, count: int, chance: random.Random) -> list[AnyEvent]:
    begin = chance.randrange(PERIOD)
    line: list[AnyEvent] = []
    for sequence in range(count):
        time = begin + sequence * PERIOD + chance.randrange(2 * NS_PER_MS)
        if chance.random() >= LOSS:
            line.append(Event(name, Text(""), time, time, name, sequence))
    return line


def _solve(made: Case, lines: list[list[AnyEvent]], lateness: int) -> None:
    """Every message of the first stream against every message of the others."""
    times = [np.array([event.originating_time for event in line]) for line in lines]
    passed = [_progress(made.arrivals, stream, lateness) for stream in range(STREAMS)]
    for primary in lines[0]:
        t = primary.originating_time
        numbers, certain = [primary.sequence], [made.arrived[primary.sequence]]
        certain.append(_when(passed[0], t + (lateness > 0)))
        for stream in range(1, STREAMS):
            away = np.abs(times[stream] - t)
            nearest = int(np.argmin(away))
            distance = int(away[nearest])
            need = t + distance if distance <= TOLERANCE else t + TOLERANCE + 1
            certain.append(_when(passed[stream], need) if distance else certain[0])
            if distance <= TOLERANCE:
                numbers.append(lines[stream][nearest].sequence)
        made.known[primary.sequence] = max(certain)
        if len(numbers) == STREAMS:
            made.right[primary.sequence] = tuple(numbers)


def _progress(
    arrivals: list[Arrival], stream: int, lateness: int
) -> tuple[NDArray[np.int64], list[int]]:
    """Times before which nothing more comes, and when that is certain."""
    marks, since = [], []
    newest = -1
    for now, number, event in arrivals:
        if number == stream and event.originating_time > newest:
            newest = event.originating_time
            marks.append(newest - lateness)
            since.append(now)
    return np.array(marks), since


def _when(progress: tuple[NDArray[np.int64], list[int]], mark: int) -> int:
    marks, since = progress
    index = int(np.searchsorted(marks, mark))
    return since[index] if index < len(since) else since[-1]


def judged(made: Case, run: Callable[[list[Given]], None]) -> dict[str, float]:
    """Time ``run``, which appends what it gives out, and compare that with what is right."""
    given: list[Given] = []
    with Stopwatch() as watch:
        run(given)
    first: dict[int, Given] = {}
    for at, numbers in given:
        first.setdefault(numbers[0], (at, numbers))
    complete = [(n, first[n]) for n in made.right if n in first]
    right = sum(numbers == made.right[n] for n, (_, numbers) in complete)
    waits = [(at - made.arrived[n]) / NS_PER_MS for n, (at, _) in complete]
    over = [max(0, at - made.known[n]) / NS_PER_MS for n, (at, _) in complete]
    return {
        "rate": len(made.arrivals) / watch.seconds,
        "exact": 100.0 * right / len(made.right),
        "wait_p50": percentile(waits, 0.5),
        "wait_p99": percentile(waits, 0.99),
        "over_limit": percentile(over, 0.99),
    }
