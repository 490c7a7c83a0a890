"""The base of a fuser that joins streams: say what belongs together, get it together."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

from sensorium.components import Emit, Fuser, Input
from sensorium.errors import ComponentError
from sensorium.events import AnyEvent
from sensorium.fusion.aligned import Aligned
from sensorium.fusion.alignment import Alignment
from sensorium.fusion.interpolation import linear
from sensorium.fusion.options import Joining
from sensorium.payloads.base import Payload
from sensorium.payloads.system import ComponentEnded, ComponentReady

GRACE_S = 1.0  # between a source's end and that of the streams that come of it
LIVES: dict[str, Input] = {
    "component_ended": Input("system/component_ended", ComponentEnded),
    "component_ready": Input("system/component_ready", ComponentReady),
}
"""Inputs of every joiner: word of sources that end or begin again."""


class Joiner(Fuser):
    """Joins events of several inputs by originating time (:mod:`sensorium.fusion`)::

        class SaidAndSeen(Joiner):
            takes = {
                "said": Input("speech/transcript", Transcript),
                "objects": Input("vision/objects", Detections),
            }
            gives = {"scene": Output("said_and_seen", Text)}
            joins = join("said", {"objects": With(match="window")}, mode="available")

            async def joined(self, aligned: Aligned, emit: Emit) -> None:
                labels = {label for e in aligned["objects"] for label in e.payload.labels}
                await emit(Text(f"{aligned.primary.payload.text}: {', '.join(sorted(labels))}"))

    ``joined`` is called for one set at a time, in the order of the primaries' originating times.
    What it emits has the primary's originating time and every event of the set as a parent.

    A stream ends when the sources that its events come from have ended; what waits for it is then
    given out. One whose source begins a new life may go back in time.
    """

    joins: ClassVar[Joining]

    @classmethod
    def inputs(cls, options: Any) -> Mapping[str, Input]:
        """:attr:`takes`, and word of sources that end or begin again."""
        return {**cls.takes, **LIVES}

    @property
    def joining(self) -> Joining:
        """What is joined: :attr:`joins`, unless options say it."""
        return self.joins

    @abstractmethod
    async def joined(self, aligned: Aligned, emit: Emit) -> None:
        """Make something of one set."""

    def interpolate(self, stream: str, before: Payload, after: Payload, fraction: float) -> Payload:
        """The payload ``fraction`` of the way between two of ``stream``; linear by default."""
        return linear(before, after, fraction)

    async def setup(self) -> None:
        """Prepare the join; a subclass that overrides this calls it first."""
        joining = self.joining
        known = [name for name in self.inputs(self.options) if name not in LIVES]
        for name in (joining.primary, *joining.others):
            if name not in known:
                raise ComponentError(
                    self.name, f"joins {name!r}, which it does not take; it takes: {known}"
                )
        compute = {name: partial(self.interpolate, name) for name in joining.others}
        self._streams = {joining.primary, *joining.others}
        self._sources: dict[str, set[str]] = {}  # streams by the sources their events come from
        self._running: dict[str, set[str]] = {}  # of each stream, the sources that have not ended
        self.alignment = Alignment(
            joining.plan(compute), self.context, self._deliver, report_s=joining.report_s
        )

    @property
    def unfinished(self) -> bool:
        """Whether sets wait that will be given out as time passes."""
        alignment = getattr(self, "alignment", None)
        return alignment is not None and alignment.unfinished

    async def process(self, event: AnyEvent, emit: Emit) -> None:
        """Take one event into the join; events of inputs that it does not join go to ``other``."""
        name = self.came_by
        if name in self._streams:
            self._know_source(name, event)
            await self.alignment.push(name, event)
        elif name == "component_ended":
            await self._source_ended(event.payload.component)
        elif name == "component_ready":
            await self._source_ready(event.payload.component)
        else:
            await self.other(event, emit)

    async def other(self, event: AnyEvent, emit: Emit) -> None:
        """An event of an input that is not joined."""

    async def close(self) -> None:
        """Report the counts; a subclass that overrides this calls it, too."""
        if getattr(self, "alignment", None) is not None:
            await self.alignment.close()

    async def _deliver(self, aligned: Aligned) -> None:
        await self.joined(aligned, _AlignedEmit(self.context.emit, aligned))

    # --- where streams come from --------------------------------------------------------------

    def _know_source(self, stream: str, event: AnyEvent) -> None:
        source = event.root.partition("#")[0] if event.root else event.source
        streams = self._sources.setdefault(source, set())
        streams.add(stream)
        self._running.setdefault(stream, set()).add(source)

    async def _source_ended(self, source: str) -> None:
        for stream in sorted(self._sources.get(source, ())):
            running = self._running[stream]
            running.discard(source)
            if not running:
                await self.alignment.end(stream, GRACE_S)

    async def _source_ready(self, source: str) -> None:
        for stream in sorted(self._sources.pop(source, ())):
            self._running[stream].discard(source)
            if not self._running[stream]:
                await self.alignment.begin_again(stream)


class _AlignedEmit:
    """An ``emit`` whose results come of a whole set."""

    def __init__(self, emit: Emit, aligned: Aligned) -> None:
        self._emit = emit
        self._aligned = aligned

    async def __call__(
        self,
        payload: Payload,
        to: str = "",
        *,
        topic: str = "",
        originating_time: int | None = None,
        parents: tuple[AnyEvent, ...] | None = None,
    ) -> AnyEvent:
        aligned = self._aligned
        if originating_time is None:
            originating_time = aligned.primary.originating_time
        return await self._emit(
            payload,
            to,
            topic=topic,
            originating_time=originating_time,
            parents=aligned.events if parents is None else parents,
        )
