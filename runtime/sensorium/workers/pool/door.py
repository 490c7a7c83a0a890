"""Where workers on other machines join a pool: who gets in, under which name, and how many.

With keys (CURVE) nobody is heard who does not own one of the pool's clients. Before and after
that, everything is bounded: the connections of strangers, what waits on a connection, the size of
a message, the number of workers.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket as sockets
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

import zmq

from sensorium.errors import PayloadError, SettingsError
from sensorium.workers.options import PoolOptions, check_endpoint
from sensorium.workers.pool import curve, joining, protocol
from sensorium.workers.pool.lives import Life, Post
from sensorium.workers.pool.transport import Hub, Port, Reader

if TYPE_CHECKING:
    from sensorium.workers.pool.supervisor import Supervisor

log = logging.getLogger("sensorium.workers")

TOKEN = 16  # bytes; two of lane follow
WAITING = 256  # messages to or from one connection
MAX_MESSAGE = 256 * 1024 * 1024  # bytes: of one frame
HANDSHAKE_MS = 5000
STRANGERS = 64  # connections beyond those of workers that have joined
WORKERS = 64  # names of remote workers, joined or away
_EVENTS = int(zmq.EVENT_ACCEPTED | zmq.EVENT_DISCONNECTED)


class Peer:
    """A remote worker as the process of its life."""

    def __init__(self, pid: int, cut: Callable[[], None]) -> None:
        self.pid = pid
        self.tail: deque[str] = deque(maxlen=1)
        self.cause = "it left"
        self._cut = cut
        self._over = False

    def kill(self) -> None:
        """Have no more to do with it. What it still sends is a stranger's."""
        if not self._over:
            self._over = True
            asyncio.get_running_loop().call_soon(self._cut)


class Door:
    """The pool's socket for other machines."""

    def __init__(self, options: PoolOptions, hub: Hub, supervisor: Supervisor) -> None:
        """Listen. Raises :class:`SettingsError` when keys cannot be read, or nobody can be heard
        at that address."""
        self._options = options
        self._hub = hub
        self._supervisor = supervisor
        check_endpoint(options.listen, encrypted=bool(options.key))
        pair = curve.read_pair(options.key) if options.key else None
        hub.gate.keys = curve.read_clients(options.clients)
        socket = hub.router()
        socket.setsockopt(zmq.SNDHWM, WAITING)
        socket.setsockopt(zmq.RCVHWM, WAITING)
        socket.setsockopt(zmq.MAXMSGSIZE, MAX_MESSAGE)
        socket.setsockopt(zmq.HANDSHAKE_IVL, HANDSHAKE_MS)
        socket.setsockopt(zmq.IPV6, "[" in options.listen)
        keep_alive(socket, options.heartbeat_s, options.hang_s)
        if pair is not None:
            socket.curve_server = True
            socket.curve_publickey, socket.curve_secretkey = (
                pair.public.encode(),
                pair.secret.encode(),
            )
        crowd = Crowd(hub.context, socket, self._expected)
        try:
            socket.bind(options.listen)
        except zmq.ZMQError as error:
            socket.close()
            crowd.close()
            raise SettingsError(
                f"workers.listen: nobody can be heard at {options.listen}: {error.strerror}"
            ) from None
        self.endpoint = socket.getsockopt_string(zmq.LAST_ENDPOINT)
        """Where it listens, with the port if the system chose it."""
        self._crowd = crowd
        self._port = Port(socket, self._received)

    def drain(self) -> None:
        """Receive what has arrived."""
        self._port.drain()

    def close(self) -> None:
        """Close every connection."""
        self._port.close()
        self._crowd.close()

    def _expected(self) -> int:
        lives = self._supervisor.lives.values()
        return sum(1 + len(life.lanes) for life in lives if life.remote)

    def _received(self, frames: list[bytes]) -> None:
        """A message of somebody outside. Whatever it is, it never raises."""
        identity = frames[0]
        token = identity[:TOKEN]
        life = self._supervisor.lives.get(token)
        if life is not None and life.remote:
            self._hub.received(frames)
            return
        try:
            if identity != token + bytes(2):
                raise PayloadError("not the address of a worker")
            join = joining.decode_join(frames[1:])
        except PayloadError as error:
            self._hub.received(frames)  # counts it
            known = frames[1:] and frames[1][:1] == bytes([protocol.VERSION])
            reason = "the pool does not know this session" if known else str(error)
            self._answer(identity, joining.Gone(reason) if known else joining.Refused(reason))
            return
        answer = self._admit(join, token)
        if answer is not None:
            self._hub.gate.refused += 1
            log.warning("worker %s was not let in: %s", join.name, answer.reason)
            self._answer(identity, answer)

    def _answer(self, identity: bytes, message: protocol.Message) -> None:
        self._port.send(identity, protocol.encode(message))  # who does not listen misses it

    def _admit(self, join: joining.Join, token: bytes) -> joining.Refused | joining.Gone | None:
        """Take a worker in; otherwise why it is not."""
        supervisor, name = self._supervisor, join.name
        post = supervisor.posts.get(name)
        if post is not None and not post.remote:
            return joining.Refused(f"the pool has a worker {name!r} of its own: choose a --name")
        if post is not None and post.life is not None:
            if post.instance == join.instance:
                post.life.kill("it has joined anew")
                return joining.Gone("its last session has to end first")
            return joining.Gone(f"there is a worker {name!r} already: choose a --name")
        if post is None:
            if not self._make_room():
                return joining.Gone(f"the pool has {WORKERS} workers, and takes no more")
            post = supervisor.posts[name] = Post(name, join.device, remote=True)
        life = Life(name, token, self._port.send, asyncio.get_running_loop().time())
        life.remote, life.greeted = True, True
        life.process = Peer(join.pid, lambda: self._cut(life))
        post.device, post.instance, post.life = join.device, join.instance, life
        welcome = joining.Welcome(self._options.heartbeat_s, self._options.hang_s)
        self._answer(life.control, welcome)
        for failure in join.failures:
            log.warning("%s cannot load plugin %s", name, failure)
        supervisor.lives[token] = life
        supervisor.equip(life, post)
        return None

    def _make_room(self) -> bool:
        posts = self._supervisor.posts
        remote = [post for post in posts.values() if post.remote]
        if len(remote) < WORKERS:
            return True
        away = next((post for post in remote if post.life is None), None)
        if away is not None:
            del posts[away.name]
        return away is not None

    def _cut(self, life: Life) -> None:
        self._answer(life.control, joining.Gone(life.reason))
        self._supervisor.ended(life)


class Crowd:
    """Keeps the connections of strangers few, so that they cannot take all descriptors.

    libzmq accepts whoever comes; it tells of each, and those too many are shut down.
    """

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        socket: zmq.Socket[bytes],
        expected: Callable[[], int],
    ) -> None:
        """``expected`` says how many connections are those of workers. The socket is to be bound
        after this, and to be closed before :meth:`close`."""
        self._expected = expected
        self._open: set[int] = set()
        address = f"inproc://crowd-{id(self)}"
        socket.monitor(address, _EVENTS)
        self._socket: zmq.Socket[bytes] = context.socket(zmq.PAIR)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.RCVHWM, 0)  # else libzmq would wait for us
        self._socket.connect(address)
        self._reader = Reader(self._socket, self._told)
        self.shut = 0
        """Connections shut down."""

    def close(self) -> None:
        """Stop watching."""
        self._reader.close()
        self._socket.close()

    def _told(self, frames: list[bytes]) -> None:
        event = int.from_bytes(frames[0][:2], "little")
        descriptor = int.from_bytes(frames[0][2:6], "little", signed=True)
        if event == zmq.EVENT_DISCONNECTED:
            self._open.discard(descriptor)
        elif event == zmq.EVENT_ACCEPTED:
            self._open.add(descriptor)
            if len(self._open) > STRANGERS + self._expected():
                self._shut(descriptor, frames[1])

    def _shut(self, descriptor: int, endpoint: bytes) -> None:
        """Shut that connection down, unless its number is something else's by now."""
        port = int(endpoint.rpartition(b":")[2])
        with contextlib.suppress(OSError, IndexError, TypeError):
            connection = sockets.socket(fileno=descriptor)
            try:
                if connection.getsockname()[1] == port:
                    connection.shutdown(sockets.SHUT_RDWR)
                    self.shut += 1
            finally:
                connection.detach()  # libzmq closes it


def keep_alive(socket: zmq.Socket[bytes], beat_s: float, patience_s: float) -> None:
    """Have libzmq ask the other side whether it is there, and hang up when it is not."""
    socket.setsockopt(zmq.HEARTBEAT_IVL, max(1, int(beat_s * 1000)))
    socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, max(1, int(patience_s * 1000)))
