"""What pool and workers say to each other. Knows bytes, not sockets; nothing here unpickles.

A message is one frame ``version, msgpack([kind, fields...])`` and, behind it, the arrays that
travel inline. Requests and results are trees of plain values: each request is packed on its own,
once, with its arrays beside it as :class:`Packed`. An array of :data:`SHARED_FROM` bytes and more
lies in shared memory instead, if there is room; the message then says where.

Whatever the bytes, :func:`decode` and :func:`open_tree` return a valid message or raise
:class:`~sensorium.errors.PayloadError`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeVar

import msgspec
import numpy as np
from msgspec import Meta, Raw, Struct
from msgspec.msgpack import Ext
from numpy.typing import NDArray

from sensorium.errors import PayloadError
from sensorium.payloads.arrays import DTYPES, array_from_buffer, as_wire
from sensorium.workers.pool.arena import Outbox, Region

VERSION = 1
SHARED_FROM = 64 * 1024  # bytes: below, a socket is as fast
MAX_BATCH = 65536
BESIDE_FROM = 8 * 1024  # bytes: below, an array travels within its tree: a frame costs 4 µs
_BESIDE, _EMBEDDED = 1, 2  # extension types
_INLINE = -1
_NOT_PACKABLE = (ValueError, TypeError, OverflowError, RecursionError, msgspec.MsgspecError)

MessageT = TypeVar("MessageT")
Frame = bytes | memoryview
Count = Annotated[int, Meta(ge=0, le=2**53)]
Place = tuple[int, int]
"""Where an array is: offset and size in shared memory, or the number of an inline frame and -1.
(A union of both would be plainer, but msgspec 0.22 reads foreign memory for that one.)"""


class Message(Struct, array_like=True, forbid_unknown_fields=True, tag=True):
    """Base of every message."""


class Item(Struct, array_like=True, forbid_unknown_fields=True):
    """One request of a batch."""

    request: Count
    budget_ms: Annotated[int, Meta(ge=-1)]
    """Left until its deadline, when it was sent; -1 for no deadline."""
    tree: Raw
    places: list[Place]


# --- to the worker --------------------------------------------------------------------------


class Load(Message):
    """Bring a model up on a new lane: a thread with a socket of its own."""

    lane: Annotated[int, Meta(ge=1, le=65535)]
    name: str
    use: str
    options: dict[str, Any]
    device: str


class Unload(Message):
    """To a lane: let the model go, and end."""


class Batch(Message):
    """To a lane: answer these together."""

    batch: Count
    items: Annotated[list[Item], Meta(min_length=1, max_length=MAX_BATCH)]
    released: list[Count] = []


class Stream(Message):
    """To a lane: answer this in parts, at most ``credit`` ahead of the reader."""

    batch: Count
    item: Item
    credit: Count
    released: list[Count] = []


class Cancel(Message):
    """Nobody waits for this request any more."""

    request: Count


class Credit(Message):
    """So many parts were read."""

    request: Count
    parts: Count
    released: list[Count] = []


class Stop(Message):
    """End the process in order."""


# --- from the worker ------------------------------------------------------------------------


class Hello(Message):
    """The process is up and knows its models. ``failures`` are plugins it could not load."""

    pid: Count
    failures: list[str]


class Loaded(Message):
    """From a lane: the model is up. ``memory`` in bytes, on host and device together."""

    lane: Count
    device: str
    memory: Count


class LoadFailed(Message):
    """From the control socket: the model of that lane cannot be loaded."""

    lane: Count
    error: dict[str, Any]


class Unloaded(Message):
    """From a lane, last."""

    lane: Count
    memory: Annotated[int, Meta(ge=-(2**53))]
    """Bytes given back."""


class Results(Message):
    """From a lane: the answers to one batch, as one list in the order of its items (packed one
    by one they cost as much again)."""

    batch: Count
    tree: Raw
    places: list[Place]
    failed: list[Count] = []
    """Positions in the list that hold not a result but the facts of an error."""


class Part(Message):
    """From a lane: the next part of a stream."""

    request: Count
    tree: Raw
    places: list[Place]


class End(Message):
    """From a lane: the stream is over; ``error`` is empty if it ended well."""

    batch: Count
    request: Count
    error: dict[str, Any]


class Heartbeat(Message):
    """From the control socket, all the time."""

    rss: Count
    """Resident bytes of the process."""
    refused: Count
    """Arrays that found no room in the arena of results."""


ToWorker = Load | Unload | Batch | Stream | Cancel | Credit | Stop
FromWorker = Hello | Loaded | LoadFailed | Unloaded | Results | Part | End | Heartbeat


# numpy takes 5 µs to tell a dtype's name
_KINDS = {name: np.dtype(name).newbyteorder("<") for name in DTYPES}
_NAMES = {kind: name for name, kind in _KINDS.items()}
_encode = msgspec.msgpack.encode
_read_beside = msgspec.msgpack.Decoder(tuple[str, list[int], Count]).decode
_read_embedded = msgspec.msgpack.Decoder(tuple[str, list[int], bytes]).decode


def _pack_other(value: Any) -> Any:
    raise TypeError(f"it holds {value!r:.40} ({type(value).__name__})")


_to_worker: msgspec.msgpack.Decoder[ToWorker] = msgspec.msgpack.Decoder(ToWorker)
_from_worker: msgspec.msgpack.Decoder[FromWorker] = msgspec.msgpack.Decoder(FromWorker)
_encoder = msgspec.msgpack.Encoder(enc_hook=_pack_other)


class Packed:
    """A tree as bytes, its larger arrays beside it."""

    __slots__ = ("arrays", "nbytes", "tree")

    def __init__(self, tree: bytes, arrays: list[memoryview]) -> None:
        self.tree = Raw(tree)
        self.arrays = arrays
        self.nbytes = len(tree)
        """Size of it all."""
        for array in arrays:
            self.nbytes += array.nbytes


def pack(tree: Any) -> Packed:
    """Pack a tree of dict, list, str, numbers, None, bytes and numpy arrays, copying no array of
    :data:`BESIDE_FROM` bytes or more.

    Tuples arrive as lists, numpy scalars as numbers. Raises :class:`PayloadError`, which names
    what cannot travel.
    """
    arrays: list[memoryview] = []

    def other(value: Any) -> Any:
        if not isinstance(value, np.ndarray):
            if isinstance(value, np.generic):
                return value.item()
            return _pack_other(value)
        name = _NAMES.get(value.dtype)
        flat = value if name and value.flags.c_contiguous else as_wire(value)
        name = name or flat.dtype.name
        if flat.nbytes < BESIDE_FROM:
            return Ext(_EMBEDDED, _encode((name, value.shape, flat.tobytes())))
        arrays.append(flat.reshape(-1).view(np.uint8).data)
        return Ext(_BESIDE, _encode((name, value.shape, len(arrays) - 1)))

    try:
        return Packed(_encode(tree, enc_hook=other), arrays)
    except _NOT_PACKABLE as error:
        raise PayloadError(f"this cannot be sent to another process: {error}") from error


def open_tree(tree: Raw, places: Sequence[Place], parcel: Parcel) -> Any:
    """The tree again, its larger arrays read-only views of where they lie: nothing is copied."""

    def other(code: int, data: memoryview) -> NDArray[Any]:
        if code == _EMBEDDED:
            name, shape, raw = _read_embedded(data)
            return _wrap(name, shape, raw)
        if code == _BESIDE:
            name, shape, index = _read_beside(data)
            return _wrap(name, shape, parcel.buffer(places[index]))
        raise ValueError(f"extension type {code} is unknown")

    try:
        return msgspec.msgpack.decode(tree, ext_hook=other)
    except Exception as error:
        raise PayloadError(f"unreadable values: {error or type(error).__name__}") from error


def _wrap(name: str, shape: list[int], raw: Frame) -> NDArray[Any]:
    kind = _KINDS.get(name)
    if kind is None or len(shape) != 1 or shape[0] < 0:
        return array_from_buffer(name, shape, raw)  # says what is wrong, if anything is
    return np.frombuffer(raw, kind).reshape(shape)


def shared_slots(places: Sequence[Place]) -> list[int]:
    """Offsets of those arrays that lie in shared memory."""
    return [where for where, size in places if size != _INLINE]


@dataclass(slots=True)
class Parcel:
    """The arrays of one received message: inline frames, and the arena the rest lies in."""

    inline: Sequence[Frame]
    region: Region | None
    copies: bool = False
    """Take what lies in shared memory out of it, because its slot will be given back."""

    def buffer(self, place: Place) -> Frame:
        """The bytes at that place; ValueError when there is none."""
        where, size = place
        if size == _INLINE:
            if not 0 <= where < len(self.inline):
                raise ValueError(f"array {where} is not among the {len(self.inline)} sent")
            return self.inline[where]
        if self.region is None:
            raise ValueError("there is no shared memory here")
        view = self.region.view(where, size)
        return bytes(view) if self.copies else view


@dataclass(slots=True)
class Shipment:
    """The arrays of one message to be sent: gives each its place."""

    outbox: Outbox
    inline: list[Frame] = field(default_factory=list)
    slots: list[int] = field(default_factory=list)

    def place(self, packed: Packed) -> list[Place]:
        """Put the arrays of ``packed`` into shared memory or beside the message."""
        places: list[Place] = []
        for array in packed.arrays:
            size = array.nbytes
            offset = self.outbox.put(array) if size >= SHARED_FROM else None
            if offset is None:
                places.append((len(self.inline), _INLINE))
                self.inline.append(array)
            else:
                places.append((offset, size))
                self.slots.append(offset)
        return places


def encode(message: Message, inline: Sequence[Frame] = ()) -> list[Frame]:
    """The message as frames. Raises :class:`PayloadError` when it holds what cannot travel."""
    try:
        return [b"%c%b" % (VERSION, _encoder.encode(message)), *inline]
    except _NOT_PACKABLE as error:
        raise PayloadError(f"this cannot be sent to another process: {error}") from error


def decode_to_worker(frames: Sequence[Frame]) -> ToWorker:
    """Read a message that a pool sent."""
    return _decode(_to_worker.decode, frames)


def decode_from_worker(frames: Sequence[Frame]) -> FromWorker:
    """Read a message that a worker sent."""
    return _decode(_from_worker.decode, frames)


def _decode(read: Callable[[memoryview], MessageT], frames: Sequence[Frame]) -> MessageT:
    if not frames or not frames[0]:
        raise PayloadError("an empty message")
    first = frames[0]
    if first[0] != VERSION:
        raise PayloadError(f"version {first[0]} of the worker protocol is not {VERSION}")
    try:
        return read(memoryview(first)[1:])
    except Exception as error:
        raise PayloadError(f"unreadable message: {error or type(error).__name__}") from error
