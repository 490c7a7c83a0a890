"""Where the chunks of an MCAP file lie: found by walking over it, so no summary is needed."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from sensorium.errors import RecordingError
from sensorium.recording import parse
from sensorium.recording.format import MAGIC, RECORD_HEAD, Opcode

INDEX_HEAD = 6  # bytes: of a channel's id, and of the length of what follows
INDEX_ENTRY = 16  # bytes: of a time and an offset
CRC = 4  # bytes: all that ends the data section
NOT_HERE = frozenset(
    {0, Opcode.FOOTER, Opcode.SCHEMA, Opcode.CHANNEL, Opcode.MESSAGE, Opcode.CHUNK_INDEX}
    | {Opcode.STATISTICS, Opcode.METADATA_INDEX, Opcode.SUMMARY_OFFSET}
)
"""Opcodes that a recording has in its chunks or its summary only."""
MAX_METADATA = 64 * 1024 * 1024  # bytes of one record


@dataclass(slots=True)
class ChunkPlace:
    """Where a Chunk lies, and what the indexes after it say is in it."""

    start: int
    """Offset of its content."""
    length: int
    """Of its content."""
    messages: dict[int, int] = field(default_factory=dict)
    """How many of each channel; empty where no index follows. A hint: nothing vouches for it."""


@dataclass(slots=True)
class Layout:
    """What a walk over the file's records has found."""

    size: int
    """Bytes of the file."""
    profile: str = ""
    library: str = ""
    chunks: list[ChunkPlace] = field(default_factory=list)
    metadata: dict[str, dict[str, str]] = field(default_factory=dict)
    end: int = 0
    """Where the last whole record ends."""
    whole: bool = False
    """Whether the file was closed in order."""
    damage: str = ""
    """What is wrong at ``end``, in a file that was closed in order once."""


def read_layout(file: int, path: Path) -> Layout:
    """Walk over the open ``file``. Raises :class:`RecordingError` when it is no MCAP file."""
    layout = Layout(os.fstat(file).st_size)
    if os.pread(file, len(MAGIC), 0) != MAGIC:
        raise RecordingError(path, 0, "this is not an MCAP file")
    closed = os.pread(file, len(MAGIC), max(len(MAGIC), layout.size - len(MAGIC))) == MAGIC
    layout.end = len(MAGIC)
    try:
        layout.whole = _walk(file, layout) and closed
    except ValueError as error:
        layout.damage = str(error)
    if not layout.whole and not layout.damage and closed:
        layout.damage = "a record says that it ends after the end of the file"
    return layout


def _walk(file: int, layout: Layout) -> bool:
    """Walk until the data section ends (True) or the file does.

    Raises ValueError for what cannot follow what stands before it: a record whose kind was damaged
    would else be passed over, as kinds that nobody knows are.
    """
    indexed = False  # whether a MessageIndex may follow
    while True:
        head = os.pread(file, RECORD_HEAD.size, layout.end)
        if len(head) < RECORD_HEAD.size:
            return False
        opcode, length = RECORD_HEAD.unpack(head)
        start = layout.end + RECORD_HEAD.size
        if length > layout.size - start:
            return False
        if opcode == Opcode.DATA_END:
            if length != CRC:
                raise ValueError("what says that the data end here is no such record")
            return True
        if opcode in NOT_HERE:
            raise ValueError(f"a record of kind {opcode} outside of the chunks")
        if opcode == Opcode.CHUNK:
            layout.chunks.append(ChunkPlace(start, length))
        elif opcode == Opcode.MESSAGE_INDEX:
            channel, size = parse.index_head(os.pread(file, INDEX_HEAD, start))
            if not indexed or size != length - INDEX_HEAD:
                raise ValueError("an index that belongs to no chunk")
            layout.chunks[-1].messages[channel] = size // INDEX_ENTRY
        elif opcode in (Opcode.HEADER, Opcode.METADATA):
            _read(layout, opcode, os.pread(file, min(length, MAX_METADATA + 1), start))
        indexed = opcode in (Opcode.CHUNK, Opcode.MESSAGE_INDEX)
        layout.end = start + length


def _read(layout: Layout, opcode: int, content: bytes) -> None:
    if len(content) > MAX_METADATA:
        raise ValueError(f"more than {MAX_METADATA} bytes of metadata are over the limit")
    if opcode == Opcode.METADATA:
        name, values = parse.metadata(content)
        layout.metadata[name] = values
        return
    if layout.library:
        raise ValueError("a second header")
    layout.profile, layout.library = parse.header(content)
