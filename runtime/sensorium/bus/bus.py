"""The event bus: in one process an event is a method call and a deque.

Which mailboxes an event goes to is worked out once per topic and remembered until a subscription
comes or goes. Publishing offers the event to every mailbox first and only then waits for those
that are full, so a slow subscriber never delays delivery to a fast one.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable

from sensorium.bus.subscription import Subscription, SubscriptionStatistics
from sensorium.bus.tap import Tap
from sensorium.clocks import Clock, WallClock
from sensorium.delivery import DeliveryPolicy, EventClass
from sensorium.errors import BusClosed, MailboxFull
from sensorium.events import AnyEvent, Event
from sensorium.payloads.base import Payload
from sensorium.topics import check_pattern, check_topic, matches

ROUTES_REMEMBERED = 4096  # topics; a publisher that makes topics up must not grow the bus

_SYSTEM = EventClass.SYSTEM


class EventBus:
    """Carries events from publishers to subscriptions in one process, on one event loop.

    Example::

        async with EventBus() as bus:
            images = bus.subscribe("camera/+/image", DeliveryPolicy.latest())
            await bus.publish("camera/front/image", Image(frame), source="front")
            event = await images.get()
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock or WallClock()
        self.closed = False
        self.subscription_class: type[Subscription] = Subscription
        """What mailboxes are made of; telemetry has one that measures."""
        self._now = self.clock.now
        self._subscriptions: list[Subscription] = []
        self._routes: dict[str, tuple[Callable[..., asyncio.Future[None] | None], ...]] = {}
        self._members: dict[str, tuple[Subscription, ...]] = {}
        self._counters: dict[str, Callable[[], int]] = {}
        self._names = itertools.count(1)

    def subscribe(
        self, pattern: str, policy: DeliveryPolicy | None = None, *, name: str = ""
    ) -> Subscription:
        """Open a mailbox for the topics under ``pattern`` (MQTT wildcards).

        The default policy is ``block``: nothing is lost and a publisher waits when it is full.
        Raises :class:`TopicError` for a malformed pattern, :class:`BusClosed` after the end.
        """
        self._check_open()
        subscription = self.subscription_class(
            check_pattern(pattern),
            policy or DeliveryPolicy.block(),
            name or f"subscription-{next(self._names)}",
            self._now,
            self._unsubscribe,
        )
        self._subscriptions.append(subscription)
        self._forget_routes()
        return subscription

    def tap(self, listener: Callable[[AnyEvent], None], *, name: str, pattern: str = "#") -> Tap:
        """Call ``listener`` with each event under ``pattern`` as it is published, until the tap is
        closed.

        It is called in the middle of ``publish``: it must return at once and never raise.
        """
        self._check_open()
        tap = Tap(check_pattern(pattern), listener, name, self._now, self._unsubscribe)
        self._subscriptions.append(tap)
        self._forget_routes()
        return tap

    async def publish(
        self,
        topic: str,
        payload: Payload,
        *,
        source: str = "",
        originating_time: int | None = None,
        root: str = "",
        parents: tuple[str, ...] = (),
    ) -> AnyEvent:
        """Make an event and deliver it; waits while a mailbox that may drop nothing is full.

        ``originating_time`` (ns) defaults to now. Returns the event. If the waiting publisher
        is cancelled, mailboxes that had room keep the event and full ones never get it.
        """
        try:
            offers = self._routes[topic]  # before counting: a refused topic leaves no gap
        except KeyError:
            offers = self._route(topic)
        now = self._now()
        try:
            sequence = self._counters[source]()
        except KeyError:
            sequence = self._count(source)
        event: AnyEvent = Event(
            topic,
            payload,
            now if originating_time is None else originating_time,
            now,
            source,
            sequence,
            root,
            parents,
        )
        if payload.event_class is _SYSTEM:
            await self.deliver(event)
            return event
        held: list[asyncio.Future[None]] | None = None
        for offer in offers:
            wait = offer(event)
            if wait is not None:
                held = held or []
                held.append(wait)
        if held:
            await self._wait_all(held)
        return event

    def publish_nowait(
        self,
        topic: str,
        payload: Payload,
        *,
        source: str = "",
        originating_time: int | None = None,
        root: str = "",
        parents: tuple[str, ...] = (),
    ) -> AnyEvent:
        """As :meth:`publish`, from code that cannot wait.

        Raises :class:`MailboxFull` when a mailbox may drop nothing and is full; mailboxes that
        had room keep the event.
        """
        if topic not in self._members:
            self._route(topic)
        now = self._now()
        event: AnyEvent = Event(
            topic,
            payload,
            now if originating_time is None else originating_time,
            now,
            source,
            self._count(source),
            root,
            parents,
        )
        held = self._offer(event)
        for subscription, wait in held:
            wait.cancel()
            subscription.withdraw(wait)
        if held:
            raise MailboxFull(held[0][0].name)
        return event

    async def deliver(self, event: AnyEvent) -> None:
        """Deliver an event that exists already (from a recording, a bridge, another process)."""
        held = self._offer(event)
        if held:
            await self._wait_all([wait for _, wait in held])

    def statistics(self) -> list[SubscriptionStatistics]:
        """Counts of every open subscription, in the order they were made."""
        return [subscription.statistics() for subscription in self._subscriptions]

    @property
    def subscriptions(self) -> list[Subscription]:
        """Every open subscription, in the order they were made."""
        return list(self._subscriptions)

    @property
    def pending(self) -> int:
        """Events in all mailboxes together."""
        return sum(subscription.pending for subscription in self._subscriptions)

    def close(self) -> None:
        """Close every subscription; later calls raise :class:`BusClosed`."""
        self.closed = True
        for subscription in tuple(self._subscriptions):
            subscription.close()
        self._forget_routes()

    async def __aenter__(self) -> EventBus:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def _offer(self, event: AnyEvent) -> list[tuple[Subscription, asyncio.Future[None]]]:
        if event.topic not in self._members:
            self._route(event.topic)
        system = event.payload.event_class is _SYSTEM
        held = []
        for subscription in self._members[event.topic]:
            wait = subscription.offer_system(event) if system else subscription.offer(event)
            if wait is not None:
                held.append((subscription, wait))
        return held

    async def _wait_all(self, held: list[asyncio.Future[None]]) -> None:
        try:
            for wait in held:
                await wait
        except asyncio.CancelledError:
            for subscription in self._subscriptions:
                for wait in held:
                    subscription.withdraw(wait)
            raise

    def _count(self, source: str) -> int:
        counter = self._counters.get(source)
        if counter is None:
            counter = self._counters[source] = itertools.count().__next__
        return counter()

    def _route(self, topic: str) -> tuple[Callable[..., asyncio.Future[None] | None], ...]:
        self._check_open()
        check_topic(topic)
        if len(self._routes) >= ROUTES_REMEMBERED:
            self._forget_routes()
        members = tuple(s for s in self._subscriptions if matches(s.pattern, topic))
        self._members[topic] = members
        self._routes[topic] = offers = tuple(s.offer for s in members)
        return offers

    def _unsubscribe(self, subscription: Subscription) -> None:
        self._subscriptions.remove(subscription)
        self._forget_routes()

    def _forget_routes(self) -> None:
        self._routes.clear()
        self._members.clear()

    def _check_open(self) -> None:
        if self.closed:
            raise BusClosed("the bus is closed")
