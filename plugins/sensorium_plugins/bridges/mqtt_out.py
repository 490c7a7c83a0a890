"""MQTT out: events become messages of a broker.

While the broker is away messages wait in a bounded queue; see
:mod:`sensorium_plugins.bridges.mqtt_link` for what is promised of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from itertools import combinations
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator

from sensorium.components import ComponentOptions, Emit, Input, Sink
from sensorium.delivery import DeliveryPolicy, DropReason, EventClass
from sensorium.errors import BadInput
from sensorium.events import AnyEvent
from sensorium.payloads.base import Payload
from sensorium.payloads.media import Audio, Image
from sensorium.payloads.system import SourceState
from sensorium.topics import matches, overlap
from sensorium_plugins.bridges.mqtt_formats import Format, to_bytes
from sensorium_plugins.bridges.mqtt_in import TIME_PROPERTY
from sensorium_plugins.bridges.mqtt_link import Link, join
from sensorium_plugins.bridges.mqtt_options import Connection, Pattern
from sensorium_plugins.bridges.mqtt_queues import DropReport, Outbox, Outgoing
from sensorium_plugins.bridges.mqtt_topics import check_template, fill

MAX_BYTES = 268_435_455 - 65_537  # the protocol's longest packet, less the longest topic


class OutRoute(ComponentOptions):
    """Events under one topic pattern, and the messages they become."""

    model_config = ConfigDict(populate_by_name=True)

    pattern: Pattern = Field(alias="from")
    """Topics of the events, written ``from``: ``vision/+/detections``."""
    topic: str = "sensorium/{topic}"
    """The broker's topic; see :mod:`sensorium_plugins.bridges.mqtt_topics` for the places."""
    format: Format = "json"
    qos: Literal[0, 1] = 1
    """Exactly-once (2) cannot be promised across a restart of the broker, so it is not offered."""
    retain: bool = False
    quality: int = Field(85, ge=1, le=100)
    """Of JPEG."""

    @model_validator(mode="after")
    def _fits(self) -> OutRoute:
        check_template(self.topic, self.pattern)
        return self

    def as_input(self) -> Input:
        """Loses nothing on the way to the queue at QoS 1; the newest picture only at QoS 0."""
        payload_type: type[Payload] = Payload
        if self.format in ("jpeg", "png"):
            payload_type = Image
        elif self.format == "wav":
            payload_type = Audio
        policy = DeliveryPolicy.block() if self.qos else None
        return Input(self.pattern, payload_type, policy)


class MqttOut(Sink):
    """Events to an MQTT broker. What ``mqtt_in`` brought in by the same connection stays in."""

    class Options(ComponentOptions):
        """Options of ``mqtt_out``."""

        connection: Connection = Connection()
        routes: Annotated[tuple[OutRoute, ...], Field(min_length=1)]
        queue: int = Field(1000, ge=1)
        """Messages that may wait while the broker is away; one more drops the oldest."""
        flush_s: float = Field(2.0, ge=0)
        """How long the end of the session waits for what has not been acknowledged."""

        @model_validator(mode="after")
        def _routes_are_apart(self) -> MqttOut.Options:
            for one, other in combinations(self.routes, 2):
                if overlap(one.pattern, other.pattern):
                    raise ValueError(
                        f"an event may fall under both {one.pattern!r} and {other.pattern!r}; put"
                        " one of the two in another mqtt_out (they share the connection)"
                    )
            return self

    @classmethod
    def inputs(cls, options: Any) -> Mapping[str, Input]:
        """One input a route."""
        return {f"route{n}": route.as_input() for n, route in enumerate(options.routes)}

    _link: Link | None = None

    async def setup(self) -> None:
        """Join the connection; the broker need not be there yet."""
        clock = self.context.clock
        self.outbox = Outbox(self.options.queue)
        self._drops = DropReport(f"{self.name}.outbox", clock, self.context.announce)
        self._link = join(self.options.connection, clock, self.name, self._on_state)
        self._link.attach(self.outbox)
        self.context.spawn(self._link.watch(), name="watches the broker")

    async def process(self, event: AnyEvent, emit: Emit) -> None:
        """Put the event into the queue."""
        link = self._link
        assert link is not None
        if event.source == link.inbound_owner:
            return
        route = next(r for r in self.options.routes if self._takes(r, event))
        data = await self._encode(event, route)
        if data is None:
            return
        topic = fill(
            route.topic, route.pattern.replace("{name}", self.name), event.topic, self.name
        )
        properties = (
            (TIME_PROPERTY, str(event.originating_time)),
            ("event", event.id),
            ("type", event.payload.type_name),
        )
        self.outbox.put(Outgoing(topic, data, route.qos, route.retain, properties))
        await self._drops.update(self.outbox.dropped)

    async def close(self) -> None:
        """Wait for what is under way, count what is left, and leave the connection."""
        link = self._link
        if link is None:
            return
        if link.up.is_set():
            try:
                await asyncio.wait_for(self.outbox.emptied(), self.options.flush_s)
            except TimeoutError:
                self.log.warning("the broker was too slow for the last messages")
        link.detach(self.outbox)
        await self._drops.update(self.outbox.dropped, now=True)
        left = self.outbox.give_up()
        if left:
            self.log.warning("%d messages were not delivered to the broker", left)
            await self._drops.update(self.outbox.dropped, reason=DropReason.CLOSED, now=True)
        await link.leave(self.name)

    async def _encode(self, event: AnyEvent, route: OutRoute) -> bytes | None:
        """The message; None for a system event that the format cannot hold."""
        try:
            if route.format in ("jpeg", "png"):
                return await asyncio.to_thread(to_bytes, event, route.format, quality=route.quality)
            return _of_a_size(to_bytes(event, route.format), event)
        except BadInput:
            # Raising makes a system event, which a route from "#" would bring here at once.
            if event.event_class is EventClass.SYSTEM:
                return None
            raise

    def _takes(self, route: OutRoute, event: AnyEvent) -> bool:
        return matches(route.pattern.replace("{name}", self.name), event.topic)

    async def _on_state(self, state: str, detail: str) -> None:
        await self.context.announce(SourceState(self.name, state, detail))
        if state == "restored":
            await self._drops.update(self.outbox.dropped, now=True)


def _of_a_size(data: bytes, event: AnyEvent) -> bytes:
    if len(data) > MAX_BYTES:
        raise BadInput(f"{event.id} makes a message of {len(data)} bytes; MQTT has no room")
    return data
