"""Writing what happens in a session to an MCAP file, record by record, in order.

No thread, no queue: the recorder calls it from its own thread, a program may call it directly::

    with RecordingWriter(Path("walk.mcap")) as recording:
        recording.write(event)
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import msgspec

from sensorium import __version__
from sensorium.errors import PayloadError, RecordingFailed
from sensorium.events import AnyEvent, Event
from sensorium.payloads.base import Payload
from sensorium.recording.compression import Compression
from sensorium.recording.file import McapFile
from sensorium.recording.format import MAX_TIME
from sensorium.recording.media import ImageForm
from sensorium.recording.messages import Messages
from sensorium.recording.records import (
    CLOCK,
    KIND_OF,
    ClockReads,
    Encoded,
    Kind,
    Record,
    encode_call,
)
from sensorium.trace import ClockRead, ModelCall

CHUNK_BYTES = 1 << 20
CHUNK_S = 1.0
ALONE = 1 << 18
"""A message of so many bytes, a picture, has a chunk to itself: who does not want it need not
unpack it."""
LIBRARY = f"sensorium {__version__}"

_encode = msgspec.json.Encoder().encode


class RecordingWriter:
    """One recording that is being made. :meth:`close` it, or use it as a context manager.

    A chunk goes to the file when it has ``chunk_bytes``, or is ``chunk_s`` seconds old at the next
    :meth:`write` or :meth:`flush_if_due`. Raises :class:`RecordingFailed` when the file exists
    already or cannot be written.
    """

    def __init__(
        self,
        path: Path,
        *,
        images: ImageForm = "raw",
        quality: int = 90,
        compression: Compression = "zstd",
        chunk_bytes: int = CHUNK_BYTES,
        chunk_s: float = CHUNK_S,
    ) -> None:
        self.path = path
        self.written: Counter[str] = Counter()
        """Messages by topic."""
        self._messages = Messages(images, quality)
        self._chunk_bytes = chunk_bytes
        self._chunk_s = chunk_s
        self._due: float | None = None
        self._channels: dict[tuple[str, type[Payload]], int] = {}
        self._own_channels: dict[Kind, int] = {}
        self._schemas: dict[str, int] = {}
        self._reads: list[tuple[str, int]] = []
        self._reads_gathered = 0  # clock reads in the chunk with the number _reads_chunk
        self._reads_chunk = 0
        self._refused: Counter[str] = Counter()  # events that came to a file that was broken
        self._file = McapFile(path, library=LIBRARY, compression=compression)

    @property
    def size(self) -> int:
        """Bytes in the file."""
        return self._file.size

    def unsaved(self) -> Counter[str]:
        """Records that are not in the file yet, by topic."""
        topics = {number: topic for (topic, _), number in self._channels.items()}
        topics |= {number: kind.topic for kind, number in self._own_channels.items()}
        found = self._refused.copy()
        for number, count in self._file.unsaved().items():  # a topic may have several channels
            found[topics[number]] += count
        if CLOCK.topic in found:  # of these, a message holds many
            found[CLOCK.topic] = self._reads_gathered
        if self._reads:
            found[CLOCK.topic] += len(self._reads)
        return found

    def write(self, record: Record | Encoded) -> None:
        """Add one record.

        Raises :class:`PayloadError` when it has no JSON form (nothing of it is then written), and
        :class:`RecordingFailed`, after which only :meth:`close` is of use.
        """
        if isinstance(record, ClockRead):
            self._reads.append((record.component, record.at))
            self._began()
            return
        if self._reads:
            self._end_reads()
        if isinstance(record, Event):
            self._event(record)
        elif isinstance(record, Encoded):
            self._own(record.kind, record.at, record.data)
        elif isinstance(record, ModelCall):
            call = encode_call(record)
            self._own(call.kind, call.at, call.data)
        else:
            kind = KIND_OF[type(record)]
            try:
                data = _encode(record)
            except (UnicodeEncodeError, TypeError) as error:
                raise PayloadError(f"a {kind.name} cannot be written: {error}") from error
            self._own(kind, record.at, data)
        self._began()

    def add_metadata(self, name: str, values: Mapping[str, str]) -> None:
        """Add named text, after everything written so far."""
        self.flush()
        self._file.add_metadata(name, values)

    @property
    def due_in(self) -> float | None:
        """Seconds until :meth:`flush_if_due` has something to do; None when nothing waits."""
        return None if self._due is None else max(0.0, self._due - time.monotonic())

    def flush_if_due(self) -> None:
        """Put the chunk that gathers into the file if it is old enough."""
        if self._due is not None and time.monotonic() >= self._due:
            self.flush()

    def flush(self) -> None:
        """Put everything written so far into the file."""
        self._due = None
        if self._reads:
            self._end_reads()
        self._file.end_chunk()

    def close(self) -> None:
        """Write the rest and the summary. Raises :class:`RecordingFailed`, the file then closed."""
        try:
            self.flush()
        finally:
            self._file.close()

    def __enter__(self) -> RecordingWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _began(self) -> None:
        if self._file.chunk_size >= self._chunk_bytes:
            self.flush()
        elif self._due is None:
            self._due = time.monotonic() + self._chunk_s
        elif time.monotonic() >= self._due:
            self.flush()

    def _event(self, event: AnyEvent) -> None:
        parts = self._messages.encode(event)
        alone = sum(map(len, parts)) >= ALONE
        if alone:
            self._end_chunk_before(event)
        key = (event.topic, type(event.payload))
        channel = self._channels.get(key)
        if channel is None:
            channel = self._channels[key] = self._add_event_channel(*key)
        self._file.add_message(
            channel, event.sequence, _clamped(event.creation_time),
            _clamped(event.originating_time), *parts,
        )  # fmt: skip
        self.written[event.topic] += 1
        if alone:
            self._file.end_chunk()

    def _end_chunk_before(self, event: AnyEvent) -> None:
        try:
            self._file.end_chunk()
        except RecordingFailed:
            self._refused[event.topic] += 1
            raise

    def _end_reads(self) -> None:
        reads, self._reads = self._reads, []
        if self._reads_chunk != self._file.chunks:
            self._reads_chunk, self._reads_gathered = self._file.chunks, 0
        self._reads_gathered += len(reads)
        self._own(CLOCK, reads[-1][1], _encode(ClockReads(reads)))

    def _own(self, kind: Kind, at: int, data: bytes) -> None:
        channel = self._own_channels.get(kind)
        if channel is None:
            schema = self._schema(kind.schema_name, json.dumps(kind.schema()).encode())
            metadata = {"kind": kind.name}
            channel = self._file.add_channel(kind.topic, schema, "json", metadata)
            self._own_channels[kind] = channel
        time = _clamped(at)
        self._file.add_message(channel, self.written[kind.topic], time, time, data)
        self.written[kind.topic] += 1

    def _add_event_channel(self, topic: str, payload_type: type[Payload]) -> int:
        try:
            topic.encode()
        except UnicodeEncodeError:
            raise PayloadError(f"topic {topic!r:.40} cannot be written") from None
        schema = self._schema(*self._messages.schema(payload_type))
        metadata = {"kind": "event", "type": payload_type.type_name}
        return self._file.add_channel(topic, schema, "json", metadata)

    def _schema(self, name: str, data: bytes) -> int:
        if name not in self._schemas:
            self._schemas[name] = self._file.add_schema(name, "jsonschema", data)
        return self._schemas[name]


def _clamped(at: int) -> int:
    """A time as MCAP can hold it: the envelope has it exactly."""
    return min(max(at, 0), MAX_TIME)
