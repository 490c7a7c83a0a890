"""What a runner asks of the session it belongs to."""

from __future__ import annotations

import asyncio
from typing import Protocol

from sensorium.bus import EventBus, SubscriptionStatistics
from sensorium.clocks import Clock
from sensorium.components import Component
from sensorium.effects import Ledger
from sensorium.payloads.base import Payload
from sensorium.plugins.hookspecs import ErrorAction
from sensorium.plugins.manager import Plugins
from sensorium.session.surroundings import Surroundings
from sensorium.session.tasks import TaskScope
from sensorium.session.tracing import SessionTrace
from sensorium.settings import Settings
from sensorium.telemetry.telemetry import Telemetry


class Host(Protocol):
    """The part of a :class:`~sensorium.session.session.Session` that its runners use."""

    settings: Settings
    plugins: Plugins
    clock: Clock
    bus: EventBus
    scope: TaskScope
    started: asyncio.Event
    surroundings: Surroundings
    trace: SessionTrace | None
    ledger: Ledger
    telemetry: Telemetry | None

    def activity(self) -> None:
        """Somebody became idle or ended: let those who wait for that look again."""

    def report_drops(self, counts: SubscriptionStatistics, *, final: bool = False) -> None:
        """Announce what a subscription gave up since its last report."""

    def count_failure(self, component: str) -> None:
        """Remember that ``component`` failed once more."""

    def ask_plugins(
        self, name: str, component: Component | None, error: Exception
    ) -> ErrorAction | None:
        """What plugins say should happen to the component, if any does."""

    def request_stop(self, reason: str) -> None:
        """End the session soon."""

    async def announce(self, payload: Payload, *, source: str = "session") -> None:
        """Publish a system event."""

    def announce_soon(self, payload: Payload) -> None:
        """:meth:`announce`, from code that cannot wait."""
