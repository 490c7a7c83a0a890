"""Building small sessions out of components that a test writes itself."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from sensorium.clocks import VirtualClock
from sensorium.components import Component
from sensorium.delivery import DeliveryPolicy
from sensorium.payloads import ComponentEnded, ComponentFailed, Payload
from sensorium.plugins import load_plugins
from sensorium.session import Session
from sensorium.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from sensorium.events import AnyEvent


class Stage:
    """Puts a session together and remembers what it did."""

    def __init__(self) -> None:
        self.clock = VirtualClock(start=1_000_000_000)
        self.heard: list[AnyEvent] = []

    def session(
        self,
        components: dict[str, type[Component]],
        settings: dict[str, Any] | None = None,
        *,
        models: dict[str, Any] | None = None,
        extra: dict[str, type[Component]] | None = None,
        plugins: tuple[Any, ...] = (),
        listens: bool = True,
    ) -> Session:
        """A session of ``components``; those of ``extra`` are registered, not started."""
        loaded = load_plugins(
            installed=False, extra=[(f"plugin{n}", plugin) for n, plugin in enumerate(plugins)]
        )
        assert not loaded.failures, loaded.failures
        for name, component in (components | (extra or {})).items():
            loaded.kinds[component.kind].add(name, component)
        for name, model in (models or {}).items():
            loaded.models.add(name, model)
        given = settings or {}
        tables = {name: given.pop(name, {}) for name in components}
        layer = {
            "components": tables,
            "watchdog": {"enabled": False},
            "shutdown": {"drain_s": 0.2, "cancel_s": 0.5},
        } | given
        session = Session(load_settings(environ={}, overrides=layer), loaded, self.clock)
        if listens:
            mailbox = session.bus.subscribe("#", DeliveryPolicy.block(100_000), name="the test")
            mailbox.offer = self._hear  # type: ignore[method-assign]
            mailbox.offer_system = self._hear  # type: ignore[method-assign]
        return session

    @asynccontextmanager
    async def running(self, *args: Any, **kwargs: Any) -> AsyncIterator[Session]:
        """:meth:`session`, entered."""
        async with self.session(*args, **kwargs) as session:
            yield session

    def _hear(self, event: AnyEvent) -> None:
        self.heard.append(event)

    def of(self, kind: type[Payload]) -> list[Any]:
        """Payloads of that type, in the order of their publication."""
        return [event.payload for event in self.heard if isinstance(event.payload, kind)]

    @property
    def failures(self) -> list[tuple[str, str, str]]:
        """(component, when, what was done) of every failure."""
        return [(f.component, f.during, f.action) for f in self.of(ComponentFailed)]

    @property
    def endings(self) -> dict[str, str]:
        """Reasons by component."""
        return {ended.component: ended.reason for ended in self.of(ComponentEnded)}


@pytest.fixture(autouse=True)
def _nothing_left(no_leaks: None, no_tasks: None) -> None:
    """Every test of a session ends with no task, thread or file."""


@pytest.fixture(autouse=True)
def _nobody_fails_unheard() -> Iterator[None]:
    """An exception that asyncio could only log fails the test."""
    heard: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: heard.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("asyncio")
    logger.addHandler(handler)
    yield
    logger.removeHandler(handler)
    assert not [words for words in heard if "never retrieved" in words or "exception" in words]


@pytest.fixture
def stage() -> Stage:
    """A fresh :class:`Stage`."""
    return Stage()


@pytest.fixture
def turns() -> Callable[[], Any]:
    """Wait until every task waits."""
    from sensorium.clocks import tasks_blocked

    return tasks_blocked


@pytest.fixture
def never() -> Callable[[], Any]:
    """Wait for ever."""

    async def wait() -> None:
        await asyncio.get_running_loop().create_future()

    return wait
