"""What is interrupted, and the account of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator
from time import monotonic_ns, sleep

from sensorium_benchmarks.stopwatch import percentile

WARM_UP = 0.1
"""Part of the interruptions that comes first and does not count."""


class Stages:
    """How many stages are in the middle of something, and when all were, or none."""

    def __init__(self, stages: int) -> None:
        self._stages = stages
        self.busy = 0
        self.stopped_at = 0
        self._all_busy = asyncio.Event()

    async def work(self, hand_on: Callable[[], Awaitable[object]]) -> None:
        """What every stage does with an event: hand it on, and be busy until cancelled."""
        await hand_on()
        self.busy += 1
        if self.busy == self._stages:
            self._all_busy.set()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self.busy -= 1
            self.stopped_at = monotonic_ns()

    async def all_busy(self) -> None:
        """Until every stage is."""
        await self._all_busy.wait()
        self._all_busy.clear()

    def check(self, waiting: int) -> None:
        """Raises RuntimeError unless every stage has stopped and nothing waits."""
        if self.busy or waiting:
            raise RuntimeError(f"{self.busy} stages are still busy and {waiting} events wait")


def tokens(token_ms: float, closed: list[int]) -> Generator[int, None, None]:
    """A generation without end: a token every ``token_ms``; notes when it is closed (ns)."""
    number = 0
    try:
        while True:
            sleep(token_ms / 1000)
            yield number
            number += 1
    finally:
        closed.append(monotonic_ns())


def summary(times_ns: list[int]) -> dict[str, float]:
    """Percentiles in ms."""
    kept = [ns / 1e6 for ns in times_ns[round(len(times_ns) * WARM_UP) :]]
    return {"p50": percentile(kept, 0.5), "p99": percentile(kept, 0.99)}
