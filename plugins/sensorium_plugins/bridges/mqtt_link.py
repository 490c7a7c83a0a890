"""One connection to a broker, kept up, and shared by the components of a session.

The link connects when the first component joins, reconnects with growing pauses on the session's
clock, and says goodbye when the last one leaves. Nothing of QoS 1 or 2 is lost by a restart of the
broker: an outgoing message stays in its outbox until the broker acknowledged it and is sent again
on the next connection otherwise (so it arrives at least once); an incoming one is acknowledged
only when it has been handled.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable
from enum import Enum
from typing import Any
from weakref import WeakKeyDictionary

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from sensorium.clocks import Clock
from sensorium.errors import SettingsError, SourceUnavailable
from sensorium.events import NS_PER_S
from sensorium.session.tasks import TaskScope
from sensorium_plugins.bridges import mqtt_client
from sensorium_plugins.bridges.mqtt_options import Connection
from sensorium_plugins.bridges.mqtt_queues import Arrival, Arrivals, Outbox, Outgoing

OnState = Callable[[str, str], Awaitable[None]]
"""Hears ``lost`` and ``restored``, each with a detail for people."""

REFUSED = 128  # a SUBACK code from here on is a refusal


class Sent(Enum):
    """What became of a message that was to be sent at once."""

    ACKNOWLEDGED = "acknowledged"
    NOT_SENT = "not sent"
    """There was no connection; the broker never saw it."""
    UNKNOWN = "unknown"
    """It was sent and no acknowledgement came."""


class Link:
    """See the module. Get one with :func:`join`."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self.connection = connection
        self.clock = clock
        self.members: dict[str, OnState] = {}
        self.inbound: Arrivals | None = None
        self.inbound_owner = ""
        """Name of the component that handles what comes in."""
        self.connections = 0
        """How often the link has been up."""
        self.up = asyncio.Event()
        self.failure: Exception | None = None
        """Set when the link has given up: the settings are at fault."""
        self._failed = asyncio.Event()
        self._context = mqtt_client.tls_context(connection.tls) if connection.tls else None
        self._filters: dict[str, int] = {}
        self._outboxes: dict[Outbox, asyncio.Task[None] | None] = {}
        self._client: aiomqtt.Client | None = None
        self._group: asyncio.TaskGroup | None = None
        self._over: asyncio.Future[None] | None = None  # done once this connection is lost
        self._lost_since: str | None = None
        self._closed = False
        self._scope = TaskScope(self._crashed)

    # --- for components -----------------------------------------------------------------------

    def start(self) -> None:
        """Begin to connect, unless that has begun."""
        if not len(self._scope) and self.failure is None:
            self._scope.spawn(self._keep_up(), name=f"mqtt {self.connection.address}")

    def receive(self, owner: str, filters: dict[str, int], capacity: int) -> Arrivals:
        """Subscribe to ``filters`` (with their QoS); one component of a link receives."""
        self.inbound_owner = owner
        if self.inbound is None:
            self.inbound = Arrivals(capacity)
        new = {name: qos for name, qos in filters.items() if self._filters.get(name) != qos}
        self._filters |= new
        if new and self.up.is_set() and self._group and self._client:
            self._group.create_task(self._subscribe(self._client, new))
        return self.inbound

    def attach(self, outbox: Outbox) -> None:
        """Send what is put into ``outbox``."""
        self._outboxes[outbox] = None
        if self.up.is_set():
            self._send_from(outbox)

    def detach(self, outbox: Outbox) -> None:
        """Send no more of it."""
        task = self._outboxes.pop(outbox)
        if task is not None:
            task.cancel()

    async def send_now(self, message: Outgoing) -> Sent:
        """Send one message on the connection that stands, ahead of every outbox, and only once.

        Cancelling it leaves unknown whether the message was sent.
        """
        client, over = self._client, self._over
        if not self.up.is_set() or client is None or over is None:
            return Sent.NOT_SENT
        publishing = self._scope.spawn(self._publish(client, message), name="mqtt command")
        try:
            await asyncio.wait([publishing, over], return_when=asyncio.FIRST_COMPLETED)
            if not publishing.done():
                return Sent.UNKNOWN
            error = publishing.exception()
        finally:
            publishing.cancel()
        if error is None:
            return Sent.ACKNOWLEDGED
        if not isinstance(error, aiomqtt.MqttCodeError):
            return Sent.UNKNOWN
        await asyncio.wait([over])  # the connection is gone and the link is about to notice
        return Sent.NOT_SENT

    async def watch(self) -> None:
        """Raise what made the link give up, when it does."""
        await self._failed.wait()
        if self.failure is not None:
            raise self.failure

    async def leave(self, name: str) -> None:
        """A component is done with the link; the last one closes it."""
        self.members.pop(name, None)
        if self.inbound_owner == name:
            self.inbound_owner = ""
        if not self.members:
            _forget(self)
            self._closed = True
            await self._scope.cancel(2 * self.connection.timeout_s)

    # --- the connection's life ----------------------------------------------------------------

    async def _keep_up(self) -> None:
        first, most = self.connection.reconnect_s, self.connection.reconnect_max_s
        wait = first
        while True:
            began = self.clock.now()
            reason = await self._one_connection()
            self._end_if_closed()
            if self.failure is not None:
                return
            if self._lost_since is None:
                self._lost_since = reason
                await self._tell("lost", reason)
            if self.clock.now() - began > wait * NS_PER_S:
                wait = first
            await self.clock.sleep(wait)
            wait = min(wait * 2, most)

    async def _one_connection(self) -> str:
        """From connecting to losing the connection; returns why it ended."""
        try:
            client = mqtt_client.new_client(self.connection, self._context)
            await mqtt_client.enter(client, self.connection)
        except SourceUnavailable as error:
            return str(error)
        except SettingsError as error:
            if not self.connections:
                self._give_up(error)
            return str(error)
        reason = ""
        try:
            await self._use(client)
        except* aiomqtt.MqttError as lost:
            reason = f"MQTT broker {self.connection.address}: {_first(lost)}"
        finally:
            self.up.clear()
            self._client = self._group = None
            if self._over is not None and not self._over.done():
                self._over.set_result(None)
            for outbox in self._outboxes:
                self._outboxes[outbox] = None
                outbox.connection_lost()
            await mqtt_client.leave(client)
        return reason

    async def _use(self, client: aiomqtt.Client) -> None:
        self._over = asyncio.get_running_loop().create_future()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._read(client))
            if self._filters:
                await self._subscribe(client, self._filters)
            self._end_if_closed()
            self._client, self._group = client, group
            self.connections += 1
            self.up.set()
            for outbox in self._outboxes:
                self._send_from(outbox)
            if self._lost_since is not None:
                self._lost_since = None
                await self._tell("restored", f"MQTT broker {self.connection.address}")

    async def _subscribe(self, client: aiomqtt.Client, filters: dict[str, int]) -> None:
        codes: Iterable[Any] = await client.subscribe(list(filters.items()))
        refused = [
            name
            for name, code in zip(filters, codes, strict=False)
            if getattr(code, "value", code) >= REFUSED
        ]
        if refused and self.inbound is not None:
            names = ", ".join(refused)
            self.inbound.fail(
                SettingsError(
                    f"MQTT broker {self.connection.address} refuses this client the topics {names}",
                    key="routes",
                )
            )

    async def _read(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            inbound = self.inbound
            if inbound is None:  # of a subscription that an earlier run left at the broker
                mqtt_client.acknowledge(client, message)
                continue
            inbound.put(self._arrival(client, message))

    def _arrival(self, client: aiomqtt.Client, message: aiomqtt.Message) -> Arrival:
        pairs: Iterable[tuple[str, str]] = getattr(message.properties, "UserProperty", ())
        return Arrival(
            topic=str(message.topic),
            payload=bytes(message.payload),
            qos=message.qos,
            retain=message.retain,
            time=self.clock.now(),
            properties=dict(pairs),
            acknowledge=lambda: mqtt_client.acknowledge(client, message),
        )

    def _send_from(self, outbox: Outbox) -> None:
        if self._group is not None and self._client is not None:
            self._outboxes[outbox] = self._group.create_task(self._send(self._client, outbox))

    async def _send(self, client: aiomqtt.Client, outbox: Outbox) -> None:
        """Keep a window of messages under way."""
        room = asyncio.Semaphore(mqtt_client.WINDOW)

        async def deliver(message: Outgoing) -> None:
            await self._publish(client, message)
            outbox.done(message)
            room.release()

        async with asyncio.TaskGroup() as window:
            while True:
                await room.acquire()
                window.create_task(deliver(await outbox.take()))

    async def _publish(self, client: aiomqtt.Client, message: Outgoing) -> None:
        properties = None
        if message.properties and self.connection.protocol == "5":
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            properties.UserProperty = list(message.properties)
        await client.publish(
            message.topic,
            message.payload,
            message.qos,
            message.retain,
            properties,
            timeout=self.connection.keepalive,
        )

    def _end_if_closed(self) -> None:
        """Take back up a cancellation that was lost on the way.

        aiomqtt waits by ``asyncio.wait_for``, which until Python 3.12 returns the broker's answer
        and forgets the cancellation when both come in one turn of the loop.
        """
        if self._closed:
            raise asyncio.CancelledError

    async def _tell(self, state: str, detail: str) -> None:
        for on_state in tuple(self.members.values()):
            await on_state(state, detail)

    def _give_up(self, error: Exception) -> None:
        self.failure = error
        self._failed.set()
        if self.inbound is not None:
            self.inbound.fail(error)

    def _crashed(self, name: str, error: Exception) -> None:
        if name != "mqtt command":  # whoever sent it has heard
            self._give_up(error)


def join(
    connection: Connection, clock: Clock, name: str, on_state: OnState, *, inbound: bool = False
) -> Link:
    """The session's link for ``connection``, with the component ``name`` as a member.

    A session's components share its clock, which is how they find each other. One component of a
    link receives: a second one gets a link of its own. Raises :class:`SettingsError` when the
    connection's files or password cannot be had.
    """
    links = _links.setdefault(clock, [])
    fitting = [link for link in links if link.connection == connection and link.failure is None]
    for link in fitting:
        if not (inbound and link.inbound_owner):
            break
    else:
        if fitting and connection.client_id:
            raise SettingsError(
                f"two components receive as MQTT client {connection.client_id!r}: give each a"
                " connection.client_id of its own, or join their routes in one",
                key="connection.client_id",
            )
        connection.secret()
        link = Link(connection, clock)
        links.append(link)
    link.members[name] = on_state
    if inbound:
        link.inbound_owner = name
    link.start()
    return link


_links: WeakKeyDictionary[Clock, list[Link]] = WeakKeyDictionary()


def _forget(link: Link) -> None:
    with contextlib.suppress(KeyError, ValueError):
        _links[link.clock].remove(link)


def _first(group: BaseException) -> BaseException:
    while isinstance(group, BaseExceptionGroup):
        group = group.exceptions[0]
    return group


__all__ = ["Link", "OnState", "Sent", "join"]
