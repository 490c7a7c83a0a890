"""What to join, and how: the streams of a join, in nanoseconds and plain values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sensorium.errors import SettingsError
from sensorium.events import NS_PER_S

FOREVER = 1 << 62
"""ns: later than any time there is."""
KEEP = 10 * NS_PER_S
STALL = 5 * NS_PER_S
LIMIT = 1024
LIMIT_BYTES = 256 * 1024 * 1024

Interpolation = Callable[[Any, Any, float], Any]
"""``f(earlier payload, later payload, fraction of the way in [0, 1])`` is the payload between."""


class Match(StrEnum):
    """Which event of a stream belongs to a primary that originates at ``t``."""

    NEAREST = "nearest"
    """The one whose time is nearest to ``t``; of two equally near, the earlier."""
    EXACT = "exact"
    """The one at ``t``."""
    LAST = "last"
    """The latest at or before ``t``."""
    INTERPOLATE = "interpolate"
    """A payload computed from the neighbours on both sides of ``t``."""
    WINDOW = "window"
    """All from ``t - before`` to ``end + after``; ``end`` is the primary payload's ``end_time``
    if it has one, else ``t``."""


class Mode(StrEnum):
    """When a primary is given out."""

    REPRODUCIBLE = "reproducible"
    """When no better match can come: what comes out depends on the data alone."""
    AVAILABLE = "available"
    """The same, or with the best there is once it has waited long enough."""


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """One stream of a join. Times are in ns; all but the names have defaults."""

    name: str
    match: Match = Match.NEAREST
    tolerance: int | None = None
    """How far from the primary a match may be; None: as far as it likes."""
    before: int = 0
    """Of a window: how long before the primary begins."""
    after: int = 0
    """Of a window: how long after the primary ends."""
    lateness: int = 0
    """Events come in the order of their originating times, but for at most this much: once one
    from ``t`` is here, none from before ``t - lateness`` will come."""
    required: bool = False
    """Primaries without a match are dropped, and counted."""
    equal_times: str = "first"
    """``first``: of several events of one time the first by source and sequence counts, the
    others are duplicates. ``all``: they are different events."""
    keep: int = KEEP
    """An event that is older than the stream's newest by this waits no longer for a primary."""
    limit: int = LIMIT
    """Events held at most."""
    limit_bytes: int = LIMIT_BYTES
    """Bytes of arrays held at most."""
    stall: int = STALL
    """A stream that is silent for this long is not waited for any more until it speaks again."""
    interpolation: Interpolation | None = None
    """By default numbers and arrays are interpolated linearly."""

    def __post_init__(self) -> None:
        times = (self.tolerance or 0, self.before, self.after, self.lateness, self.keep, self.stall)
        if min(times) < 0:
            raise SettingsError(f"stream {self.name!r}: a time is negative")
        if self.limit < 1 or self.limit_bytes < 1:
            raise SettingsError(f"stream {self.name!r}: a limit is at least 1")
        if self.equal_times not in ("first", "all"):
            raise SettingsError(
                f"stream {self.name!r}: equal_times is first or all, not {self.equal_times!r}"
            )


@dataclass(frozen=True, slots=True)
class JoinPlan:
    """A primary stream and the streams whose events are joined to it.

    Raises :class:`SettingsError` when there is nothing to join or two streams share a name. Of
    the primary's plan, match and tolerance mean nothing.
    """

    primary: StreamPlan
    others: tuple[StreamPlan, ...]
    mode: Mode = Mode.REPRODUCIBLE
    wait: int = NS_PER_S // 10
    """ns on the session's clock that a primary waits at most, in the mode ``available``."""
    in_order: bool = True
    """A primary that comes after a later one was given out is dropped, and counted. False: it is
    given out at once, with what there is."""

    def __post_init__(self) -> None:
        names = self.names
        if not self.others:
            raise SettingsError("a join needs at least one stream beside the primary")
        if len(set(names)) < len(names):
            raise SettingsError(f"a join's streams need different names, not {', '.join(names)}")
        if self.wait < 0:
            raise SettingsError("a join's wait is not negative")

    @property
    def names(self) -> tuple[str, ...]:
        """Of all streams, the primary first."""
        return (self.primary.name, *(other.name for other in self.others))
