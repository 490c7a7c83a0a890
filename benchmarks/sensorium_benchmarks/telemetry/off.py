"""The bus of a session with default settings: telemetry is off."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sensorium import Session, load_plugins, load_settings
from sensorium_benchmarks.bus.note import Carry
from sensorium_benchmarks.telemetry.carrying import carry_over, cost_of


def throughput(consumers: int, events: int) -> dict[str, float]:
    """One publisher, one subscription for each consumer."""
    return cost_of(_opened, consumers, events)


@asynccontextmanager
async def _opened(consumers: int) -> AsyncIterator[Carry]:
    async with session_of({}) as session:
        if session.telemetry is not None:
            raise RuntimeError("telemetry is on")
        yield carry_over(session.bus, consumers)


def session_of(telemetry: dict[str, bool]) -> Session:
    """A session without components; the watchdog's thread would be measured with it."""
    overrides = {
        "telemetry": telemetry,
        "web": {"enabled": False},
        "watchdog": {"enabled": False},
    }
    settings = load_settings(environ={}, overrides=overrides)
    return Session(settings, load_plugins(installed=False))
