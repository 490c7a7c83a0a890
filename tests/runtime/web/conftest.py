"""Sessions with a web server on a port of its own."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

import sensorium_plugins
from sensorium.plugins import hookimpl, load_plugins
from sensorium.session import Session
from sensorium.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from sensorium.components import Component


@pytest.fixture(autouse=True)
def _nothing_left(no_leaks: None, no_tasks: None) -> None:
    """Every test ends with no task, thread or file: no socket either."""


@pytest.fixture(autouse=True)
def runtime_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where sessions say that they run."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path / "sensorium"


class Bundled:
    """The routes that come with Sensorium, without its components."""

    sensorium_register_routes = staticmethod(sensorium_plugins.sensorium_register_routes)


@pytest.fixture
def serving() -> Callable[..., Any]:
    """Runs a session with a web server. ``routes`` are hooks by the plugins' names."""

    @asynccontextmanager
    async def run(
        components: dict[str, type[Component]] | None = None,
        settings: dict[str, Any] | None = None,
        routes: dict[str, Any] | None = None,
    ) -> AsyncIterator[Session]:
        extra: list[tuple[str, Any]] = [("bundled", Bundled())]
        for name, hook in (routes or {}).items():
            holder = type("Holder", (), {"sensorium_register_routes": staticmethod(hookimpl(hook))})
            extra.append((name, holder()))
        plugins = load_plugins(installed=False, extra=extra)
        assert not plugins.failures, plugins.failures
        for name, component in (components or {}).items():
            plugins.kinds[component.kind].add(name, component)
        given = settings or {}
        layer = {
            "components": {name: {} for name in components or {}},
            "telemetry": {"enabled": True},
            "watchdog": {"enabled": False},
            "shutdown": {"drain_s": 2.0, "cancel_s": 5.0},
        } | given
        layer["web"] = {"port": 0} | given.get("web", {})
        async with Session(load_settings(environ={}, overrides=layer), plugins) as session:
            yield session

    return run
