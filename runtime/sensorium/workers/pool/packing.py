"""Trees of values as bytes, and back. Nothing here unpickles, and no large array is copied.

A tree is packed by msgpack, all requests (or results) of a batch at once. Where an array stands,
the tree holds its number. Arrays under :data:`BESIDE_FROM` bytes lie one behind the other in one
run of bytes; one of :data:`SHARED_FROM` bytes and more lies in shared memory, if there is room;
any other is a frame of the message. Neighbours of one type and shape are described once.

Whatever the bytes, :func:`open_tree` and :func:`open_each` give values or
:class:`~sensorium.errors.PayloadError`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from operator import attrgetter
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta, Raw, Struct
from msgspec.msgpack import Ext
from numpy.typing import NDArray

from sensorium.errors import PayloadError
from sensorium.payloads.arrays import DTYPES, MAX_SIZE, as_wire, read_only
from sensorium.workers.pool.arena import Outbox, Region

SHARED_FROM = 64 * 1024  # bytes: below, a socket is as fast
BESIDE_FROM = 8 * 1024  # bytes: below, copying costs less than a frame (4 µs)
MAX_DIMENSIONS = 8
_ARRAY = 1  # extension type: the number of an array
_INLINE = -1
NOT_PACKABLE = (ValueError, TypeError, OverflowError, RecursionError, msgspec.MsgspecError)

Array = NDArray[Any]
Frame = bytes | memoryview
Count = Annotated[int, Meta(ge=0, le=2**53)]
Place = tuple[int, int]
"""Where a large array is: offset and size in shared memory, or the number of an inline frame and
-1. (A union of both would be plainer, but msgspec 0.22 reads foreign memory for that one.)"""
Run = tuple[str, list[int], Count]
"""Type and shape of so many arrays in a row."""


class Values(Struct, array_like=True, forbid_unknown_fields=True):
    """A packed tree as a message carries it."""

    tree: Raw
    runs: list[Run] = []
    small: bytes = b""
    """The small arrays, one behind the other."""
    places: list[Place] = []
    """Of the large arrays."""


# numpy takes 5 µs to tell a dtype's name
_KINDS = {name: np.dtype(name).newbyteorder("<") for name in DTYPES}
_NAMES = {kind: name for name, kind in _KINDS.items()}
_encode, _decode = msgspec.msgpack.encode, msgspec.msgpack.decode
_split = msgspec.msgpack.Decoder(list[Raw]).decode
_kind_of = attrgetter("dtype", "shape")


def _reference(number: int) -> Ext:
    return Ext(_ARRAY, number.to_bytes(4, "little"))


_REFERENCES = [_reference(number) for number in range(256)]


@dataclass(slots=True)
class Packed:
    """A tree as bytes, and its arrays in C order."""

    tree: Raw
    arrays: list[Array]
    alike: bool = False
    """Whether all are of one type and shape; they need not be in C order then."""


def pack(tree: Any) -> Packed:
    """Pack a tree of dict, list, str, numbers, None, bytes and numpy arrays, copying no array.

    Tuples arrive as lists, numpy scalars as numbers. Raises :class:`PayloadError`, which names
    what cannot travel.
    """
    if tree.__class__ is list and set(map(type, tree)) == {np.ndarray}:
        return _pack_arrays(tree)
    arrays: list[Array] = []

    def other(value: Any) -> Any:
        if not isinstance(value, np.ndarray):
            if isinstance(value, np.generic):
                return value.item()
            return refuse(value)
        number = len(arrays)
        arrays.append(_in_order(value))
        return _REFERENCES[number] if number < 256 else _reference(number)

    try:
        return Packed(Raw(_encode(tree, enc_hook=other)), arrays)
    except NOT_PACKABLE as error:
        raise PayloadError(f"this cannot be sent to another process: {error}") from error


def _pack_arrays(arrays: list[Array]) -> Packed:
    """The same in a fraction of the time for what is nothing but arrays."""
    kind, shape = arrays[0].dtype, arrays[0].shape
    if kind in _NAMES and not [a for a in arrays if a.dtype is not kind or a.shape != shape]:
        return Packed(_references(len(arrays)), arrays, alike=True)
    try:
        ordered = [a if a.dtype in _NAMES and a.flags.c_contiguous else as_wire(a) for a in arrays]
        return Packed(_references(len(arrays)), ordered)
    except ValueError as error:
        raise PayloadError(f"this cannot be sent to another process: {error}") from error


@lru_cache(256)
def _references(count: int) -> Raw:
    return Raw(_encode([_reference(number) for number in range(count)]))


def _in_order(array: Array) -> Array:
    if array.dtype in _NAMES and array.flags.c_contiguous:
        return array
    return as_wire(array)


def refuse(value: Any) -> Any:
    """Say what cannot travel, by a TypeError."""
    raise TypeError(f"it holds {value!r:.40} ({type(value).__name__})")


def size_of(tree: Any) -> int:
    """About how many bytes a tree takes, told at a glance: of a long list, by its first items."""
    if isinstance(tree, np.ndarray):
        return tree.nbytes
    if isinstance(tree, str | bytes | bytearray):
        return len(tree)
    if isinstance(tree, dict):
        return _size_of_all(list(tree.values()))
    if isinstance(tree, list | tuple):
        return _size_of_all(tree)
    return 8


def _size_of_all(items: Sequence[Any]) -> int:
    if len(items) <= 64:
        return sum([size_of(item) for item in items])
    return sum([size_of(item) for item in items[:64]]) * len(items) // 64


@dataclass(slots=True)
class Shipment:
    """The arrays of one message to be sent: gives each its place."""

    outbox: Outbox
    inline: list[Frame] = field(default_factory=list)
    """Frames that follow the message."""
    slots: list[int] = field(default_factory=list)
    """Of shared memory that it takes."""

    def lay_out(self, packed: Packed) -> Values:
        """Put the arrays where they travel."""
        if not packed.arrays:
            return Values(packed.tree)
        runs: list[Run] = []
        small: list[Array] = []
        places: list[Place] = []
        if packed.alike:
            return self._lay_out_alike(packed)
        for (kind, shape), held in itertools.groupby(packed.arrays, _kind_of):
            run = list(held)
            runs.append((_NAMES[kind], list(shape), len(run)))
            if run[0].nbytes < BESIDE_FROM:
                small += run
            else:
                places += [self._place(array) for array in run]
        data = b"".join(small)  # type: ignore[arg-type]  # an array is a buffer
        return Values(packed.tree, runs, data, places)

    def _lay_out_alike(self, packed: Packed) -> Values:
        arrays = packed.arrays
        first = arrays[0]
        runs: list[Run] = [(_NAMES[first.dtype], list(first.shape), len(arrays))]
        if first.nbytes >= BESIDE_FROM:
            return Values(packed.tree, runs, b"", [self._place(array) for array in arrays])
        try:
            data = b"".join(arrays)  # type: ignore[arg-type]  # an array is a buffer
        except (BufferError, TypeError, ValueError):  # one is not in C order
            data = b"".join([array.tobytes() for array in arrays])
        return Values(packed.tree, runs, data)

    def _place(self, array: Array) -> Place:
        data = array.reshape(-1).view(np.uint8).data
        if data.nbytes >= SHARED_FROM:
            lent = self.outbox.find(data)
            if lent is not None:
                self.slots.append(lent[0])
                return (lent[1], data.nbytes)
            offset = self.outbox.put(data)
            if offset is not None:
                self.slots.append(offset)
                return (offset, data.nbytes)
        self.inline.append(data)
        return (len(self.inline) - 1, _INLINE)


def shared_slots(values: Values) -> list[int]:
    """Offsets of those arrays that lie in shared memory."""
    return [where for where, size in values.places if size != _INLINE]


@dataclass(slots=True)
class Parcel:
    """What belongs to one received message: inline frames, and the arena the rest lies in."""

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


def open_tree(values: Values, parcel: Parcel) -> Any:
    """The tree again, its arrays read-only views of where they lie: nothing is copied."""
    return _open(values.tree, _finder(_arrays(values, parcel)))


def open_each(values: Values, parcel: Parcel, count: int) -> list[Any]:
    """The items of a tree that is a list of ``count``; for one that cannot be read, its
    :class:`PayloadError`. Raises one when there are not so many."""
    arrays = _arrays(values, parcel)
    if len(arrays) == count and memoryview(values.tree) == memoryview(_references(count)):
        return arrays
    find = _finder(arrays)
    try:
        opened = _open(values.tree, find)
    except PayloadError:  # because of which?
        opened = Patchy(_try_open(item, find) for item in _items(values.tree))
    if not isinstance(opened, list) or len(opened) != count:
        raise PayloadError(f"not the {count} values that there should be")
    return opened


class Patchy(list[Any]):
    """Values some of which could not be read."""


def _items(tree: Raw) -> list[Raw]:
    try:
        return _split(tree)
    except Exception as error:
        raise PayloadError(f"unreadable values: {error or type(error).__name__}") from error


def _try_open(item: Raw, find: Callable[[int, memoryview], Array]) -> Any:
    try:
        return _open(item, find)
    except PayloadError as error:
        return error


def _open(tree: Raw, find: Callable[[int, memoryview], Array]) -> Any:
    try:
        return _decode(tree, ext_hook=find)
    except Exception as error:
        raise PayloadError(f"unreadable values: {error or type(error).__name__}") from error


def _finder(arrays: list[Array]) -> Callable[[int, memoryview], Array]:
    """Reads the extension type of a tree."""

    def find(code: int, data: memoryview) -> Array:
        if code != _ARRAY:
            raise ValueError(f"extension type {code} is unknown")
        return arrays[int.from_bytes(data, "little")]

    return find


def _arrays(values: Values, parcel: Parcel) -> list[Array]:
    """Raises :class:`PayloadError` when they are not where they are said to be."""
    if not values.runs:
        return []
    try:
        return _find_arrays(values, parcel)
    except Exception as error:
        raise PayloadError(f"unreadable arrays: {error or type(error).__name__}") from error


def _find_arrays(values: Values, parcel: Parcel) -> list[Array]:
    most = len(memoryview(values.tree)) // 6  # what one reference takes: empty arrays cost nothing
    arrays: list[Array] = []
    start, places = 0, iter(values.places)
    for name, shape, count in values.runs:
        kind = _KINDS[name]
        if len(shape) > MAX_DIMENSIONS or any(not 0 <= n <= MAX_SIZE for n in shape):
            raise ValueError(f"shape {shape!r} is not a list of at most {MAX_DIMENSIONS} sizes")
        if count > most - len(arrays):
            raise ValueError(f"{count} arrays where {most - len(arrays)} can be named")
        items = math.prod(shape)
        size = items * kind.itemsize
        if size >= BESIDE_FROM:
            for _ in range(count):
                whole = np.frombuffer(parcel.buffer(next(places)), kind)
                arrays.append(read_only(whole.reshape(shape)))
        elif not size:
            arrays += [np.empty(shape, kind) for _ in range(count)]
        else:
            end = start + count * size
            if end > len(values.small):
                raise ValueError(f"{len(values.small)} bytes of small arrays end before {end}")
            numbers = np.frombuffer(values.small, kind, count * items, start)
            if count == 1:
                arrays.append(numbers.reshape(shape))
            else:
                rows = numbers.reshape(count, *shape)
                arrays.extend(rows if shape else [rows[row, ...] for row in range(count)])
            start = end
    return arrays
