"""Publishing on a component's behalf, with the right topic, times and parents."""

from __future__ import annotations

from collections.abc import Mapping

from sensorium.bus import EventBus
from sensorium.components import Output
from sensorium.errors import ComponentError
from sensorium.events import AnyEvent
from sensorium.payloads.base import Payload
from sensorium.topics import matches


class Publisher:
    """Publishes for one component. ``outputs`` are its declared ones, with final topics."""

    def __init__(self, bus: EventBus, component: str, outputs: Mapping[str, Output]) -> None:
        self._bus = bus
        self._component = component
        self._outputs = dict(outputs)

    def because_of(self, cause: AnyEvent | None) -> BoundEmit:
        """The ``emit`` handed to ``process`` together with ``cause``."""
        return BoundEmit(self, cause)

    async def publish(
        self,
        payload: Payload,
        to: str,
        topic: str,
        originating_time: int | None,
        parents: tuple[AnyEvent, ...],
    ) -> AnyEvent:
        """Publish on the output ``to``. Raises :class:`ComponentError` when it is not declared."""
        output = self._output(payload, to)
        if topic and not matches(output.topic, topic):
            raise ComponentError(
                self._component, f"emits on {topic!r}, which is not under {output.topic!r}"
            )
        return await self._bus.publish(
            topic or output.topic,
            payload,
            source=self._component,
            originating_time=originating_time,
            root=parents[0].trace_id if parents else "",
            parents=tuple(parent.id for parent in parents),
        )

    def _output(self, payload: Payload, to: str) -> Output:
        if to:
            output = self._outputs.get(to)
            if output is None:
                known = ", ".join(self._outputs) or "none"
                raise ComponentError(self._component, f"has no output {to!r}; it declares: {known}")
        else:
            fitting = [o for o in self._outputs.values() if isinstance(payload, o.payload_type)]
            if len(fitting) != 1:
                raise ComponentError(
                    self._component,
                    f"emits {type(payload).__name__}, which fits {len(fitting)} of its outputs"
                    f" ({', '.join(self._outputs) or 'it declares none'}): name one",
                )
            output = fitting[0]
        if not isinstance(payload, output.payload_type):
            raise ComponentError(
                self._component,
                f"output {to!r} gives {output.payload_type.__name__}, not {type(payload).__name__}",
            )
        return output


class BoundEmit:
    """The ``emit`` of one call of ``process`` or ``run``: :class:`sensorium.components.Emit`."""

    __slots__ = ("_cause", "_publisher")

    def __init__(self, publisher: Publisher, cause: AnyEvent | None) -> None:
        self._publisher = publisher
        self._cause = cause

    async def __call__(
        self,
        payload: Payload,
        to: str = "",
        *,
        topic: str = "",
        originating_time: int | None = None,
        parents: tuple[AnyEvent, ...] | None = None,
    ) -> AnyEvent:
        """Publish ``payload``; time and parents default to those of the cause."""
        cause = self._cause
        if parents is None:
            parents = () if cause is None else (cause,)
        if originating_time is None and parents:
            originating_time = parents[0].originating_time
        return await self._publisher.publish(payload, to, topic, originating_time, parents)
