"""What a join gives out, and what it counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import msgspec

from sensorium.events import AnyEvent


class Outcome(StrEnum):
    """Why a primary was given out when it was."""

    COMPLETE = "complete"
    """No better match could come."""
    WAITED = "waited"
    """It had waited as long as the mode ``available`` allows."""
    STALLED = "stalled"
    """What it lacked would have been of a stream that is silent for too long."""
    LATE = "late"
    """It came when a later primary had been given out already."""
    FULL = "full"
    """More primaries waited than may."""
    ENDED = "ended"
    """The join came to its end."""


class Interpolated(msgspec.Struct, frozen=True, gc=False):
    """A payload computed for the primary's time from the events on both sides of it."""

    before: AnyEvent
    after: AnyEvent
    """The same as ``before`` where there is an event at just that time."""
    fraction: float
    """How far of the way from ``before`` to ``after``, in [0, 1]."""
    payload: Any


Matched = AnyEvent | Interpolated | tuple[AnyEvent, ...] | None
"""An event, for ``interpolate`` an :class:`Interpolated`, for ``window`` a tuple of events (maybe
none), and None where nothing matched."""


class Aligned(msgspec.Struct, frozen=True, gc=False):
    """A primary with what was found for it in the other streams: ``aligned["objects"]``."""

    primary: AnyEvent
    matches: tuple[Matched, ...]
    """In the order of the plan's ``others``."""
    outcome: Outcome
    waited: int
    """ns on the session's clock since the primary arrived."""
    names: tuple[str, ...]
    """Of the streams of ``matches``."""

    def __getitem__(self, stream: str) -> Any:
        try:
            return self.matches[self.names.index(stream)]
        except ValueError:
            known = ", ".join(self.names)
            raise KeyError(f"no stream {stream!r} in this join; there are: {known}") from None

    @property
    def unmatched(self) -> tuple[str, ...]:
        """Names of the streams in which nothing was found."""
        return tuple(n for n, m in zip(self.names, self.matches, strict=True) if not m)

    def members(self, stream: str) -> tuple[AnyEvent, ...]:
        """The events found in ``stream``, whatever its match."""
        match self[stream]:
            case None:
                return ()
            case tuple() as events:
                return events
            case Interpolated(before, after):
                return (before,) if before is after else (before, after)
            case event:
                return (event,)

    @property
    def events(self) -> tuple[AnyEvent, ...]:
        """Every event of the set once, the primary first: the parents of what is made of it."""
        return tuple(dict.fromkeys(self._all()))

    def _all(self) -> Iterator[AnyEvent]:
        yield self.primary
        for name in self.names:
            yield from self.members(name)


@dataclass(frozen=True, slots=True)
class StreamNotice:
    """A stream fell silent while it was waited for, or speaks again."""

    stream: str
    state: str
    """``stalled`` or ``recovered``."""
    silent: int
    """ns on the session's clock."""
    waiting: int
    """Primaries that waited at that moment."""


@dataclass(slots=True)
class StreamCounts:
    """``received == duplicates + used + unused + evicted + held``, always."""

    received: int = 0
    matched: int = 0
    """Primaries for which it had a match."""
    unmatched: int = 0
    """Primaries for which it had none."""
    late: int = 0
    """Events that came after a decision that they would have changed."""
    duplicates: int = 0
    used: int = 0
    """Events that were in a set, and are forgotten by now."""
    unused: int = 0
    """Events that no primary wanted, and are forgotten by now."""
    evicted: int = 0
    """Events given up because too many, or too many bytes, were held."""
    held: int = 0
    held_bytes: int = 0
    stalled: int = 0
    """How often it fell silent while it was waited for."""
    state: str = "silent"
    """silent (nothing yet), live, stalled or ended."""


@dataclass(slots=True)
class JoinCounts:
    """``received == duplicates + late + released + dropped + cancelled + pending``, always."""

    received: int = 0
    released: int = 0
    dropped: int = 0
    """Lacked a match that was required."""
    late: int = 0
    """Came after a later primary had been given out."""
    duplicates: int = 0
    cancelled: int = 0
    pending: int = 0
    outcomes: dict[str, int] = field(default_factory=lambda: {o.value: 0 for o in Outcome})
    streams: dict[str, StreamCounts] = field(default_factory=dict)
