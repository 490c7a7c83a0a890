"""Reading the records of an MCAP file. Nothing in it is trusted.

Every function raises ValueError for content that is not what the specification says.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from sensorium.recording.compression import beginning, decompress
from sensorium.recording.format import MESSAGE_FIXED, MESSAGE_HEAD, RECORD_HEAD, Opcode

BEGINNING = 132 * 1024
"""Bytes of a chunk that hold a whole block of any compression, and what stands before it."""

_MESSAGE = struct.Struct("<HIQQ")
_CHUNK = struct.Struct("<QQQI")


@dataclass(frozen=True, slots=True)
class Schema:
    """What messages of a channel look like."""

    id: int
    name: str
    encoding: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Channel:
    """One stream of messages."""

    id: int
    schema_id: int
    topic: str
    encoding: str
    metadata: dict[str, str]


@dataclass(frozen=True, slots=True)
class RawMessage:
    """One message as it stands in the file."""

    channel_id: int
    sequence: int
    log_time: int
    publish_time: int
    data: bytes


class Cursor:
    """Takes values off the front of some bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.place = 0

    @property
    def left(self) -> int:
        """Bytes that have not been taken."""
        return len(self._data) - self.place

    def take(self, count: int) -> bytes:
        """The next ``count`` bytes."""
        if count > self.left:
            raise ValueError(f"it ends after {self.left} of {count} bytes")
        self.place += count
        return self._data[self.place - count : self.place]

    def number(self, size: int) -> int:
        """An unsigned number of ``size`` bytes."""
        return int.from_bytes(self.take(size), "little")

    def unpack(self, layout: struct.Struct) -> tuple[int, ...]:
        """Several numbers."""
        return layout.unpack(self.take(layout.size))

    def text(self) -> str:
        """A string with its length before it."""
        return self.take(self.number(4)).decode()

    def text_map(self) -> dict[str, str]:
        """A map of strings."""
        inner = Cursor(self.take(self.number(4)))
        found = {}
        while inner.left:
            key = inner.text()
            found[key] = inner.text()
        return found


def header(content: bytes) -> tuple[str, str]:
    """Profile and library of a Header."""
    cursor = Cursor(content)
    return cursor.text(), cursor.text()


def metadata(content: bytes) -> tuple[str, dict[str, str]]:
    """Name and values of a Metadata record."""
    cursor = Cursor(content)
    return cursor.text(), cursor.text_map()


def index_head(content: bytes) -> tuple[int, int]:
    """Of a MessageIndex, the channel and the bytes of its entries."""
    cursor = Cursor(content)
    return cursor.number(2), cursor.number(4)


def only_message(content: bytes, length: int) -> tuple[int, int] | None:
    """Channel and log time of the message that is all there is in a Chunk; None if that is not so.

    ``content`` may be the beginning only, :data:`BEGINNING` bytes, of a Chunk of ``length``. What
    follows the message's head is not looked at.
    """
    cursor = Cursor(content)
    _, _, size, _ = cursor.unpack(_CHUNK)
    compression, stored = cursor.text(), cursor.number(8)
    if stored != length - cursor.place:
        return None
    head = beginning(compression, cursor.take(min(stored, cursor.left)), MESSAGE_HEAD.size)
    if len(head) < MESSAGE_HEAD.size:
        return None
    opcode, record, channel, _, log_time, _ = MESSAGE_HEAD.unpack(head)
    if opcode != Opcode.MESSAGE or record < MESSAGE_FIXED or RECORD_HEAD.size + record != size:
        return None
    return channel, log_time


def schema(content: bytes) -> Schema:
    """A Schema."""
    cursor = Cursor(content)
    number, name, encoding = cursor.number(2), cursor.text(), cursor.text()
    return Schema(number, name, encoding, cursor.take(cursor.number(4)))


def channel(content: bytes) -> Channel:
    """A Channel."""
    cursor = Cursor(content)
    number, schema_id = cursor.number(2), cursor.number(2)
    return Channel(number, schema_id, cursor.text(), cursor.text(), cursor.text_map())


def chunk(content: bytes) -> bytes:
    """The records within a Chunk, decompressed and checked against its crc."""
    cursor = Cursor(content)
    _, _, size, crc = cursor.unpack(_CHUNK)
    compression = cursor.text()
    records = decompress(compression, cursor.take(cursor.number(8)), size)
    if crc and zlib.crc32(records) != crc:
        raise ValueError("the chunk's bytes do not have the checksum they were written with")
    return records


def records(data: bytes) -> Iterator[Schema | Channel | RawMessage]:
    """The Schemas, Channels and Messages within a chunk, in order."""
    place, end = 0, len(data)
    while place < end:
        if place + RECORD_HEAD.size > end:
            raise ValueError("the chunk ends within a record")
        opcode, length = RECORD_HEAD.unpack_from(data, place)
        place += RECORD_HEAD.size
        if length > end - place:
            raise ValueError("the chunk ends within a record")
        start, place = place, place + length
        if opcode == Opcode.MESSAGE:
            if length < MESSAGE_FIXED:
                raise ValueError("a message is shorter than its head")
            number, sequence, log_time, publish_time = _MESSAGE.unpack_from(data, start)
            body = data[start + MESSAGE_FIXED : place]
            yield RawMessage(number, sequence, log_time, publish_time, body)
        elif opcode == Opcode.SCHEMA:
            yield schema(data[start:place])
        elif opcode == Opcode.CHANNEL:
            yield channel(data[start:place])
