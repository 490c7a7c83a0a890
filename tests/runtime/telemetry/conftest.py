"""Sessions that measure, and their spans."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from sensorium.clocks import VirtualClock
from sensorium.plugins import load_plugins
from sensorium.session import Session
from sensorium.settings import load_settings
from sensorium.telemetry import telemetry

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from sensorium.clocks import Clock
    from sensorium.components import Component

START = 1_000_000_000


@pytest.fixture(autouse=True)
def _nothing_left(no_leaks: None, no_tasks: None) -> None:
    """Every test ends with no task, thread or file."""


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    """Keeps the spans."""
    return InMemorySpanExporter()


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(start=START)


@pytest.fixture
def running(clock: VirtualClock, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Runs components in a session that measures; with an ``exporter``, one that traces."""

    @asynccontextmanager
    async def run(
        components: dict[str, type[Component]],
        settings: dict[str, Any] | None = None,
        *,
        models: dict[str, Any] | None = None,
        exporter: InMemorySpanExporter | None = None,
        clock: Clock = clock,
    ) -> AsyncIterator[Session]:
        plugins = load_plugins(installed=False)
        for name, component in components.items():
            plugins.kinds[component.kind].add(name, component)
        for name, model in (models or {}).items():
            plugins.models.add(name, model)
        layer = {
            "components": {name: {} for name in components},
            "telemetry": {"enabled": True},
            "web": {"enabled": False},
            "watchdog": {"enabled": False},
            "shutdown": {"drain_s": 2.0, "cancel_s": 2.0},
        } | (settings or {})
        with monkeypatch.context() as patched:  # settings can name no exporter in memory
            if exporter is not None:
                layer["telemetry"] = {"traces": "console"} | layer["telemetry"]
                patched.setattr(telemetry, "exporter_of", lambda options: exporter)
            session = Session(load_settings(environ={}, overrides=layer), plugins, clock)
        async with session:
            yield session

    return run
