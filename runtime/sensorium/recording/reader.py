"""Reading a recording: everything in the order in which it happened, a chunk at a time."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from sensorium.errors import (
    PayloadError,
    RecordingError,
    SourceUnavailable,
    TopicError,
    UnknownName,
)
from sensorium.events import AnyEvent, Event
from sensorium.payloads.registry import PayloadRegistry
from sensorium.recording import parse
from sensorium.recording.file import PROFILE
from sensorium.recording.layout import ChunkPlace, read_layout
from sensorium.recording.messages import decode_event
from sensorium.recording.parse import Channel, RawMessage, Schema
from sensorium.recording.records import KINDS, Record, decode_record
from sensorium.topics import check_pattern, check_topic, matches

WhenUnknown = Literal["error", "skip"]


@dataclass(frozen=True, slots=True)
class RecordedChannel:
    """One channel of a recording."""

    topic: str
    kind: str
    """``event``, or a kind of :data:`sensorium.recording.records.KINDS`."""
    type: str
    """The payload type's name, of an event channel."""
    schema: str
    """Name of the JSON schema."""
    schema_text: bytes


Wanted = Callable[[RecordedChannel], bool]


@dataclass(frozen=True, slots=True)
class Message:
    """One message, not decoded."""

    channel: RecordedChannel
    sequence: int
    log_time: int
    """ns since the epoch: the event's creation time."""
    publish_time: int
    """ns since the epoch: the event's originating time."""
    data: bytes
    """JSON."""
    offset: int
    """Of its chunk in the file."""


@dataclass(frozen=True, slots=True)
class PassedOver:
    """Events that were not read."""

    count: int
    began: int
    """Creation time of the first, ns since the epoch."""
    ended: int
    """Creation time of the last."""


class Recording:
    """A recording that is open. Every iterator begins at its start, and holds one chunk at most.

    A file that was cut off (a crash, a full disk) reads to its last whole chunk; :attr:`whole` is
    then False. Where a file is damaged, iterators give everything before and then raise
    :class:`RecordingError`.
    """

    def __init__(
        self, path: Path, payloads: PayloadRegistry | None = None, unknown: WhenUnknown = "error"
    ) -> None:
        self.path = path
        self.skipped: Counter[str] = Counter()
        """Events left out because no plugin brings their payload type, by type."""
        self._payloads = payloads
        self._unknown = unknown
        try:
            self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise SourceUnavailable(f"{path} cannot be read: {error.strerror}") from error
        try:
            self._layout = read_layout(self._file, path)
            if not self._layout.library:
                raise RecordingError(path, 8, "it was cut off before anything was recorded")
            if self._layout.profile != PROFILE:
                profile = self._layout.profile[:40]
                what = f"an MCAP file of profile {profile!r}, not a recording of Sensorium"
                raise RecordingError(path, 8, what)
        except BaseException:
            self.close()
            raise

    @property
    def metadata(self) -> dict[str, dict[str, str]]:
        """What stands beside the messages: ``sensorium.session``, ``sensorium.settings`` …"""
        return self._layout.metadata

    @property
    def library(self) -> str:
        """Who wrote it."""
        return self._layout.library

    @property
    def whole(self) -> bool:
        """Whether the file was closed in order; else it was cut off, or is damaged."""
        return self._layout.whole

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self._layout.size

    @property
    def lost_bytes(self) -> int:
        """Bytes at the end of a file that is not whole which no whole record has."""
        return 0 if self.whole else self._layout.size - self._layout.end

    @property
    def channels(self) -> list[RecordedChannel]:
        """Every channel, in the order of first use. Reads the whole file."""
        found: dict[RecordedChannel, None] = {}
        for message in self.messages():
            found.setdefault(message.channel)
        return list(found)

    def messages(self, topics: Sequence[str] = ()) -> Iterator[Message]:
        """Every message of the topics under these patterns (all, by default), not decoded."""
        return self._messages(topics)

    def decode(self, message: Message) -> AnyEvent:
        """The event of a message of an event channel. Raises :class:`RecordingError`."""
        channel = message.channel
        try:
            return decode_event(channel.topic, channel.schema, message.data, self._registry().get)
        except (PayloadError, UnknownName) as error:
            raise self._broken(message, error) from error

    def records(self) -> Iterator[Record]:
        """Everything, in the order in which it happened."""
        for record in self._decoded((), events_only=False):
            if not isinstance(record, PassedOver):
                yield record

    def records_but(self, passed_over: Wanted) -> Iterator[Record | PassedOver]:
        """:meth:`records`, where of the event channels that ``passed_over`` is true of there is
        only how many came: quick where they are large."""
        return self._decoded((), events_only=False, passed_over=passed_over)

    def events(self, topics: Sequence[str] = ()) -> Iterator[AnyEvent]:
        """The events of the topics under these patterns (all, by default), in order."""
        for record in self._decoded(topics, events_only=True):
            if isinstance(record, Event):
                yield record

    def close(self) -> None:
        """Give the file back; iterators end."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> Recording:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _decoded(
        self, topics: Sequence[str], *, events_only: bool, passed_over: Wanted | None = None
    ) -> Iterator[Record | PassedOver]:
        for message in self._read(topics, events_only=events_only, passed_over=passed_over):
            if isinstance(message, PassedOver):
                yield message
                continue
            channel = message.channel
            if channel.kind == "event":
                if self.knows(message):
                    yield self.decode(message)
                continue
            try:
                yield from decode_record(KINDS[channel.kind], message.data)
            except PayloadError as error:
                raise self._broken(message, error) from error

    def _messages(self, topics: Sequence[str]) -> Iterator[Message]:
        for message in self._read(topics):
            if not isinstance(message, PassedOver):
                yield message

    def _read(
        self,
        topics: Sequence[str],
        *,
        events_only: bool = False,
        passed_over: Wanted | None = None,
    ) -> Iterator[Message | PassedOver]:
        for pattern in topics:
            check_pattern(pattern)
        schemas: dict[int, Schema] = {}
        channels: dict[int, Channel] = {}
        known: dict[int, RecordedChannel | None] = {}
        over: set[int] = set()  # channels that are passed over
        for place in self._layout.chunks:
            start = place.start
            passed = self._passed(place, over)
            if passed is not None:
                yield passed
                continue
            for record in self._records(start, place.length):
                if isinstance(record, Schema):
                    self._define(start, schemas, record.id, record)
                elif isinstance(record, Channel):
                    self._define(start, channels, record.id, record)
                else:
                    number = record.channel_id
                    if number not in known:
                        one = self._recorded(start, number, channels, schemas)
                        wanted = _is_wanted(one, topics) and not (
                            events_only and one.kind != "event"
                        )
                        known[number] = one if wanted else None
                        if passed_over is not None and one.kind == "event" and passed_over(one):
                            over.add(number)
                    channel = known[number]
                    if number in over:
                        yield PassedOver(1, record.log_time, record.log_time)
                    elif channel is not None:
                        yield _message(channel, record, start)
        if self._layout.damage:
            raise RecordingError(self.path, self._layout.end, self._layout.damage)

    def _passed(self, place: ChunkPlace, over: set[int]) -> PassedOver | None:
        """What is known of a chunk that is one message of those channels; None: it must be read.

        Its index may lie, or be cut off: the chunk itself is asked.
        """
        if len(place.messages) != 1 or self._file < 0:
            return None
        ((channel, count),) = place.messages.items()
        if count != 1 or channel not in over:
            return None
        content = os.pread(self._file, min(place.length, parse.BEGINNING), place.start)
        try:
            found = parse.only_message(content, place.length)
        except ValueError:  # reading it will say what is wrong
            return None
        if found is None or found[0] not in over:
            return None
        return PassedOver(1, found[1], found[1])

    def _records(self, start: int, length: int) -> Iterator[Schema | Channel | RawMessage]:
        if self._file < 0:
            raise RecordingError(self.path, start, "the recording was closed")
        try:
            yield from parse.records(parse.chunk(os.pread(self._file, length, start)))
        except ValueError as error:
            raise RecordingError(self.path, start, str(error)) from error

    def _define(self, start: int, held: dict[int, Any], number: int, record: Any) -> None:
        if number == 0 or held.setdefault(number, record) != record:
            what = type(record).__name__.lower()
            raise RecordingError(self.path, start, f"{what} {number} is defined twice")

    def _recorded(
        self, start: int, number: int, channels: dict[int, Channel], schemas: dict[int, Schema]
    ) -> RecordedChannel:
        channel = channels.get(number)
        schema = schemas.get(channel.schema_id) if channel is not None else None
        if channel is None or schema is None:
            raise RecordingError(self.path, start, f"a message of the unknown channel {number}")
        kind = channel.metadata.get("kind", "")
        if channel.encoding != "json" or (kind != "event" and kind not in KINDS):
            raise RecordingError(
                self.path,
                start,
                f"channel {channel.topic!r:.80} is of the unknown kind {kind!r:.40}",
            )
        try:
            check_topic(channel.topic)
        except TopicError as error:
            raise RecordingError(self.path, start, str(error)) from error
        payload_type = channel.metadata.get("type", "")
        return RecordedChannel(channel.topic, kind, payload_type, schema.name, schema.data)

    def knows(self, message: Message) -> bool:
        """Whether a plugin brings the payload type of an event's message.

        If not, it is counted in :attr:`skipped`, or (``unknown="error"``) RecordingError raised.
        """
        payload_type = message.channel.type
        if payload_type in self._registry():
            return True
        if self._unknown == "skip":
            self.skipped[payload_type] += 1
            return False
        raise self._broken(
            message,
            f"no plugin brings the payload type {payload_type!r:.80}: install the plugin that"
            " recorded it, or leave such events out (unknown='skip')",
        )

    def _broken(self, message: Message, what: object) -> RecordingError:
        where = f"message {message.sequence} of {message.channel.topic}"
        return RecordingError(self.path, message.offset, f"{where}: {what}")

    def _registry(self) -> PayloadRegistry:
        if self._payloads is None:
            from sensorium.plugins import load_plugins

            self._payloads = load_plugins().payloads
        return self._payloads


def open_recording(
    path: Path | str,
    *,
    payloads: PayloadRegistry | None = None,
    unknown: WhenUnknown = "error",
) -> Recording:
    """Open a recording; use it as ``with open_recording(path) as recording: …``.

    ``payloads`` are the types that events may have: by default those of the installed plugins.
    An event of another type is an error, or left out and counted (``unknown="skip"``).

    Raises :class:`SourceUnavailable` when there is no such file and :class:`RecordingError` when
    it is no recording.
    """
    return Recording(Path(path), payloads, unknown)


def _is_wanted(channel: RecordedChannel, topics: Sequence[str]) -> bool:
    return not topics or any(matches(pattern, channel.topic) for pattern in topics)


def _message(channel: RecordedChannel, raw: RawMessage, offset: int) -> Message:
    return Message(channel, raw.sequence, raw.log_time, raw.publish_time, raw.data, offset)
