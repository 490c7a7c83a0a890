"""The records of an MCAP file as bytes (https://mcap.dev/spec, version 0).

A file is: magic, Header, the data section (Chunks with their MessageIndexes, Metadata), DataEnd,
the summary section, Footer, magic. Numbers are little-endian; a record is its opcode (1 byte), its
length (8 bytes) and its content. This module knows bytes only; see ``file`` for the order.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum

MAGIC = b"\x89MCAP0\r\n"
RECORD_HEAD = struct.Struct("<BQ")
MESSAGE_HEAD = struct.Struct("<BQHIQQ")
"""Opcode, length, channel, sequence, log time, publish time; the data follows."""
MESSAGE_FIXED = MESSAGE_HEAD.size - RECORD_HEAD.size
MAX_CHANNELS = 65_535
MAX_TIME = 2**64 - 1


class Opcode(IntEnum):
    """First byte of a record."""

    HEADER = 0x01
    FOOTER = 0x02
    SCHEMA = 0x03
    CHANNEL = 0x04
    MESSAGE = 0x05
    CHUNK = 0x06
    MESSAGE_INDEX = 0x07
    CHUNK_INDEX = 0x08
    STATISTICS = 0x0B
    METADATA = 0x0C
    METADATA_INDEX = 0x0D
    SUMMARY_OFFSET = 0x0E
    DATA_END = 0x0F


@dataclass(frozen=True, slots=True)
class ChunkFacts:
    """What the summary says of one chunk."""

    start_time: int
    end_time: int
    offset: int
    """Of the Chunk record in the file."""
    length: int
    """Of the Chunk record."""
    index_offsets: Mapping[int, int]
    """Offset in the file of each channel's MessageIndex."""
    index_length: int
    compression: str
    compressed_size: int
    uncompressed_size: int


def record(opcode: Opcode, content: bytes) -> bytes:
    """One record."""
    return RECORD_HEAD.pack(opcode, len(content)) + content


def header(profile: str, library: str) -> bytes:
    """The first record of a file."""
    return record(Opcode.HEADER, text(profile) + text(library))


def schema(schema_id: int, name: str, encoding: str, data: bytes) -> bytes:
    """Says what messages of a channel look like."""
    content = struct.pack("<H", schema_id) + text(name) + text(encoding)
    return record(Opcode.SCHEMA, content + struct.pack("<I", len(data)) + data)


def channel(
    channel_id: int, schema_id: int, topic: str, encoding: str, metadata: Mapping[str, str]
) -> bytes:
    """A stream of messages of one topic and one schema."""
    content = struct.pack("<HH", channel_id, schema_id) + text(topic) + text(encoding)
    return record(Opcode.CHANNEL, content + text_map(metadata))


def chunk_head(
    start_time: int, end_time: int, size: int, crc: int, compression: str, stored: int
) -> bytes:
    """All of a Chunk record but the ``stored`` bytes of (compressed) records that end it."""
    content = struct.pack("<QQQI", start_time, end_time, size, crc) + text(compression)
    content += struct.pack("<Q", stored)
    return RECORD_HEAD.pack(Opcode.CHUNK, len(content) + stored) + content


def message_index(channel_id: int, entries: list[int]) -> bytes:
    """Where a channel's messages lie in the chunk: log time and offset by turns."""
    content = struct.pack(f"<HI{len(entries)}Q", channel_id, 8 * len(entries), *entries)
    return record(Opcode.MESSAGE_INDEX, content)


def chunk_index(facts: ChunkFacts) -> bytes:
    """Where a chunk lies in the file."""
    offsets = b"".join(struct.pack("<HQ", *pair) for pair in facts.index_offsets.items())
    content = struct.pack("<4Q", facts.start_time, facts.end_time, facts.offset, facts.length)
    content += struct.pack("<I", len(offsets)) + offsets + struct.pack("<Q", facts.index_length)
    content += text(facts.compression)
    content += struct.pack("<QQ", facts.compressed_size, facts.uncompressed_size)
    return record(Opcode.CHUNK_INDEX, content)


def metadata(name: str, values: Mapping[str, str]) -> bytes:
    """Named text beside the messages."""
    return record(Opcode.METADATA, text(name) + text_map(values))


def metadata_index(offset: int, length: int, name: str) -> bytes:
    """Where a Metadata record lies in the file."""
    return record(Opcode.METADATA_INDEX, struct.pack("<QQ", offset, length) + text(name))


def statistics(
    schemas: int,
    metadata_records: int,
    chunks: int,
    start: int,
    end: int,
    counts: Mapping[int, int],
) -> bytes:
    """How much there is; ``counts`` are messages by channel."""
    content = struct.pack(
        "<QHIIIIQQ", sum(counts.values()), schemas, len(counts), 0, metadata_records, chunks,
        start, end,
    )  # fmt: skip
    pairs = b"".join(struct.pack("<HQ", *pair) for pair in counts.items())
    return record(Opcode.STATISTICS, content + struct.pack("<I", len(pairs)) + pairs)


def summary_offset(group: Opcode, start: int, length: int) -> bytes:
    """Where in the summary the records of one kind lie."""
    return record(Opcode.SUMMARY_OFFSET, struct.pack("<BQQ", group, start, length))


def data_end(crc: int = 0) -> bytes:
    """Ends the data section; a crc of 0 means that none was worked out."""
    return record(Opcode.DATA_END, struct.pack("<I", crc))


def footer_head(summary_start: int, offsets_start: int) -> bytes:
    """The Footer without its last four bytes: the summary's crc, which covers them."""
    return RECORD_HEAD.pack(Opcode.FOOTER, 20) + struct.pack("<QQ", summary_start, offsets_start)


def text(value: str) -> bytes:
    """A string with its length."""
    encoded = value.encode("utf-8", "replace")
    return struct.pack("<I", len(encoded)) + encoded


def text_map(values: Mapping[str, str]) -> bytes:
    """A map of strings with its length in bytes."""
    return _prefixed(text(key) + text(value) for key, value in values.items())


def _prefixed(parts: Iterable[bytes]) -> bytes:
    content = b"".join(parts)
    return struct.pack("<I", len(content)) + content
