"""A bus by itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sensorium import EventBus
from sensorium_benchmarks.bus.note import Carry
from sensorium_benchmarks.telemetry.carrying import carry_over, cost_of


def throughput(consumers: int, events: int) -> dict[str, float]:
    """One publisher, one subscription for each consumer."""
    return cost_of(_opened, consumers, events)


@asynccontextmanager
async def _opened(consumers: int) -> AsyncIterator[Carry]:
    async with EventBus() as bus:
        yield carry_over(bus, consumers)
