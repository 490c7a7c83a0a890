"""What a recording holds, in figures: what ``sensorium inspect`` shows."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from sensorium.errors import PayloadError, RecordingError
from sensorium.events import NS_PER_MS, NS_PER_S
from sensorium.recording.reader import Message, RecordedChannel, Recording
from sensorium.recording.records import COUNTS, DropCounts, decode_record

BINS = 60


@dataclass(frozen=True, slots=True)
class ChannelSummary:
    """One channel in figures."""

    topic: str
    kind: str
    type: str
    schema: str
    messages: int
    bytes: int
    """Of its messages, before compression."""
    first: int
    """ns since the epoch."""
    last: int
    rate_hz: float | None
    """None where there are fewer than two."""
    age_ms_p50: float | None
    """Creation minus originating time; None for what is no event."""
    age_ms_p99: float | None
    longest_gap_s: float | None
    """Between two messages that follow one another."""
    timeline: list[int]
    """Messages in each of :data:`BINS` equal spans of the recording."""


@dataclass(frozen=True, slots=True)
class RecordingSummary:
    """A recording in figures."""

    path: str
    bytes: int
    library: str
    state: str
    """whole, cut off or damaged."""
    damage: str
    """What is wrong, where it is not whole."""
    start: int
    """ns since the epoch."""
    seconds: float
    messages: int
    channels: list[ChannelSummary]
    dropped: dict[str, dict[str, int]]
    """What subscriptions dropped, by reason."""
    given_up: dict[str, int]
    """What the recorder could not keep, by topic."""
    counted: bool
    """Whether the file holds such counts at all."""
    metadata: dict[str, dict[str, str]]


def summarise(recording: Recording) -> RecordingSummary:
    """Read a recording through and count. A damaged one is summed up to where it can be read."""
    tallies: dict[RecordedChannel, _Tally] = {}
    counts: Message | None = None
    damage = ""
    try:
        for message in recording.messages():
            tally = tallies.get(message.channel)
            if tally is None:
                tally = tallies[message.channel] = _Tally()
            tally.add(message)
            if message.channel.kind == COUNTS.name:
                counts = message
    except RecordingError as error:
        damage = str(error)
    start = min((min(one.created) for one in tallies.values()), default=0)
    end = max((max(one.created) for one in tallies.values()), default=0)
    if not recording.whole and not damage:
        damage = f"its last {recording.lost_bytes} bytes are no whole record"
        state = "cut off"
    else:
        state = "damaged" if damage else "whole"
    drops = _counts(counts)
    return RecordingSummary(
        path=str(recording.path),
        bytes=recording.size,
        library=recording.library,
        state=state,
        damage=damage,
        start=start,
        seconds=(end - start) / NS_PER_S,
        messages=sum(len(one.created) for one in tallies.values()),
        channels=[tally.summary(channel, start, end) for channel, tally in tallies.items()],
        dropped={edge.name: edge.dropped for edge in drops.edges if edge.dropped},
        given_up=drops.given_up,
        counted=counts is not None,
        metadata=recording.metadata,
    )


def as_plain(summary: RecordingSummary) -> dict[str, Any]:
    """A summary as JSON values; the settings as an object."""
    plain: dict[str, Any] = msgspec.to_builtins(summary)
    for values in plain["metadata"].values():
        for key in ("json", "options", "given_up"):
            if key in values:
                values[key] = msgspec.json.decode(values[key])
    return plain


@dataclass(slots=True)
class _Tally:
    bytes: int = 0
    created: array[int] = field(default_factory=lambda: array("Q"))
    originated: array[int] = field(default_factory=lambda: array("Q"))

    def add(self, message: Message) -> None:
        self.bytes += len(message.data)
        self.created.append(message.log_time)
        self.originated.append(message.publish_time)

    def summary(self, channel: RecordedChannel, start: int, end: int) -> ChannelSummary:
        created = np.array(self.created, np.uint64)
        several = len(created) > 1
        span = (int(created.max()) - int(created.min())) / NS_PER_S
        ages = None
        if channel.kind == "event":
            ages = (created - np.array(self.originated, np.uint64)).view(np.int64) / NS_PER_MS
        since = (created - np.uint64(start)).astype(np.float64)  # by 60, whole ns might not fit
        places = np.minimum(since * BINS / (end - start + 1), BINS - 1).astype(np.int64)
        bins = np.bincount(places, minlength=BINS)
        return ChannelSummary(
            topic=channel.topic,
            kind=channel.kind,
            type=channel.type,
            schema=channel.schema,
            messages=len(created),
            bytes=self.bytes,
            first=int(created.min()),
            last=int(created.max()),
            rate_hz=(len(created) - 1) / span if several and span > 0 else None,
            age_ms_p50=None if ages is None else float(np.percentile(ages, 50)),
            age_ms_p99=None if ages is None else float(np.percentile(ages, 99)),
            longest_gap_s=float(np.diff(np.sort(created)).max()) / NS_PER_S if several else None,
            timeline=bins.tolist(),
        )


def _counts(message: Message | None) -> DropCounts:
    none = DropCounts(0, (), {})
    if message is None:
        return none
    try:
        (found,) = decode_record(COUNTS, message.data)
    except PayloadError:
        return none
    assert isinstance(found, DropCounts)
    return found
