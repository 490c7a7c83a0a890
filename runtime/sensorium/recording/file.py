"""Writing an MCAP file, only ever by appending whole chunks.

Messages gather in a chunk in memory; :meth:`McapFile.end_chunk` compresses it and appends it in
one write, unbuffered, so that whatever happens to the process the file ends with a whole chunk
or within one that a reader can tell is not. Everything before it can be read.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from sensorium.errors import PayloadError, RecordingFailed
from sensorium.recording import format  # noqa: A004 - the format of the file
from sensorium.recording.compression import Compression, compressor
from sensorium.recording.format import ChunkFacts, Opcode

PROFILE = "sensorium"

Part = bytes | memoryview

_AT_ONCE = 512  # parts in one write; the system takes 1024
_JOIN_FROM = 128  # parts of a chunk


class McapFile:
    """An MCAP file that is being written. Use it as a context manager, or :meth:`close` it.

    Raises :class:`RecordingFailed` when the file exists already, cannot be made, or the disk is
    full; the file then holds all chunks before the one that failed.
    """

    def __init__(
        self, path: Path, *, library: str, compression: Compression = "zstd", profile: str = PROFILE
    ) -> None:
        self.path = path
        self.messages = 0
        self._compression, self._compress = compressor(compression)
        self._schemas: list[bytes] = []
        self._channels: list[bytes] = []
        self._counts: dict[int, int] = {}
        self._chunks = 0
        self._chunk_indexes = bytearray()  # as they will stand in the file: there are many
        self._metadata: list[bytes] = []
        self._kept = (0, 0)  # schemas and channels that are in the file
        self._span = _Span()
        self._parts: list[Part] = []
        self._size = 0
        self._chunk_span = _Span()
        self._entries: dict[int, list[int]] = {}
        self._file = _create(path)
        self._end = 0
        self._broken = False
        self._append([format.MAGIC, format.header(profile, library)])

    @property
    def chunk_size(self) -> int:
        """Bytes in the chunk that gathers, before compression."""
        return self._size

    @property
    def chunks(self) -> int:
        """Chunks in the file."""
        return self._chunks

    @property
    def size(self) -> int:
        """Bytes in the file."""
        return self._end

    def unsaved(self) -> dict[int, int]:
        """Messages in the chunk that gathers, by channel."""
        return {channel: len(entries) // 2 for channel, entries in self._entries.items()}

    def add_schema(self, name: str, encoding: str, data: bytes) -> int:
        """Register a schema; returns its id."""
        schema_id = len(self._schemas) + 1
        self._schemas.append(format.schema(schema_id, name, encoding, data))
        self._gather(self._schemas[-1])
        return schema_id

    def add_channel(
        self, topic: str, schema_id: int, encoding: str, metadata: Mapping[str, str]
    ) -> int:
        """Register a channel; returns its id. Raises :class:`PayloadError` when all are taken."""
        channel_id = len(self._channels) + 1
        if channel_id > format.MAX_CHANNELS:
            raise PayloadError(f"a recording has at most {format.MAX_CHANNELS} channels")
        record = format.channel(channel_id, schema_id, topic, encoding, metadata)
        self._channels.append(record)
        self._counts[channel_id] = 0
        self._gather(record)
        return channel_id

    def add_message(
        self, channel_id: int, sequence: int, log_time: int, publish_time: int, *data: Part
    ) -> None:
        """Add one message, whose data are these parts in a row, to the chunk that gathers."""
        length = sum(map(len, data))
        head = format.MESSAGE_HEAD.pack(
            Opcode.MESSAGE, format.MESSAGE_FIXED + length, channel_id, sequence & 0xFFFFFFFF,
            log_time, publish_time,
        )  # fmt: skip
        try:
            self._entries[channel_id] += (log_time, self._size)
        except KeyError:
            self._entries[channel_id] = [log_time, self._size]
        self._parts.append(head)
        self._parts += data
        self._size += format.MESSAGE_HEAD.size + length
        self._chunk_span.add(log_time)

    def add_metadata(self, name: str, values: Mapping[str, str]) -> None:
        """Append a Metadata record, after the chunk that gathers."""
        self.end_chunk()
        record = format.metadata(name, values)
        offset = self._end
        self._append([record])
        self._metadata.append(format.metadata_index(offset, len(record), name))

    def end_chunk(self) -> None:
        """Append what has gathered to the file, as one chunk."""
        if not self._size or self._broken:
            return
        size, span, entries = self._size, self._chunk_span, self._entries
        stored, crc = self._stored()
        stored_size = sum(map(len, stored))
        head = format.chunk_head(span.start, span.end, size, crc, self._compression, stored_size)
        indexes = [format.message_index(*entry) for entry in entries.items()]
        length = len(head) + stored_size
        offset = self._end
        self._append([head, *stored, *indexes])
        places, place = {}, offset + length
        for channel_id, index in zip(entries, indexes, strict=True):
            places[channel_id] = place
            place += len(index)
            self._counts[channel_id] += len(entries[channel_id]) // 2
        self.messages += sum(len(one) // 2 for one in entries.values())
        facts = ChunkFacts(
            span.start, span.end, offset, length, places, place - offset - length,
            self._compression, stored_size, size,
        )  # fmt: skip
        self._chunk_indexes += format.chunk_index(facts)
        self._chunks += 1
        self._span.add_all(span)
        self._kept = (len(self._schemas), len(self._channels))
        self._parts, self._entries, self._size, self._chunk_span = [], {}, 0, _Span()

    def _stored(self) -> tuple[list[Part], int]:
        """The chunk's records as they go to the file, and the crc of what they were."""
        if self._compression or len(self._parts) > _JOIN_FROM:
            records = b"".join(self._parts)
            return [self._compress(records)], zlib.crc32(records)
        crc = 0
        for part in self._parts:  # a few large ones: pictures are not copied once more
            crc = zlib.crc32(part, crc)
        return self._parts, crc

    def close(self) -> None:
        """End the file with its summary. After a failure the chunks before it are what is kept."""
        if self._file < 0:
            return
        try:
            self.end_chunk()
            self._append(self._summary())
        finally:
            os.close(self._file)
            self._file = -1

    def abandon(self) -> None:
        """Close the file as it is, without a summary, as a crash would leave it."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> McapFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def _gather(self, record: bytes) -> None:
        self._parts.append(record)
        self._size += len(record)

    def _append(self, parts: list[Part]) -> None:
        """Write all parts or none."""
        left = [memoryview(part) for part in parts]
        total = sum(map(len, left))
        try:
            while left:
                _drop_front(left, os.writev(self._file, left[:_AT_ONCE]))
        except OSError as error:
            self._broken = True
            with suppress(OSError):  # a disk that is gone: what is there stays
                os.ftruncate(self._file, self._end)
                os.lseek(self._file, self._end, os.SEEK_SET)
            raise RecordingFailed(f"{self.path} cannot be written any further: {error}") from error
        self._end += total

    def _summary(self) -> list[Part]:
        """Everything after the data section."""
        schemas, channels = self._kept
        span, counts = self._span, {n: self._counts[n] for n in range(1, channels + 1)}
        groups: list[tuple[Opcode, list[bytes]]] = [
            (Opcode.SCHEMA, self._schemas[:schemas]),
            (Opcode.CHANNEL, self._channels[:channels]),
            (Opcode.STATISTICS, [
                format.statistics(schemas, len(self._metadata), self._chunks,
                                  span.start, span.end, counts)]),
            (Opcode.CHUNK_INDEX, [bytes(self._chunk_indexes)] * bool(self._chunks)),
            (Opcode.METADATA_INDEX, self._metadata),
        ]  # fmt: skip
        end = format.data_end()
        start = place = self._end + len(end)
        summary, offsets = [], []
        for opcode, records in groups:
            if records:
                group = b"".join(records)
                summary.append(group)
                offsets.append(format.summary_offset(opcode, place, len(group)))
                place += len(group)
        head = format.footer_head(start, place)
        crc = zlib.crc32(b"".join([*summary, *offsets, head]))
        return [end, *summary, *offsets, head, crc.to_bytes(4, "little"), format.MAGIC]


class _Span:
    """First and last log time; both 0 when there is none."""

    __slots__ = ("any", "end", "start")

    def __init__(self) -> None:
        self.any = False
        self.start = self.end = 0

    def add(self, time: int) -> None:
        if not self.any:
            self.any = True
            self.start = self.end = time
        elif time > self.end:
            self.end = time
        elif time < self.start:
            self.start = time

    def add_all(self, other: _Span) -> None:
        if other.any:
            self.add(other.start)
            self.add(other.end)


def _drop_front(parts: list[memoryview], count: int) -> None:
    """Take the first ``count`` bytes off."""
    while parts and count >= len(parts[0]):
        count -= len(parts.pop(0))
    if count:
        parts[0] = parts[0][count:]


def _create(path: Path) -> int:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise RecordingFailed(f"the folder {path.parent} cannot be made: {error}") from error
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    except FileExistsError:
        raise RecordingFailed(
            f"{path} exists already, and a recording overwrites nothing: remove it, or name another"
            " ({time} in the name stands for the time of recording)"
        ) from None
    except (OSError, ValueError) as error:
        raise RecordingFailed(f"{path} cannot be written: {error}") from error
