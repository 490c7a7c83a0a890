"""Files that were cut off or damaged: read to where they can be, and never believed."""

from __future__ import annotations

import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import example, given
from hypothesis import strategies as st
from mcap.exceptions import EndOfFile
from mcap.records import Message
from mcap.stream_reader import StreamReader
from recorded import a_bit_of_everything

from sensorium.errors import RecordingError, SourceUnavailable
from sensorium.payloads import PayloadRegistry
from sensorium.recording import format  # noqa: A004 - the format of the file
from sensorium.recording.compression import MAX_CHUNK
from sensorium.recording.digest import event_digest
from sensorium.recording.file import PROFILE
from sensorium.recording.layout import read_layout
from sensorium.recording.reader import open_recording
from sensorium.recording.writer import LIBRARY

REGISTRY = PayloadRegistry()
EVENTS = a_bit_of_everything(24)
DIGESTS = [event_digest(one) for one in EVENTS]
HEADER = len(format.MAGIC + format.header(PROFILE, LIBRARY))
Record = Callable[..., Path]


@pytest.fixture
def chunked(record: Record) -> Path:
    return record(EVENTS, chunk_bytes=3000)


def chunk_ends(path: Path) -> list[int]:
    with path.open("rb") as file:
        layout = read_layout(file.fileno(), path)
    return [chunk.start + chunk.length for chunk in layout.chunks]


def read(path: Path) -> tuple[list[str], str]:
    """Digests of the events that can be read, and what was then wrong."""
    found: list[str] = []
    try:
        with open_recording(path, payloads=REGISTRY) as recording:
            for one in recording.events():
                found.append(event_digest(one))
    except RecordingError as error:
        return found, str(error)
    return found, ""


def test_cut_off_anywhere_it_reads_to_the_last_whole_chunk(chunked: Path, tmp_path: Path) -> None:
    whole, ends = chunked.read_bytes(), chunk_ends(chunked)
    assert len(ends) > 4
    per_end = {}
    for length in range(len(format.MAGIC), len(whole), 97):
        path = tmp_path / "cut.mcap"
        path.write_bytes(whole[:length])
        found, wrong = read(path)
        if length < HEADER:
            assert "cut off before anything was recorded" in wrong
            continue
        assert wrong == ""
        chunks = sum(end <= length for end in ends)
        assert found == DIGESTS[: len(found)]
        assert per_end.setdefault(chunks, len(found)) == len(found)
        with open_recording(path) as recording:
            assert not recording.whole
    assert list(per_end.values()) == sorted(set(per_end.values()))
    assert per_end[len(ends)] == len(DIGESTS)


def test_the_mcap_package_reads_what_was_cut_off_as_far(chunked: Path, tmp_path: Path) -> None:
    whole, ends = chunked.read_bytes(), chunk_ends(chunked)
    path = tmp_path / "cut.mcap"
    path.write_bytes(whole[: ends[2] + 100])
    ours, _ = read(path)
    theirs = []
    with path.open("rb") as file, suppress(EndOfFile, struct.error):
        theirs.extend(StreamReader(file, validate_crcs=True).records)
    assert sum(isinstance(one, Message) for one in theirs) == len(ours) > 0


@example(place=0.5, value=0)
@given(place=st.floats(0, 1, exclude_max=True), value=st.integers(0, 255))
def test_one_wrong_byte(record: Record, place: float, value: int) -> None:
    """Found, or in a part that no reading depends on; what is read is right up to there."""
    path = record(EVENTS, chunk_bytes=3000)
    data = bytearray(path.read_bytes())
    data[int(place * len(data))] = value
    broken = path.with_name("broken.mcap")
    broken.write_bytes(data)
    path.unlink()
    found, wrong = read(broken)
    assert found == DIGESTS[: len(found)]
    if not wrong and len(found) < len(DIGESTS):
        with open_recording(broken, payloads=REGISTRY) as recording:
            assert not recording.whole


@pytest.mark.parametrize("opcode", [one for one in range(256) if one != format.Opcode.CHUNK])
def test_a_chunk_that_says_it_is_something_else(chunked: Path, opcode: int) -> None:
    """It is not passed over, with all that is in it, as a record that nobody knows is."""
    data = bytearray(chunked.read_bytes())
    with chunked.open("rb") as file:
        start = read_layout(file.fileno(), chunked).chunks[2].start
    data[start - format.RECORD_HEAD.size] = opcode
    chunked.write_bytes(data)
    found, wrong = read(chunked)
    assert wrong
    assert 0 < len(found) < len(DIGESTS)
    assert found == DIGESTS[: len(found)]


def test_records_of_others_between_the_chunks_are_passed_over(chunked: Path) -> None:
    """Attachments, and private records (opcodes from 0x80)."""
    whole, (first, *_) = chunked.read_bytes(), chunk_ends(chunked)
    start = HEADER
    assert first > start
    extra = b"".join(format.RECORD_HEAD.pack(one, 3) + b"abc" for one in (0x09, 0x80, 0xFF))
    chunked.write_bytes(whole[:start] + extra + whole[start:])
    assert read(chunked) == (DIGESTS, "")


@given(st.binary(max_size=400))
def test_nonsense_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "nonsense.mcap"
    path.write_bytes(format.MAGIC + format.header("sensorium", "x") + data)
    found, _ = read(path)
    assert found == []


def chunk_of(records: bytes, *, size: int | None = None, stored: bytes | None = None) -> bytes:
    held = zstandard.compress(records) if stored is None else stored
    count = len(records) if size is None else size
    return format.chunk_head(0, 0, count, 0, "zstd", len(held)) + held


CHANNEL = format.schema(1, "sensorium.text", "jsonschema", b"{}") + format.channel(
    1, 1, "a", "json", {"kind": "event", "type": "text"}
)


def message(data: bytes, channel: int = 1) -> bytes:
    head = format.MESSAGE_HEAD.pack(5, format.MESSAGE_FIXED + len(data), channel, 0, 0, 0)
    return head + data


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (chunk_of(b"x" * 2000, size=MAX_CHUNK + 1), "over the limit"),
        (chunk_of(b"x" * 2000, size=1000), "where the chunk says 1000"),
        (chunk_of(b"", size=MAX_CHUNK, stored=zstandard.compress(b"")), "where the chunk says"),
        (chunk_of(b"", size=9, stored=b"nonsense"), "frame"),
        (chunk_of(message(b"{}")), "unknown channel 1"),
        (chunk_of(CHANNEL + b"\x05\x01"), "ends within a record"),
        (chunk_of(CHANNEL + format.record(format.Opcode.MESSAGE, b"")), "shorter than its head"),
        (chunk_of(CHANNEL + format.channel(1, 1, "b", "json", {})), "defined twice"),
        (chunk_of(CHANNEL + message(b"{")), "not the message of an event"),
        (chunk_of(CHANNEL + message(b"[]")), "no _event"),
        (chunk_of(CHANNEL + message(b'{"_event":{}}')), "missing required field"),
        (
            chunk_of(
                CHANNEL
                + message(
                    b'{"_event":{"type":"text","source":"a","sequence":0,"root":"","parents":[],'
                    b'"originating_time":0,"creation_time":0},"text":5}'
                )
            ),
            "not a text: text",
        ),
        (
            chunk_of(
                format.schema(1, "x", "", b"")
                + format.channel(1, 1, "a/#", "json", {"kind": "event", "type": "text"})
                + message(b"{}")
            ),
            "bad topic",
        ),
        (
            chunk_of(
                format.schema(1, "x", "", b"")
                + format.channel(1, 1, "a", "ros1", {"kind": "event"})
                + message(b"{}")
            ),
            "unknown kind",
        ),
    ],
)
def test_a_file_that_lies(tmp_path: Path, content: bytes, what: str) -> None:
    path = tmp_path / "liar.mcap"
    path.write_bytes(format.MAGIC + format.header("sensorium", "x") + content)
    _, wrong = read(path)
    assert what in wrong
    assert f"{path}, byte " in wrong


def test_a_wrong_checksum_is_named_with_its_place(chunked: Path) -> None:
    data = bytearray(chunked.read_bytes())
    start, length = 0, 0
    with chunked.open("rb") as file:
        chunk = read_layout(file.fileno(), chunked).chunks[2]
        start, length = chunk.start, chunk.length
    data[start + 24] ^= 0xFF  # its crc
    chunked.write_bytes(data)
    found, wrong = read(chunked)
    assert 0 < len(found) < len(DIGESTS)
    assert f"byte {start}: the chunk's bytes do not have the checksum" in wrong
    assert length > 0


def test_a_length_beyond_the_end_in_a_file_that_was_closed(chunked: Path) -> None:
    data = bytearray(chunked.read_bytes())
    with chunked.open("rb") as file:
        start = read_layout(file.fileno(), chunked).chunks[2].start
    struct.pack_into("<Q", data, start - 8, 2**63)
    chunked.write_bytes(data)
    found, wrong = read(chunked)
    assert 0 < len(found) < len(DIGESTS)
    assert "ends after the end of the file" in wrong


def test_what_is_no_recording(tmp_path: Path) -> None:
    path = tmp_path / "other.mcap"
    with pytest.raises(SourceUnavailable, match="cannot be read: No such file"):
        open_recording(path)
    path.write_bytes(b"")
    with pytest.raises(RecordingError, match="not an MCAP file"):
        open_recording(path)
    path.write_bytes(format.MAGIC + format.header("ros2", "x"))
    with pytest.raises(RecordingError, match="profile 'ros2', not a recording of Sensorium"):
        open_recording(path)


def test_a_closed_recording_is_not_read(chunked: Path, no_leaks: Any) -> None:
    recording = open_recording(chunked, payloads=REGISTRY)
    recording.close()
    recording.close()
    with pytest.raises(RecordingError, match="was closed"):
        list(recording.events())
