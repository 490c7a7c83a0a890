"""Edges that measure: how old events are when they are taken, and how long they waited.

A session with telemetry makes its mailboxes of this class. The bus itself knows nothing of it,
so that telemetry which is off costs an event nothing at all.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from sensorium.bus.subscription import Subscription
from sensorium.events import AnyEvent
from sensorium.telemetry.histogram import Histogram


class EdgeMeter:
    """What one edge has measured so far. All in ns."""

    __slots__ = ("age", "processing", "wait")

    def __init__(self) -> None:
        self.age = Histogram()
        """From the sensor to the moment an event was taken (the session's clock)."""
        self.wait = Histogram()
        """From an event's creation to the moment it was taken (the session's clock)."""
        self.processing = Histogram()
        """How long the component took for an event, waiting for others included (real time)."""


class MeteredSubscription(Subscription):
    """A mailbox that fills histograms."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.meter = EdgeMeter()
        self._aged = self.meter.age.record
        self._waited = self.meter.wait.record

    def get_nowait(self) -> AnyEvent | None:
        """See :meth:`Subscription.get_nowait`."""
        event = super().get_nowait()
        if event is not None:
            now = self._now()
            self._aged(now - event.originating_time)
            self._waited(now - event.creation_time)
        return event

    async def __aiter__(self) -> AsyncIterator[AnyEvent]:
        while True:
            event = self.get_nowait()
            if event is not None:
                yield event
            elif self.closed:
                return
            else:
                await self.wait()


def meter_of(subscription: Subscription) -> EdgeMeter | None:
    """What that edge has measured; None while telemetry is off."""
    return subscription.meter if isinstance(subscription, MeteredSubscription) else None
