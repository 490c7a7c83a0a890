"""Lines between a pool and the workers of its machine: what lanes are asked, and answer.

A line is a pair of connected Unix sockets, one end of which the pool has given to the worker's
process: it has no name that anybody could find, and is gone with its two processes. libzmq has a
thread on either side that has to be woken for every message; without them one caller alone waits
80 µs where it was 102 µs (median of five turns). Over a line come requests and answers alone; all
else stays with ZeroMQ.

A message is the number of its frames, the size of each, and the frames; little-endian.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

from sensorium.errors import PayloadError
from sensorium.workers.pool.protocol import Frame

CHUNK = 64 * 1024  # bytes read at once; libc has more of these at hand than of larger ones
MOST_AT_ONCE = 256 * 1024  # bytes, of a large message: what a socket holds
MAX_FRAME = 1024 * 1024 * 1024  # bytes
MAX_FRAMES = 1 << 17  # of one message
_AT_ONCE = 512  # buffers in one call of the system; 1024 are its limit
_READS = 256  # before others on the loop have their turn

_COUNT = struct.Struct("<I")
_SINGLE = struct.Struct("<IQ")  # of most messages

Received = Callable[[list[Any]], None]


def framed(frames: Sequence[Frame]) -> list[Frame]:
    """The message as buffers to be sent one behind the other."""
    if len(frames) == 1:
        return [_SINGLE.pack(1, len(frames[0])), frames[0]]
    sizes = [len(frame) for frame in frames]
    return [struct.pack(f"<I{len(sizes)}Q", len(sizes), *sizes), *frames]


class Assembler:
    """Makes messages of what arrives, however it is cut. Knows bytes, not sockets."""

    def __init__(self) -> None:
        self._held: list[bytes] = []
        """What has arrived of a message that is not whole."""
        self._have = self._need = 0

    @property
    def wanted(self) -> int:
        """How many bytes to read next."""
        return min(max(CHUNK, self._need - self._have), MOST_AT_ONCE)

    def feed(self, data: bytes) -> list[list[Frame]]:
        """The messages that are whole now. Raises :class:`PayloadError` for what is none."""
        if self._held:
            self._held.append(data)
            self._have += len(data)
            if self._have < self._need:
                return []
            data = b"".join(self._held)
            self._held = []
        view, start, messages = memoryview(data), 0, []
        while start < len(data):
            sizes = _sizes(view[start:])
            first = start + 4 + 8 * len(sizes)
            end = first + sum(sizes)
            if not sizes or end > len(data):
                self._held = [data[start:] if start else data]
                self._have = len(data) - start
                self._need = end - start if sizes else self._have + 1
                break
            frames: list[Frame] = []
            for size in sizes:
                frames.append(view[first : first + size])
                first += size
            messages.append(frames)
            start = end
        return messages


def _sizes(view: memoryview) -> tuple[int, ...]:
    """Of the frames of the message that begins there; empty if that has not arrived."""
    if len(view) < _COUNT.size:
        return ()
    (count,) = _COUNT.unpack_from(view)
    if not 0 < count <= MAX_FRAMES:
        raise PayloadError(f"a message of {count} frames")
    if len(view) < _COUNT.size + 8 * count:
        return ()
    sizes = struct.unpack_from(f"<{count}Q", view, _COUNT.size)
    if max(sizes) > MAX_FRAME:
        raise PayloadError(f"a frame of {max(sizes)} bytes")
    return sizes


class Line:
    """The pool's end: sends without waiting, receives on the running event loop."""

    def __init__(
        self, held: socket.socket, received: Received, broken: Callable[[str], None]
    ) -> None:
        """``received`` is given the frames of each message, ``broken`` why there can be no more.
        Takes the socket over."""
        held.setblocking(False)
        self._socket = held
        self._received = received
        self._broken = broken
        self._assembler = Assembler()
        self._unsent: deque[memoryview] = deque()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(held, self._readable)

    def send(self, frames: Sequence[Frame]) -> bool:
        """Send, now or when the other side has room; False when there is no other side."""
        if self._unsent:
            self._unsent.extend(map(memoryview, framed(frames)))
            return True
        buffers = framed(frames)
        try:
            sent = self._socket.sendmsg(buffers[:_AT_ONCE])
        except BlockingIOError:
            sent = 0
        except OSError:
            return False
        if sent != sum(map(len, buffers)):
            self._unsent.extend(map(memoryview, buffers))
            self._take_off(sent)
            if self._unsent:
                self._loop.add_writer(self._socket, self._writable)
        return True

    @property
    def closed(self) -> bool:
        """Whether one of the two sides has hung up."""
        return self._socket.fileno() < 0

    def drain(self) -> None:
        """Receive what has arrived, up to a bound."""
        for _ in range(_READS):
            if self.closed or not self._readable():
                return

    def close(self) -> None:
        """Hang up."""
        if not self.closed:
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
            self._socket.close()
        self._unsent.clear()

    def _readable(self) -> bool:
        """Receive once; False when there was nothing."""
        try:
            data = self._socket.recv(self._assembler.wanted)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:  # its process ends, which is told otherwise, or its model was let go
            self.close()
            return False
        try:
            messages = self._assembler.feed(data)
        except PayloadError as error:
            self.close()
            self._broken(f"it sent {error}")
            return False
        for frames in messages:
            self._received(frames)
        return True

    def _writable(self) -> None:
        try:
            self._take_off(self._socket.sendmsg(list(islice(self._unsent, _AT_ONCE))))
        except BlockingIOError:
            return
        except OSError:
            self._unsent.clear()  # whoever sends next is told
        if not self._unsent:
            self._loop.remove_writer(self._socket)

    def _take_off(self, sent: int) -> None:
        unsent = self._unsent
        while unsent and sent >= len(unsent[0]):
            sent -= len(unsent.popleft())
        if sent:
            unsent[0] = unsent[0][sent:]


class LineEnd:
    """The worker's end: waits, in the thread of the lane."""

    def __init__(self, held: socket.socket) -> None:
        """Takes the socket over."""
        held.setblocking(True)
        self._socket = held
        self._assembler = Assembler()
        self._messages: deque[list[Frame]] = deque()

    def receive(self) -> list[Frame]:
        """The next message. Raises EOFError when there is no other side any more, and
        :class:`PayloadError` when it sends what is no message."""
        while not self._messages:
            data = self._socket.recv(self._assembler.wanted)
            if not data:
                raise EOFError
            self._messages.extend(self._assembler.feed(data))
        return self._messages.popleft()

    def send(self, frames: Sequence[Frame]) -> None:
        """Send all of it. Raises EOFError when there is no other side any more."""
        unsent = deque(framed(frames))
        size = sum(map(len, unsent))
        try:
            while size:
                sent = self._socket.sendmsg(list(islice(unsent, _AT_ONCE)))
                size -= sent
                while size and sent >= len(unsent[0]):
                    sent -= len(unsent.popleft())
                if size and sent:
                    unsent[0] = memoryview(unsent[0])[sent:]
        except OSError as error:
            raise EOFError from error

    def close(self) -> None:
        """Hang up."""
        self._socket.close()


class Trunk:
    """The pool's side of all lines to one process, and its way to hand it new ones."""

    def __init__(
        self,
        received: Received,
        broken: Callable[[str], None],
        otherwise: Callable[[bytes, list[Frame]], bool],
    ) -> None:
        """``received`` is given ``[address, *frames]``, ``otherwise`` reaches addresses that have
        no line. Raises OSError when the system has no room for it."""
        self._received = received
        self._broken = broken
        self._otherwise = otherwise
        self._lines: dict[bytes, Line] = {}
        self._socket, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        """``theirs`` is for the process to inherit, and to be closed here then."""
        self._socket.setblocking(False)

    def open(self, lane: int, address: bytes) -> None:
        """A new line, whose other end the process will find under that number. If there is no
        room for one, the lane does without."""
        try:
            ours, theirs = socket.socketpair()
        except OSError:
            return
        with theirs:
            try:
                socket.send_fds(self._socket, [lane.to_bytes(2, "big")], [theirs.fileno()])
            except OSError:
                ours.close()
                return
        received = self._received
        self._lines = {held: line for held, line in self._lines.items() if not line.closed}
        self._lines[address] = Line(ours, lambda frames: received([address, *frames]), self._broken)

    def send(self, address: bytes, frames: list[Frame]) -> bool:
        """Send without waiting; False when that address cannot be reached any more."""
        line = self._lines.get(address)
        return self._otherwise(address, frames) if line is None else line.send(frames)

    def drain(self) -> None:
        """Receive what has arrived."""
        for line in tuple(self._lines.values()):
            line.drain()

    def close(self) -> None:
        """Hang up."""
        for line in self._lines.values():
            line.close()
        self._socket.close()
        self.theirs.close()


class TrunkEnd:
    """The process's side of a :class:`Trunk`."""

    def __init__(self, descriptor: int) -> None:
        """Takes the descriptor over."""
        os.set_inheritable(descriptor, False)  # what a model starts shall not have it
        self._socket = socket.socket(fileno=descriptor)
        self._socket.setblocking(False)
        self._found: dict[int, LineEnd] = {}

    def take(self, lane: int) -> LineEnd | None:
        """The line of that lane; None if it has none."""
        with contextlib.suppress(OSError):  # none is there
            while lane not in self._found:
                number, files, _, _ = socket.recv_fds(self._socket, 2, 1)
                if not files:
                    break
                os.set_inheritable(files[0], False)
                found = LineEnd(socket.socket(fileno=files[0]))
                self._found[int.from_bytes(number, "big")] = found
        return self._found.pop(lane, None)
