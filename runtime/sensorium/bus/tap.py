"""A tap: an edge to a listener that is told of every event the moment it is published."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from sensorium.bus.subscription import Subscription
from sensorium.delivery import DeliveryPolicy
from sensorium.events import AnyEvent


class Tap(Subscription):
    """Hands each event on at once, in the order of publishing, system events included.

    It holds nothing and makes nobody wait, so every event published to it counts as delivered;
    what its listener does with them is for the listener to bound and to count.
    """

    def __init__(
        self,
        pattern: str,
        listener: Callable[[AnyEvent], None],
        name: str,
        now: Callable[[], int],
        on_close: Callable[[Subscription], None],
    ) -> None:
        super().__init__(pattern, DeliveryPolicy.block(), name, now, on_close)
        self._listener = listener

    def offer(self, event: AnyEvent) -> asyncio.Future[None] | None:
        """Tell the listener."""
        self._published += 1
        self._delivered += 1
        self._listener(event)
        return None

    def offer_system(self, event: AnyEvent) -> asyncio.Future[None] | None:
        """Tell the listener: for a tap no event is before its turn."""
        return self.offer(event)
