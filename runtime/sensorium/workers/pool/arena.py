"""Shared memory without a name: large arrays pass from one process to another without a socket.

An arena is an anonymous file that both processes map. Having no name, it is gone with the last
of them, however they end. The sending side allocates slots in it and counts their references;
the receiving side only reads, and says when it is done. The receiver's map is read-only, and the
file is sealed against shrinking, so that neither side can crash the other.
"""

from __future__ import annotations

import bisect
import contextlib
import fcntl
import math
import mmap
import os
import tempfile
import threading
import weakref
from collections import deque
from typing import Any

import numpy as np
from numpy.typing import NDArray

ALIGNMENT = 64  # bytes: a cache line, and enough for every vector unit
_MFD_CLOEXEC, _MFD_ALLOW_SEALING = 0x1, 0x2
_SEALS = 0x1 | 0x2 | 0x4  # F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW
_F_ADD_SEALS = 1033


def create_file(size: int) -> int:
    """A descriptor of ``size`` bytes of nameless shared memory; no page is taken until used."""
    memfd_create = getattr(os, "memfd_create", None)  # Linux
    if memfd_create is not None:
        descriptor: int = memfd_create("sensorium", _MFD_CLOEXEC | _MFD_ALLOW_SEALING)
        os.ftruncate(descriptor, size)
        fcntl.fcntl(descriptor, _F_ADD_SEALS, _SEALS)
        return descriptor
    with tempfile.TemporaryFile() as file:  # has no name either
        os.ftruncate(file.fileno(), size)
        return os.dup(file.fileno())


class Allocator:
    """Which parts of an arena are in use. First fit from the start, so that pages stay warm.

    Safe to use from several threads.
    """

    def __init__(self, size: int) -> None:
        self._free = [(0, size)] if size else []  # (offset, size), by offset, never adjacent
        self._held: dict[int, tuple[int, int]] = {}  # offset -> (size, references)
        self._lock = threading.Lock()

    def allocate(self, size: int) -> int | None:
        """The offset of a new slot with one reference, or None when there is no room."""
        size = max(ALIGNMENT, -(-size // ALIGNMENT) * ALIGNMENT)
        with self._lock:
            for position, (offset, room) in enumerate(self._free):
                if room >= size:
                    if room == size:
                        del self._free[position]
                    else:
                        self._free[position] = (offset + size, room - size)
                    self._held[offset] = (size, 1)
                    return offset
        return None

    def retain(self, offset: int) -> None:
        """One more reference to the slot. Raises KeyError when there is no such slot."""
        with self._lock:
            size, references = self._held[offset]
            self._held[offset] = (size, references + 1)

    def release(self, offset: int) -> None:
        """One reference less; the last one frees. Raises KeyError when there is no such slot."""
        with self._lock:
            size, references = self._held[offset]
            if references > 1:
                self._held[offset] = (size, references - 1)
                return
            del self._held[offset]
            self._give_back(offset, size)

    @property
    def in_use(self) -> int:
        """Bytes held."""
        with self._lock:
            return sum(size for size, _ in self._held.values())

    @property
    def slots(self) -> int:
        """Number of slots held."""
        return len(self._held)

    def _give_back(self, offset: int, size: int) -> None:
        position = bisect.bisect(self._free, (offset, 0))
        if position < len(self._free) and offset + size == self._free[position][0]:
            size += self._free.pop(position)[1]
        if position and sum(self._free[position - 1]) == offset:
            before = self._free[position - 1]
            self._free[position - 1] = (before[0], before[1] + size)
        else:
            self._free.insert(position, (offset, size))


def _address(array: NDArray[np.uint8]) -> int:
    address: int = array.__array_interface__["data"][0]
    return address


class Region:
    """An arena as one process maps it. Takes the descriptor over."""

    def __init__(self, descriptor: int, size: int, *, writable: bool) -> None:
        access = mmap.ACCESS_WRITE if writable else mmap.ACCESS_READ
        try:
            self._map = mmap.mmap(descriptor, size, access=access)
        finally:
            os.close(descriptor)
        self._bytes: NDArray[np.uint8] | None = np.frombuffer(self._map, np.uint8)
        self._address = _address(self._bytes)
        self.size = size

    def view(self, offset: int, size: int) -> memoryview:
        """That part of the arena. Raises ValueError when it is not inside."""
        if self._bytes is None or offset < 0 or size < 0 or offset + size > self.size:
            raise ValueError(f"{size} bytes at {offset} are not inside an arena of {self.size}")
        return self._bytes[offset : offset + size].data

    def memory(self, offset: int, size: int) -> memoryview:
        """That part of the arena; unlike :meth:`view`, of the map itself: numpy would leave an
        array in between out of the chain that keeps a slot."""
        return memoryview(self._map)[offset : offset + size]

    def offset_of(self, data: memoryview) -> int:
        """Where in the arena that memory begins; negative, or too much, if it is not in here."""
        return _address(np.frombuffer(data, np.uint8)) - self._address

    def write(self, offset: int, data: memoryview) -> None:
        """Copy ``data`` to ``offset``; numpy lets other threads run meanwhile."""
        assert self._bytes is not None
        self._bytes[offset : offset + data.nbytes] = np.frombuffer(data, np.uint8)

    def close(self) -> None:
        """Unmap, now or when the last view of it is gone."""
        self._bytes = None
        with contextlib.suppress(BufferError):
            self._map.close()


class _Lent(np.ndarray[Any, Any]):
    """A whole lent slot: what is made of it keeps it, and its end gives the slot back."""

    memory: memoryview
    """Keeps the arena mapped."""


class Outbox:
    """The sending side of an arena: puts arrays into slots, counts those that found no room.

    It also lends slots to be filled. An array that lies in one of them needs no other.
    """

    def __init__(self, region: Region | None) -> None:
        self.region = region
        self.slots = Allocator(region.size if region else 0)
        self.refused = 0
        self._lent: dict[int, int] = {}  # offset -> size
        self._returned: deque[int] = deque()
        """Lent slots that nobody holds any more; told at any moment, in any thread."""

    def lend(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any] | None:
        """A new slot as an array, given back when nothing refers to it; None for no room."""
        size = math.prod(shape) * dtype.itemsize
        self._take_back()
        offset = self.slots.allocate(size) if self.region is not None else None
        if self.region is None or offset is None:
            self.refused += self.region is not None
            return None
        memory = self.region.memory(offset, size)
        lent = _Lent(shape, dtype, memory)
        lent.memory = memory
        self._lent[offset] = size
        weakref.finalize(lent, self._returned.append, offset).atexit = False
        return lent.view(np.ndarray)

    def find(self, data: memoryview) -> tuple[int, int] | None:
        """If that memory lies in a lent slot: the slot, which is retained, and the offset."""
        if self._returned:
            self._take_back()
        if not self._lent or self.region is None:
            return None
        where = self.region.offset_of(data)
        for slot, size in self._lent.items():
            if slot <= where and where + data.nbytes <= slot + size:
                self.slots.retain(slot)
                return slot, where
        return None

    @property
    def in_use(self) -> int:
        """Bytes held, by messages or because they are lent."""
        self._take_back()
        return self.slots.in_use

    def _take_back(self) -> None:
        while self._returned:
            offset = self._returned.popleft()
            del self._lent[offset]
            self.slots.release(offset)

    def put(self, data: memoryview) -> int | None:
        """Copy ``data`` into a new slot; its offset, or None when there is no room."""
        if self.region is None:
            return None
        if self._returned:
            self._take_back()
        offset = self.slots.allocate(data.nbytes)
        if offset is None:
            self.refused += 1
            return None
        self.region.write(offset, data)
        return offset

    def close(self) -> None:
        """Unmap the arena."""
        if self.region is not None:
            self.region.close()
