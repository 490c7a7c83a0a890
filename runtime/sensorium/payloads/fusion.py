"""What fusion gives out of itself: aligned sets, its counts, and what it knows of clocks."""

from __future__ import annotations

from typing import Any

from sensorium.delivery import DeliveryPolicy, EventClass
from sensorium.payloads.base import Payload, Shed, payload


@payload("aligned_member")
class AlignedMember(Payload):
    """One event of an aligned set."""

    event: str
    """Its id: ``source#sequence``."""
    topic: str
    originating_time: int
    """ns since the epoch."""
    type: str
    """Name of its payload's type."""
    content: dict[str, Any] | None = None
    """The payload as JSON values; None where it is too large and stays with its event."""


@payload("aligned_set")
class AlignedSet(Payload):
    """A primary event with what belongs to it in other streams."""

    primary: AlignedMember
    members: dict[str, tuple[AlignedMember, ...]]
    """By stream; none where nothing matched, two where a value was interpolated."""
    interpolated: dict[str, dict[str, Any]]
    """By stream: the payload computed for the primary's time, as JSON values."""
    outcome: str
    """complete, waited, stalled, full or ended."""
    waited_ms: float
    """Since the primary arrived, on the session's clock."""


@payload("fusion_statistics", policy=DeliveryPolicy.latest(), shed=Shed.TELEMETRY)
class FusionStatistics(Payload):
    """The counts of a join since it began; their meaning is on the page docs/fusion.md."""

    component: str
    primaries: dict[str, int]
    outcomes: dict[str, int]
    streams: dict[str, dict[str, int]]
    states: dict[str, str]
    """Of each stream: silent (nothing yet), live, stalled or ended."""


@payload("stream_state", event_class=EventClass.SYSTEM)
class StreamState(Payload):
    """A stream of a join fell silent while it was waited for, or speaks again."""

    component: str
    stream: str
    """The name of the component's input."""
    state: str
    """stalled or recovered."""
    silent_s: float
    waiting: int
    """Primaries that waited at that moment."""


@payload("clock_estimate", policy=DeliveryPolicy.latest(), shed=Shed.TELEMETRY)
class ClockEstimate(Payload):
    """How a clock of another machine runs, seen from this session's clock."""

    component: str
    clock: str
    offset_ns: int
    """What is to be added to that clock's time, now."""
    drift_ppm: float
    """How much faster the session's clock runs; negative: slower."""
    residual_ns: int
    """Median of what messages took longer than the quickest."""
    samples: int
    resets: int
    """How often that clock jumped."""
    outliers: int
    """Times that fit nothing and were left out."""
