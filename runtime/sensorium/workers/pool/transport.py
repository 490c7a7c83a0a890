"""The sockets between a pool and its workers.

On one host they speak over a Unix socket (abstract on Linux: it has no file that could be left
behind), over ``tcp://`` from other hosts. Nobody gets as far as sending a message who does not
know the pool's secret (PLAIN, same host) or own one of its keys (CURVE): libzmq asks
:class:`Gate` about every connection before it reads anything else from it.

The pool receives on the event loop itself, from the descriptor that libzmq offers: measured, a
round trip is 0.8x that of a receiving thread, and its p99 a thirtieth, since no two threads of
one process wait for the interpreter lock.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import secrets
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import zmq
from zmq.utils import z85

from sensorium.workers.options import check_endpoint
from sensorium.workers.pool.protocol import Frame

log = logging.getLogger("sensorium.workers")

KEY = 32  # bytes of a CURVE key
MAX_FRAME = 1024 * 1024 * 1024  # bytes: of one frame of a message
RECEIVE_AT_ONCE = 256  # messages, before others on the loop have their turn
_USER = b"worker"

_EVENTS, _RCVMORE = zmq.EVENTS, zmq.RCVMORE
_POLLIN, _NOBLOCK = int(zmq.POLLIN), int(zmq.NOBLOCK)
_MORE = int(zmq.SNDMORE | zmq.NOBLOCK)

Received = Callable[[list[bytes]], None]


def receive(socket: zmq.Socket[bytes]) -> list[bytes]:
    """The next message; half the price of pyzmq's own, which a lone caller feels."""
    frames = [socket.recv()]
    while socket.getsockopt(_RCVMORE):
        frames.append(socket.recv())
    return frames


def local_endpoint() -> str:
    """An address on this host that nobody uses."""
    name = f"sensorium-{secrets.token_hex(8)}"
    abstract = sys.platform.startswith("linux")
    return f"ipc://@{name}" if abstract else f"ipc://{Path(tempfile.gettempdir()) / name}"


def identity(token: bytes, lane: int) -> bytes:
    """How a lane of the worker life with that token is addressed; lane 0 is its control socket."""
    return token + lane.to_bytes(2, "big")


def connect(
    context: zmq.Context[zmq.Socket[bytes]], endpoint: str, identity: bytes, secret: str
) -> zmq.Socket[bytes]:
    """A worker's socket to its pool."""
    socket = context.socket(zmq.DEALER)
    socket.setsockopt(zmq.IDENTITY, identity)
    socket.setsockopt(zmq.LINGER, 500)
    socket.setsockopt(zmq.SNDHWM, 0)  # the pool bounds what is under way
    socket.setsockopt(zmq.RCVHWM, 0)
    socket.setsockopt(zmq.MAXMSGSIZE, MAX_FRAME)
    socket.plain_username = _USER
    socket.plain_password = secret.encode()
    socket.connect(check_endpoint(endpoint, encrypted=False))
    return socket


class Wire:
    """A lane's way to its pool over ZeroMQ, where it has no line."""

    def __init__(self, socket: zmq.Socket[bytes]) -> None:
        self._socket = socket

    def receive(self) -> list[Frame]:
        """Wait for the next message."""
        return [*receive(self._socket)]

    def send(self, frames: list[Frame]) -> None:
        """Send a message."""
        self._socket.send_multipart(frames)

    def close(self) -> None:
        """Close the socket; what was sent goes out."""
        self._socket.close()


class Gate:
    """Answers libzmq's question who may connect (ZAP, rfc.zeromq.org/spec/27)."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], secret: str) -> None:
        self._secret = secret.encode()
        self._socket = context.socket(zmq.ROUTER)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.bind("inproc://zeromq.zap.01")
        self._reader = Reader(self._socket, self._ask)
        self.keys: frozenset[bytes] = frozenset()
        """Public keys of those who may connect from other machines."""
        self.refused = 0
        """Connections turned away."""

    def close(self) -> None:
        """Stop answering."""
        self._reader.close()
        self._socket.close()

    def _ask(self, frames: list[bytes]) -> None:
        try:
            start = frames.index(b"") + 1
            version, request, _domain, address, _identity, mechanism = frames[start : start + 6]
        except ValueError:
            return
        credentials = frames[start + 6 :]
        if mechanism == b"CURVE":
            allowed = len(credentials) == 1 and credentials[0] in self.keys
        else:
            allowed = mechanism == b"PLAIN" and self._knows(credentials)
        if not allowed:
            self._refuse(address, mechanism, credentials)
        status = [b"200", b"OK"] if allowed else [b"400", b"who are you?"]
        self._socket.send_multipart([*frames[:start], version, request, *status, b"", b""])

    def _knows(self, credentials: Sequence[bytes]) -> bool:
        return (
            len(credentials) == 2
            and credentials[0] == _USER
            and hmac.compare_digest(credentials[1], self._secret)
        )

    def _refuse(self, address: bytes, mechanism: bytes, credentials: Sequence[bytes]) -> None:
        self.refused += 1
        if self.refused & (self.refused - 1):
            return  # the 1st, 2nd, 4th, 8th … are logged: a flood of them fills no disk
        who = address.decode(errors="replace") or "this machine"
        key = ""
        if mechanism == b"CURVE" and credentials and len(credentials[0]) == KEY:
            key = f" with the key {z85.encode(credentials[0]).decode()}"
        log.warning("%s connections were refused; the last was from %s%s", self.refused, who, key)


class Reader:
    """Receives on the running event loop whatever arrives at a socket."""

    def __init__(self, socket: zmq.Socket[bytes], received: Received) -> None:
        self._socket = socket
        self._received = received
        self._loop = asyncio.get_running_loop()
        self._again: asyncio.Handle | None = None
        self._descriptor = int(socket.getsockopt(zmq.FD))
        self._loop.add_reader(self._descriptor, self.drain)
        self.look()

    def look(self) -> None:
        """Receive soon if there is something: libzmq signals an arrival only once, and a send
        may have swallowed the signal."""
        if self._again is None and int(self._socket.getsockopt(_EVENTS)) & _POLLIN:
            self._again = self._loop.call_soon(self.drain)

    def drain(self) -> None:
        """Receive what is there, but let others have their turn now and then."""
        if self._again is not None:
            self._again.cancel()
            self._again = None
        socket, received = self._socket, self._received
        for _ in range(RECEIVE_AT_ONCE):
            if socket.closed or not int(socket.getsockopt(_EVENTS)) & _POLLIN:
                return
            received(receive(socket))
        self._again = self._loop.call_soon(self.drain)

    def close(self) -> None:
        """Stop receiving; the socket is left open."""
        self._loop.remove_reader(self._descriptor)
        if self._again is not None:
            self._again.cancel()


class Port:
    """One socket of a pool: every lane of every worker is an identity on it."""

    def __init__(self, socket: zmq.Socket[bytes], received: Received) -> None:
        """``received`` is given ``[identity, *frames]``; needs a running event loop."""
        self._socket = socket
        self._reader = Reader(socket, received)

    def send(self, identity: bytes, frames: list[Frame]) -> bool:
        """Send without waiting; False when that peer is gone, or takes nothing."""
        socket, last = self._socket, len(frames) - 1
        try:
            socket.send(identity, _MORE)
            for position, frame in enumerate(frames):
                socket.send(frame, _NOBLOCK if position == last else _MORE)
        except zmq.ZMQError:
            return False
        self._reader.look()
        return True

    def drain(self) -> None:
        """Receive what has arrived."""
        self._reader.drain()

    def close(self) -> None:
        """Close the socket."""
        self._reader.close()
        self._socket.close()


class Hub:
    """The sockets of a pool."""

    def __init__(self, received: Received) -> None:
        """``received`` is given what workers of this machine send."""
        self.received = received
        self.secret = secrets.token_hex(16)
        self.endpoint = local_endpoint()
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.gate = Gate(self.context, self.secret)
        socket = self.router()
        socket.setsockopt(zmq.SNDHWM, 0)  # at most two batches a lane are under way
        socket.setsockopt(zmq.MAXMSGSIZE, MAX_FRAME)
        socket.plain_server = True
        socket.bind(self.endpoint)
        self._port = Port(socket, received)
        self.send = self._port.send
        self.drain = self._port.drain

    def router(self) -> zmq.Socket[bytes]:
        """A socket for :class:`Port`, not bound yet."""
        socket = self.context.socket(zmq.ROUTER)
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
        return socket

    def close(self) -> None:
        """Give sockets and threads back; other ports must be closed already."""
        self._port.close()
        self.gate.close()
        self.context.term()
