"""The bus of a session that measures: each delivery fills two histograms."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sensorium.telemetry.edges import meter_of
from sensorium_benchmarks.bus.note import Carry
from sensorium_benchmarks.bus.sensorium_bus import PATTERN
from sensorium_benchmarks.telemetry.carrying import carry_over, cost_of
from sensorium_benchmarks.telemetry.off import session_of


def throughput(consumers: int, events: int) -> dict[str, float]:
    """One publisher, one subscription for each consumer."""
    return cost_of(_opened, consumers, events)


@asynccontextmanager
async def _opened(consumers: int) -> AsyncIterator[Carry]:
    async with session_of({"enabled": True}) as session:
        carry = carry_over(session.bus, consumers)
        yield carry
        meters = [meter_of(s) for s in session.bus.subscriptions if s.pattern == PATTERN]
        if not all(meter is not None and meter.age.count for meter in meters):
            raise RuntimeError("nothing was measured")
