"""How a join is written down: in a component's class or in its settings, in seconds and ms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from pydantic import Field

from sensorium.components import ComponentOptions
from sensorium.events import NS_PER_MS, NS_PER_S
from sensorium.fusion.plan import Interpolation, JoinPlan, Match, Mode, StreamPlan

MB = 1024 * 1024


class With(ComponentOptions):
    """One stream that is joined to the primary."""

    match: Match = Match.NEAREST
    """nearest, exact, last, interpolate or window."""
    tolerance_ms: float | None = Field(None, ge=0)
    """How far from the primary a match may be; any distance if not given."""
    before_ms: float = Field(0.0, ge=0)
    """Of a window: how long before the primary it begins."""
    after_ms: float = Field(0.0, ge=0)
    """Of a window: how long after the primary (its ``end_time``, if it has one) it ends."""
    lateness_ms: float = Field(0.0, ge=0)
    """By how much its events may come out of the order of their originating times."""
    required: bool = False
    """Primaries without a match are dropped, and counted."""
    equal_times: Literal["first", "all"] = "first"
    """Several events of one time: the others are duplicates, or different events."""
    keep_s: float = Field(10.0, gt=0)
    """How long an event waits for a primary, by originating times."""
    limit: int = Field(1024, ge=1)
    """Events held at most."""
    limit_mb: float = Field(256.0, gt=0)
    """Megabytes of arrays held at most."""
    stall_s: float = Field(5.0, gt=0)
    """Silence after which it is not waited for any more, until it speaks again."""

    def plan(self, name: str, interpolation: Interpolation | None = None) -> StreamPlan:
        """The same for the engine."""
        return StreamPlan(
            name=name,
            match=self.match,
            tolerance=None if self.tolerance_ms is None else ms(self.tolerance_ms),
            before=ms(self.before_ms),
            after=ms(self.after_ms),
            lateness=ms(self.lateness_ms),
            required=self.required,
            equal_times=self.equal_times,
            keep=round(self.keep_s * NS_PER_S),
            limit=self.limit,
            limit_bytes=round(self.limit_mb * MB),
            stall=round(self.stall_s * NS_PER_S),
            interpolation=interpolation,
        )


class Joining(ComponentOptions):
    """A primary stream and what is joined to it."""

    primary: str
    others: dict[str, With] = Field(min_length=1)
    mode: Mode = Mode.REPRODUCIBLE
    """reproducible or available."""
    wait_ms: float = Field(100.0, ge=0)
    """How long a primary waits at most, in the mode ``available``."""
    in_order: bool = True
    """A primary that comes after a later one was given out is dropped, and counted; if false, it
    is given out at once, with what there is."""
    lateness_ms: float = Field(0.0, ge=0)
    """By how much primaries may come out of the order of their originating times."""
    limit: int = Field(1024, ge=1)
    """Primaries that may wait."""
    limit_mb: float = Field(256.0, gt=0)
    """Megabytes of arrays that may wait with them."""
    stall_s: float = Field(5.0, gt=0)
    """With a ``lateness_ms``: silence after which no earlier primary is waited for."""
    report_s: float = Field(10.0, ge=0)
    """How often the counts are published while events come; 0: never."""

    def plan(self, interpolations: Mapping[str, Interpolation] | None = None) -> JoinPlan:
        """The same for the engine. Raises :class:`SettingsError`."""
        compute = interpolations or {}
        primary = StreamPlan(
            name=self.primary,
            lateness=ms(self.lateness_ms),
            limit=self.limit,
            limit_bytes=round(self.limit_mb * MB),
            stall=round(self.stall_s * NS_PER_S),
        )
        others = tuple(one.plan(name, compute.get(name)) for name, one in self.others.items())
        return JoinPlan(primary, others, self.mode, ms(self.wait_ms), self.in_order)


def join(
    primary: str,
    others: Iterable[str] | Mapping[str, With],
    *,
    match: Match | Literal["nearest", "exact", "last", "interpolate", "window"] = Match.NEAREST,
    tolerance_ms: float | None = None,
    **options: Any,
) -> Joining:
    """What a :class:`~sensorium.fusion.Joiner` joins: names of its inputs, and how.

    ``match`` and ``tolerance_ms`` are for ``others`` that are names; a mapping says for each
    stream how it is joined. ``options`` are the fields of :class:`Joining`: ``mode``, ``wait_ms``…
    """
    if not isinstance(others, Mapping):
        others = {n: With(match=Match(match), tolerance_ms=tolerance_ms) for n in others}
    return Joining(primary=primary, others=dict(others), **options)


def ms(value: float) -> int:
    """Milliseconds as ns."""
    return round(value * NS_PER_MS)
