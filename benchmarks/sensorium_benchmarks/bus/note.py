"""What every contender carries, and how its run is timed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any

from sensorium import Payload, payload
from sensorium_benchmarks.stopwatch import Stopwatch, percentile

CAPACITY = 64
"""Events that may wait between publisher and consumer, where a contender has a bound."""
WARM_UP = 0.1
"""Part of the events that runs first and is not timed."""
TEXT = "what the sensor saw"


@payload("bench.note")
class Note(Payload):
    """A small typed payload, built anew for each event: a frozen dataclass with slots."""

    text: str
    number: int
    """Position in the run, or the time of publishing (perf_counter_ns)."""


Carry = Callable[[int], Awaitable[None]]
"""``carry(events)`` returns once every consumer has had every event."""


def throughput_of(
    opened: Callable[[int], AbstractAsyncContextManager[Carry]], consumers: int, events: int
) -> dict[str, float]:
    """Deliveries a second, on a fresh event loop.

    ``opened(consumers)`` sets the contender up and yields its ``carry``; setting up and taking
    down are not timed.
    """

    async def run() -> Stopwatch:
        async with opened(consumers) as carry:
            await carry(max(1, round(events * WARM_UP)))
            with Stopwatch() as watch:
                await carry(events)
        return watch

    watch = asyncio.run(run())
    return {
        "rate": consumers * events / watch.seconds,
        "collections": float(watch.collections),
    }


def latency_of(
    send: Callable[[Callable[[], Note], list[float], int], Coroutine[Any, Any, None]],
    events: int,
) -> dict[str, float]:
    """Percentiles of the µs from publish to receipt, the first tenth left out.

    ``send(make, arrivals, events)`` publishes ``events`` notes; each is built by ``make`` at the
    moment of publishing and its receiver calls :func:`arrived`.
    """
    arrivals: list[float] = []
    asyncio.run(send(_stamped, arrivals, events))
    if len(arrivals) != events:
        raise RuntimeError(f"{len(arrivals)} of {events} events arrived")
    kept = arrivals[round(events * WARM_UP) :]
    return {"p50": percentile(kept, 0.5), "p99": percentile(kept, 0.99)}


def arrived(note: Note, arrivals: list[float]) -> None:
    """Note that ``note`` is here."""
    arrivals.append((time.perf_counter_ns() - note.number) / 1000)


def _stamped() -> Note:
    return Note(TEXT, time.perf_counter_ns())
