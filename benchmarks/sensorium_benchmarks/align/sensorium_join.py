"""Ours: the join by itself, and in a session."""

from __future__ import annotations

import asyncio

from sensorium import Emit, Event, Input, Text, WallClock
from sensorium.events import NS_PER_MS
from sensorium.fusion import Aligned, Join, Joiner, JoinPlan, Match, StreamPlan, With, join
from sensorium.testing import run_component
from sensorium_benchmarks.align.streams import JITTER, STREAMS, TOLERANCE, Given, case, judged
from sensorium_benchmarks.stopwatch import percentile

WAIT_MS = 50.0
INTERVAL_S = 0.01


def align(events: int, ordered: bool) -> dict[str, float]:
    """All arrivals through one join."""
    made = case(events, ordered=ordered)
    lateness = 0 if ordered else JITTER
    others = tuple(
        StreamPlan(f"stream{n}", Match.NEAREST, TOLERANCE, lateness=lateness)
        for n in range(1, STREAMS)
    )
    plan = JoinPlan(StreamPlan("stream0", lateness=lateness), others)

    def run(given: list[Given]) -> None:
        join = Join(plan)
        push, now = join.push, 0
        for now, stream, event in made.arrivals:
            for aligned in push(stream, event, now):
                _note(aligned, now, given)
        for stream in range(STREAMS):
            for aligned in join.end(stream, now):
                _note(aligned, now, given)

    return judged(made, run)


def _note(aligned: Aligned, now: int, given: list[Given]) -> None:
    one, two = aligned.matches
    if isinstance(one, Event) and isinstance(two, Event):
        given.append((now, (aligned.primary.sequence, one.sequence, two.sequence)))


class _Waiting(Joiner):
    """Notes how long each primary waited, on the machine's clock."""

    takes = {"a": Input("a", Text), "b": Input("b", Text)}
    joins = join("a", {"b": With(tolerance_ms=20, stall_s=3600)}, mode="available", wait_ms=WAIT_MS)

    async def joined(self, aligned: Aligned, emit: Emit) -> None:
        """Note it."""
        _waits.append((self.context.clock.now() - aligned.primary.creation_time) / NS_PER_MS)


_waits: list[float] = []


def bounded_wait(events: int) -> dict[str, float]:
    """Primaries whose other stream is dead, every 10 ms, in a running session."""

    async def run() -> None:
        async with run_component(_Waiting, clock=WallClock()) as harness:
            for number in range(events):
                await harness.send("a", Text(str(number)))
                await harness.clock.sleep(INTERVAL_S)
            await harness.clock.sleep(2 * WAIT_MS / 1000)

    _waits.clear()
    asyncio.run(run())
    if len(_waits) != events:
        raise RuntimeError(f"{len(_waits)} of {events} came out")
    return {
        "wait_p50": percentile(_waits, 0.5),
        "over_limit": percentile([wait - WAIT_MS for wait in _waits], 0.99),
    }
