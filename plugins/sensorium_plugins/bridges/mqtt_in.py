"""MQTT in: messages of a broker become events.

Published as MQTT Version 3.1.1 and 5.0 (OASIS) have it. A message is acknowledged after its event
was delivered in the session, so with ``connection.clean_session = false`` the broker delivers
again what a crash interrupted, and what came while the agent was away.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, model_validator

from sensorium.components import ComponentOptions, Emit, Output, Source
from sensorium.errors import BadInput, PayloadError, SettingsError, TopicError, UnknownName
from sensorium.events import NS_PER_S
from sensorium.payloads.base import Payload
from sensorium.payloads.system import ComponentFailed, SourceState
from sensorium.topics import matches
from sensorium_plugins.bridges.clocks import ClockBook
from sensorium_plugins.bridges.mqtt_formats import (
    PAYLOADS,
    Format,
    decode_event,
    decode_json,
    decode_media,
)
from sensorium_plugins.bridges.mqtt_link import Link, join
from sensorium_plugins.bridges.mqtt_options import Connection, Pattern, Qos
from sensorium_plugins.bridges.mqtt_queues import Arrival, Arrivals, DropReport
from sensorium_plugins.bridges.mqtt_topics import check_template, fill, template_pattern

REPORT_EVERY_S = 1.0
TIME_PROPERTY = "originating_time"
"""MQTT 5 user property: ns since the epoch."""


class InRoute(ComponentOptions):
    """Messages under one topic filter, and the events they become."""

    topic: Pattern
    """The broker's topics: ``house/+/lamp``."""
    to: str = "mqtt/{topic}"
    """Topic of the events; see :mod:`sensorium_plugins.bridges.mqtt_topics` for the places."""
    format: Format = "json"
    payload: str = ""
    """Name of the payload type; by default the format's usual one (``state`` for json)."""
    into: str = ""
    """Put the JSON into this field of the payload: ``values`` makes any object a State."""
    time: str = ""
    """Field of the JSON object that holds the originating time; the time of arrival if empty."""
    clock: str = ""
    """Whose clock the messages' times are of, with places as in ``to``: ``{1}``. How far it is
    off and how it drifts is estimated and corrected. Empty: they are of this machine's."""
    qos: Qos = 1
    retained: bool = True
    """Take the message that the broker kept for those who subscribe later."""

    @model_validator(mode="after")
    def _fits(self) -> InRoute:
        check_template(self.to, self.topic)
        if self.clock:
            check_template(self.clock, self.topic)
        if self.format != "json" and (self.into or self.time):
            raise ValueError("'into' and 'time' are for the format json")
        return self


class MqttIn(Source):
    """Messages from an MQTT broker as events. A message that cannot be read is left out."""

    class Options(ComponentOptions):
        """Options of ``mqtt_in``."""

        connection: Connection = Connection()
        routes: Annotated[tuple[InRoute, ...], Field(min_length=1)]
        """The first one that a message's topic falls under counts."""
        queue: int = Field(1000, ge=1)
        """Messages that may wait to be handled."""
        max_bytes: int = Field(16 * 1024 * 1024, ge=1)
        """Longer messages are left out."""

    @classmethod
    def outputs(cls, options: Any) -> Mapping[str, Output]:
        """One output a route, with wildcards where the route's ``to`` has places."""
        return {
            f"route{number}": Output(template_pattern(route.to, route.topic), Payload)
            for number, route in enumerate(options.routes)
        }

    _link: Link | None = None

    async def setup(self) -> None:
        """Join the connection; the broker need not be there yet."""
        options = self.options
        self.malformed = 0
        self._next_complaint = 0
        self._complained = 0
        self._types = [self._type_of(route, number) for number, route in enumerate(options.routes)]
        clock = self.context.clock
        self._clocks = ClockBook(self.name, clock, self.context.announce)
        self._drops = DropReport(f"{self.name}.arrivals", clock, self.context.announce)
        self._link = join(options.connection, clock, self.name, self._on_state, inbound=True)
        filters: dict[str, int] = {}
        for route in options.routes:
            filters[route.topic] = max(route.qos, filters.get(route.topic, 0))
        self._arrivals: Arrivals = self._link.receive(self.name, filters, options.queue)

    async def run(self, emit: Emit) -> None:
        """Emit what arrives until the session ends or the broker refuses us for good."""
        while True:
            arrival = await self._arrivals.take()
            try:
                await self._handle(arrival, emit)
            except (BadInput, PayloadError, TopicError) as error:
                await self._leave_out(arrival, error)
            arrival.acknowledge()
            await self._drops.update(self._arrivals.dropped)

    async def close(self) -> None:
        """Leave the connection; unhandled messages stay unacknowledged."""
        link = self._link
        if link is not None:
            await self._drops.update(self._arrivals.dropped, now=True)
            await link.leave(self.name)

    async def _handle(self, arrival: Arrival, emit: Emit) -> None:
        routes = enumerate(self.options.routes)
        found = next(((n, r) for n, r in routes if matches(r.topic, arrival.topic)), None)
        if found is None:
            return  # of a subscription that an earlier run left at the broker
        number, route = found
        if arrival.retain and not route.retained:
            return
        topic = fill(route.to, route.topic, arrival.topic, self.name)
        payload, time = self._decode(arrival, route, self._types[number])
        if time is None and TIME_PROPERTY in arrival.properties:
            time = _nanoseconds(arrival.properties[TIME_PROPERTY])
        if time is None:
            time = arrival.time
        elif route.clock:
            clock = fill(route.clock, route.topic, arrival.topic, self.name)
            time = await self._clocks.correct(clock, time, arrival.time)
        await emit(payload, f"route{number}", topic=topic, originating_time=time)

    def _decode(
        self, arrival: Arrival, route: InRoute, payload_type: type[Payload] | None
    ) -> tuple[Payload, int | None]:
        data = arrival.payload
        if len(data) > self.options.max_bytes:
            raise BadInput(f"{len(data)} bytes are over max_bytes = {self.options.max_bytes}")
        if route.format == "event":
            event = decode_event(data, self.context.payloads, route.payload)
            return event.payload, event.originating_time
        if route.format == "json":
            assert payload_type is not None
            return decode_json(data, payload_type, route.into, route.time)
        return decode_media(data, route.format), None

    def _type_of(self, route: InRoute, number: int) -> type[Payload] | None:
        usual = PAYLOADS.get(route.format, "")
        name = route.payload or usual
        key = f"components.{self.name}.options.routes.{number}.payload"
        if route.format not in ("json", "event") and name != usual:
            raise SettingsError(f"{key}: {route.format} makes {usual}, not {name}", key=key)
        if not name:
            return None
        try:
            return self.context.payloads.get(name)
        except UnknownName as error:
            raise SettingsError(f"{key}: {error}", key=key) from error

    async def _leave_out(self, arrival: Arrival, error: Exception) -> None:
        """Count a message that makes no event, and say so, once a second at most."""
        self.malformed += 1
        now = self.context.clock.now()
        if now < self._next_complaint:
            return
        more = self.malformed - self._complained - 1
        self._complained = self.malformed
        self._next_complaint = now + round(REPORT_EVERY_S * NS_PER_S)
        words = f"message on {arrival.topic!r} left out: {error}"
        if more:
            words += f" ({more} more since the last report)"
        self.log.warning("%s", words)
        kind = type(error).__name__
        await self.context.announce(
            ComponentFailed(self.name, f"{kind}: {words}", kind, "skip", "run")
        )

    async def _on_state(self, state: str, detail: str) -> None:
        await self.context.announce(SourceState(self.name, state, detail))


def _nanoseconds(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 19):
        raise BadInput(f"user property {TIME_PROPERTY} = {text!r} is not a count of ns")
    return int(text)
