"""Reading several mailboxes as one: system events first, then in the order of creation."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from sensorium.bus.subscription import Subscription
from sensorium.delivery import EventClass
from sensorium.errors import BusClosed
from sensorium.events import AnyEvent


class Merged:
    """The events of several subscriptions, each still under its own policy.

    Yields ``(index of the subscription, event)``. Of the events that wait, a system event comes
    first and then the one created first; equal times go by the order of the subscriptions, so
    the merge is deterministic.
    """

    def __init__(self, subscriptions: Sequence[Subscription]) -> None:
        self.subscriptions = tuple(subscriptions)
        self._reader: asyncio.Future[None] | None = None
        self._stopped = False

    def stop(self) -> None:
        """Make :meth:`get` raise :class:`BusClosed`, now and from now on."""
        self._stopped = True
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    async def get(self) -> tuple[int, AnyEvent]:
        """The next event, waiting for it. Raises :class:`BusClosed` when all are closed.

        Of no subscriptions at all it waits until it is stopped.
        """
        while not self._stopped:
            taken = self.get_nowait()
            if taken is not None:
                return taken
            if self.subscriptions and all(one.closed for one in self.subscriptions):
                raise BusClosed("every subscription is closed")
            await self._wait()
        raise BusClosed("reading was stopped")

    def get_nowait(self) -> tuple[int, AnyEvent] | None:
        """The next event if there is one."""
        best: tuple[bool, int, int] | None = None
        for index, subscription in enumerate(self.subscriptions):
            event = subscription.peek()
            if event is None:
                continue
            data = event.payload.event_class is not EventClass.SYSTEM
            rank = (data, event.creation_time, index)
            if best is None or rank < best:
                best = rank
        if best is None:
            return None
        event = self.subscriptions[best[2]].get_nowait()
        return None if event is None else (best[2], event)

    async def _wait(self) -> None:
        reader: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        shared: list[Subscription] = []
        try:
            for subscription in self.subscriptions:
                subscription.share_reader(reader)
                shared.append(subscription)
            self._reader = reader
            await reader
        finally:
            if self._reader is reader:
                self._reader = None
            for subscription in shared:
                subscription.share_reader(None)
