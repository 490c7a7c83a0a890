"""A strict reading of an MCAP file, written from the specification alone (https://mcap.dev/spec).

Every offset, length, count and checksum is worked out anew and compared; nothing of ours is used.
"""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from typing import Any

import lz4.frame
import zstandard

MAGIC = b"\x89MCAP0\r\n"
HEADER, FOOTER, SCHEMA, CHANNEL, MESSAGE, CHUNK, MESSAGE_INDEX, CHUNK_INDEX = range(1, 9)
STATISTICS, METADATA, METADATA_INDEX, SUMMARY_OFFSET, DATA_END = 11, 12, 13, 14, 15
IN_SUMMARY = {SCHEMA, CHANNEL, STATISTICS, CHUNK_INDEX, METADATA_INDEX}
Record = tuple[int, int, bytes]  # offset in the file, opcode, content


class Fields:
    """Takes values off the front of a record's content; all of it has to be taken."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, layout: str) -> Any:
        values = struct.unpack_from("<" + layout, self.data, self.at)
        self.at += struct.calcsize("<" + layout)
        return values[0] if len(values) == 1 else values

    def blob(self, size: str = "I") -> bytes:
        count = self.take(size)
        found = self.data[self.at : self.at + count]
        assert len(found) == count
        self.at += count
        return found

    def text(self) -> str:
        return self.blob().decode()

    def pairs(self, layout: str) -> list[tuple[int, int]]:
        inner, found = Fields(self.blob()), []
        while inner.at < len(inner.data):
            found.append(inner.take(layout))
        return found

    def texts(self) -> dict[str, str]:
        inner, found = Fields(self.blob()), {}
        while inner.at < len(inner.data):
            key = inner.text()
            assert key not in found
            found[key] = inner.text()
        return found

    def end(self) -> None:
        assert self.at == len(self.data), "a record is longer than its fields"


def records_of(data: bytes, start: int, end: int) -> list[Record]:
    """The records between two offsets, which they fill exactly."""
    found, at = [], start
    while at < end:
        opcode, length = struct.unpack_from("<BQ", data, at)
        assert at + 9 + length <= end, "a record goes beyond its section"
        found.append((at, opcode, data[at + 9 : at + 9 + length]))
        at += 9 + length
    return found


class Data:
    """What the data section holds."""

    def __init__(self) -> None:
        self.schemas: dict[int, bytes] = {}
        self.channels: dict[int, bytes] = {}
        self.counts: Counter[int] = Counter()
        self.times: list[int] = []
        self.chunks: list[tuple[Any, ...]] = []
        self.metadata: list[tuple[int, int, str]] = []


def check(data: bytes) -> Data:
    """Raises AssertionError where the file is not as the specification has it."""
    assert data[:8] == MAGIC == data[-8:]
    footer = len(data) - 8 - 29
    assert struct.unpack_from("<BQ", data, footer) == (FOOTER, 20)
    summary, offsets, crc = struct.unpack_from("<QQI", data, footer + 9)
    assert crc == zlib.crc32(data[summary : footer + 25])
    found = Data()
    section = records_of(data, 8, summary)
    assert section[0][1] == HEADER
    assert section[-1][1] == DATA_END
    end_crc = struct.unpack("<I", section[-1][2])[0]
    assert end_crc in (0, zlib.crc32(data[: section[-1][0]]))
    header = Fields(section[0][2])
    header.text(), header.text(), header.end()
    _check_data(data, section[1:-1], found)
    _check_summary(data, summary, offsets, footer, found)
    return found


def _check_data(data: bytes, section: list[Record], found: Data) -> None:
    waiting = list(section)
    while waiting:
        at, opcode, content = waiting.pop(0)
        if opcode == METADATA:
            fields = Fields(content)
            name, _ = fields.text(), fields.texts()
            fields.end()
            found.metadata.append((at, 9 + len(content), name))
            continue
        assert opcode == CHUNK, f"opcode {opcode} in the data section"
        indexes = []
        while waiting and waiting[0][1] == MESSAGE_INDEX:
            indexes.append(waiting.pop(0))
        _check_chunk(at, content, indexes, found)


def _check_chunk(at: int, content: bytes, indexes: list[Record], found: Data) -> None:
    fields = Fields(content)
    start, end, size, crc = fields.take("QQQI")
    compression, stored = fields.text(), fields.blob("Q")
    fields.end()
    if compression == "zstd":
        records = zstandard.ZstdDecompressor().decompress(stored)
    else:
        records = lz4.frame.decompress(stored) if compression == "lz4" else stored
    assert compression in ("", "zstd", "lz4")
    assert len(records) == size
    assert zlib.crc32(records) == crc != 0
    times: dict[int, list[tuple[int, int]]] = {}
    for place, opcode, inner in records_of(records, 0, size):
        one = Fields(inner)
        if opcode == SCHEMA:
            number = one.take("H")
            one.text(), one.text(), one.blob(), one.end()
            assert number != 0
            assert found.schemas.setdefault(number, inner) == inner
        elif opcode == CHANNEL:
            number, schema = one.take("HH")
            one.text(), one.text(), one.texts(), one.end()
            assert schema in found.schemas
            assert found.channels.setdefault(number, inner) == inner
        else:
            assert opcode == MESSAGE
            number, _, log_time, _ = one.take("HIQQ")
            assert number in found.channels
            times.setdefault(number, []).append((log_time, place))
            found.counts[number] += 1
            found.times.append(log_time)
    logged = [time for entries in times.values() for time, _ in entries]
    assert (start, end) == (min(logged, default=0), max(logged, default=0))
    places: dict[int, int] = {}
    length = 0
    for place, _, inner in indexes:
        one = Fields(inner)
        number, entries = one.take("H"), one.pairs("QQ")
        one.end()
        assert number not in places
        assert entries == times[number]
        places[number] = place
        length += 9 + len(inner)
    assert places.keys() == times.keys(), "one index for each channel in the chunk"
    found.chunks.append(
        (start, end, at, 9 + len(content), places, length, compression, len(stored), size)
    )


def _check_summary(data: bytes, summary: int, offsets: int, footer: int, found: Data) -> None:
    groups: dict[int, list[Record]] = {}
    last = 0
    for record in records_of(data, summary, offsets):
        assert record[1] == last or record[1] not in groups, "records of a kind stand together"
        last = record[1]
        groups.setdefault(last, []).append(record)
    assert groups.keys() <= IN_SUMMARY
    for at, opcode, content in records_of(data, offsets, footer):
        assert opcode == SUMMARY_OFFSET
        group, start, length = struct.unpack("<BQQ", content)
        held = groups.pop(group)
        assert start == held[0][0], at
        assert length == held[-1][0] + 9 + len(held[-1][2]) - start
        _check_group(group, [inner for _, _, inner in held], found)
    assert not groups, "an offset for every group"


def _check_group(group: int, contents: list[bytes], found: Data) -> None:
    if group == SCHEMA:
        assert contents == list(found.schemas.values())
    elif group == CHANNEL:
        assert contents == list(found.channels.values())
    elif group == METADATA_INDEX:
        made = [(*struct.unpack_from("<QQ", one), Fields(one[16:]).text()) for one in contents]
        assert made == found.metadata
    elif group == CHUNK_INDEX:
        assert [_chunk_index(one) for one in contents] == found.chunks
    else:
        (content,) = contents
        one = Fields(content)
        head, counts = one.take("QHIIIIQQ"), dict(one.pairs("HQ"))
        one.end()
        assert head == (
            len(found.times), len(found.schemas), len(found.channels), 0, len(found.metadata),
            len(found.chunks), min(found.times, default=0), max(found.times, default=0),
        )  # fmt: skip
        assert {number: n for number, n in counts.items() if n} == found.counts
        assert counts.keys() == found.channels.keys()


def _chunk_index(content: bytes) -> tuple[Any, ...]:
    one = Fields(content)
    start, end, at, length = one.take("4Q")
    places, index_length = dict(one.pairs("HQ")), one.take("Q")
    compression, stored, size = one.text(), one.take("Q"), one.take("Q")
    one.end()
    return start, end, at, length, places, index_length, compression, stored, size
