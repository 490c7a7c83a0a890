"""Joining any topics by settings alone: aligned sets for a recording, a broker, a log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field, model_validator

from sensorium import DeliveryPolicy, Emit, Input, Output, Payload
from sensorium.events import NS_PER_MS, AnyEvent
from sensorium.fusion import Aligned, Interpolated, Joiner, Joining, With
from sensorium.fusion.joiner import LIVES
from sensorium.fusion.track import size_of
from sensorium.payloads import AlignedMember, AlignedSet
from sensorium.payloads.codec import payload_to_json
from sensorium_plugins.bridges.mqtt_options import Pattern

MAILBOX = DeliveryPolicy.drop_oldest(256)
PRIMARY = "primary"


class WithTopic(With):
    """A topic that is joined to the primary, and how."""

    topic: Pattern


class JoinOptions(Joining):
    """Options of :class:`JoinTopics`."""

    primary: Pattern
    """The topic of the primaries."""
    others: dict[str, WithTopic] = Field(min_length=1)  # type: ignore[assignment]
    """By a name of your choice."""
    content_bytes: int = Field(65_536, ge=0)
    """A payload whose arrays take more is named in a set, and not contained."""

    @model_validator(mode="after")
    def _names_are_free(self) -> JoinOptions:
        for name in self.others:
            if name == PRIMARY or name in LIVES:
                raise ValueError(f"others.{name}: this name is taken; choose another")
        return self


class JoinTopics(Joiner):
    """Puts together what belongs together: a primary's event and the others' at its time.

    For each primary one ``AlignedSet``, which survives JSON, a recording and a broker.
    """

    Options = JoinOptions
    gives = {"set": Output("aligned/{name}", AlignedSet)}

    @classmethod
    def inputs(cls, options: Any) -> Mapping[str, Input]:
        """The topics that the options name."""
        topics = {PRIMARY: options.primary} | {n: o.topic for n, o in options.others.items()}
        return {name: Input(topic, Payload, MAILBOX) for name, topic in topics.items()} | LIVES

    @property
    def joining(self) -> Joining:
        """The options, the primary by the name of its input."""
        changed: Joining = self.options.model_copy(update={"primary": PRIMARY})
        return changed

    async def joined(self, aligned: Aligned, emit: Emit) -> None:
        """Write a set down."""
        between = {
            name: payload_to_json(match.payload)
            for name, match in zip(aligned.names, aligned.matches, strict=True)
            if isinstance(match, Interpolated)
        }
        members = {
            name: tuple(self._member(event) for event in aligned.members(name))
            for name in aligned.names
        }
        await emit(
            AlignedSet(
                self._member(aligned.primary),
                members,
                between,
                aligned.outcome.value,
                aligned.waited / NS_PER_MS,
            )
        )

    def _member(self, event: AnyEvent) -> AlignedMember:
        payload = event.payload
        fits = size_of(payload) <= self.options.content_bytes
        return AlignedMember(
            event.id,
            event.topic,
            event.originating_time,
            payload.type_name,
            payload_to_json(payload) if fits else None,
        )
