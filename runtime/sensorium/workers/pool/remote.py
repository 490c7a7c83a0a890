"""A worker that joins a pool over the network: one session of it is one process.

``python -m sensorium.workers.pool.remote DESCRIPTOR``, started by :mod:`~.staying`. It joins,
hosts what the pool asks for, and ends with its session: whatever befalls the connection, the
process, its models and all that is half done are gone, and the next session begins clean.
"""

from __future__ import annotations

import logging
import os
import queue
import sys
import time
from typing import Any, NoReturn

import zmq
from zmq.utils.monitor import recv_monitor_message

from sensorium.errors import ModelUnavailable, PayloadError
from sensorium.plugins.manager import Plugins
from sensorium.workers.model import Model
from sensorium.workers.options import check_endpoint
from sensorium.workers.pool import joining, protocol, transport, worker
from sensorium.workers.pool.door import MAX_MESSAGE, WAITING, keep_alive
from sensorium.workers.pool.hosting import Lane

log = logging.getLogger("sensorium.workers")

JOINED, OVER, REFUSED = 0, 75, 77  # exit status: the pool said stop; joins anew; has no hope
WELCOME_S = 30.0  # how long a pool that was reached may take to answer
PATIENCE_S = 10.0  # of a connection, until the pool says how patient it is
_BROKEN = int(zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL)
_EVENTS = int(
    zmq.EVENT_HANDSHAKE_SUCCEEDED
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
    | zmq.EVENT_DISCONNECTED
    | zmq.EVENT_MONITOR_STOPPED
    | _BROKEN
)
Socket = zmq.Socket[bytes]


class RemoteWorker(worker.Worker):
    """Hosts models for a pool elsewhere."""

    def __init__(self, config: dict[str, Any], plugins: Plugins) -> None:
        super().__init__(config, plugins, ())
        self._poller = zmq.Poller()
        self._watched: dict[Socket, int] = {}
        """The sockets that tell how connections fare, with their lanes."""
        self._new: queue.SimpleQueue[tuple[Socket, int]] = queue.SimpleQueue()
        self._threads: dict[int, Lane] = {}
        """By the lane's number."""
        self._beat_s = 0.0
        """0 until the pool has taken us in."""
        self._hang_s = self._heard = 0.0
        self._reached: float | None = None
        self._puzzled = False

    def run(self) -> NoReturn:
        """Serve until the session is over."""
        config = self._config
        with self._connect(0) as control:
            join = joining.Join(
                config["name"], config["instance"], config["device"], os.getpid(),
                [failure[:2000] for failure in self._failures()[:100]],
            )  # fmt: skip
            control.send_multipart(protocol.encode(join))
            self._poller.register(control, zmq.POLLIN)
            next_beat = 0.0
            while True:
                for socket, _ in self._poller.poll(self._wait_ms(next_beat)):
                    if socket is not control:
                        self._look(socket)
                    elif self._hear(control.recv_multipart()):
                        _leave(JOINED, "the pool said stop")
                self._watch_new()
                now = time.monotonic()
                if self._beat_s and now >= next_beat:
                    control.send_multipart(protocol.encode(self._beat()))
                    next_beat = now + self._beat_s
                if self._beat_s and now - self._heard > self._hang_s:
                    _leave(OVER, f"{config['endpoint']} has been silent for {self._hang_s:g} s")
                if not self._beat_s and self._reached and now - self._reached > WELCOME_S:
                    _leave(OVER, f"{config['endpoint']} does not answer: is it a pool?")

    def _wait_ms(self, next_beat: float) -> int:
        if not self._beat_s:
            return 500
        return max(0, int((next_beat - time.monotonic()) * 1000)) + 1

    def _hear(self, frames: list[bytes]) -> bool:
        """Do what a message of the pool says; True when it says stop."""
        self._heard = time.monotonic()
        if frames == [joining.PULSE]:
            return False
        try:
            message = joining.decode_from_pool(frames)
        except PayloadError as error:
            if not self._beat_s:
                _leave(REFUSED, f"{self._config['endpoint']} speaks another language: {error}")
            log.error("no valid message: %s", error)
            return False
        if isinstance(message, joining.Welcome):
            self._beat_s, self._hang_s = message.heartbeat_s, message.hang_s
            say(f"joined {self._config['endpoint']} as {self._config['name']}")
            return False
        if isinstance(message, joining.Refused):
            _leave(REFUSED, f"the pool refused: {message.reason}")
        if isinstance(message, joining.Gone):
            _leave(OVER, f"the pool ended the session: {message.reason}")
        return self._do(message)

    def _start(self, order: protocol.Load) -> None:
        super()._start(order)
        self._threads[order.lane] = self._lanes[-1]

    def _class_of(self, use: str) -> type[Model[Any, Any]]:
        if use not in self._plugins.models:
            raise ModelUnavailable(
                use,
                f"no plugin on worker {self._config['name']!r} brings it: install the plugin there,"
                " or name it there with --module."
                + "".join(f" Not in use there: {failure}." for failure in self._failures()),
            )
        return super()._class_of(use)

    # --- connections ----------------------------------------------------------------------

    def _connect(self, lane: int) -> Socket:
        """Also called in the threads of lanes."""
        config = self._config
        socket = self._context.socket(zmq.DEALER)
        socket.setsockopt(zmq.IDENTITY, transport.identity(config["token"].encode(), lane))
        socket.setsockopt(zmq.LINGER, 500)
        socket.setsockopt(zmq.SNDHWM, WAITING)
        socket.setsockopt(zmq.RCVHWM, WAITING)
        socket.setsockopt(zmq.MAXMSGSIZE, MAX_MESSAGE)
        socket.setsockopt(zmq.RECONNECT_IVL_MAX, 5000)
        socket.setsockopt(zmq.IPV6, "[" in config["endpoint"])
        keep_alive(socket, 1.0, PATIENCE_S)
        keys = config["keys"]
        if keys:
            socket.curve_publickey = keys["public"].encode()
            socket.curve_secretkey = keys["secret"].encode()
            socket.curve_serverkey = keys["server"].encode()
        self._new.put((socket.get_monitor_socket(_EVENTS), lane))
        socket.connect(check_endpoint(config["endpoint"], encrypted=bool(keys)))
        if not lane:
            self._watch_new()
        return socket

    def _watch_new(self) -> None:
        while not self._new.empty():
            monitor, lane = self._new.get()
            self._watched[monitor] = lane
            self._poller.register(monitor, zmq.POLLIN)

    def _look(self, monitor: Socket) -> None:
        """A connection has changed."""
        event = recv_monitor_message(monitor)["event"]
        endpoint, lane = self._config["endpoint"], self._watched[monitor]
        if event == zmq.EVENT_MONITOR_STOPPED:  # the model was let go, and its socket closed
            self._poller.unregister(monitor)
            del self._watched[monitor]
            monitor.close(0)
        elif event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
            self._reached = self._reached or time.monotonic()
        elif event == zmq.EVENT_HANDSHAKE_FAILED_AUTH:
            key = self._config["keys"]["public"]
            _leave(REFUSED, f"{endpoint} refused our key; its pool must have {key} in its clients")
        elif event & _BROKEN and not self._puzzled and not self._reached:
            self._puzzled = True
            log.error(
                "%s does not answer as the pool whose key we were given would; trying on. Is that"
                " the public key of the pool, and does the pool use keys?", endpoint,
            )  # fmt: skip
        elif event == zmq.EVENT_DISCONNECTED and self._reached:
            if lane and not self._threads[lane].is_alive():
                return  # its model was let go
            _leave(OVER, f"the connection to {endpoint} is lost")


def say(words: str) -> None:
    """A line for our parent, which logs it."""
    print(words, flush=True)  # noqa: T201


def _leave(status: int, why: str) -> NoReturn:
    """End at once: what was half done is nobody's any more."""
    say(why)  # the last line is what our parent tells
    os._exit(status)


def main(arguments: list[str]) -> None:
    """Run one session; ``arguments`` is the number of the lifeline."""
    (lifeline,) = map(int, arguments)
    worker.die_with(os.getppid())
    config = worker.read_config(lifeline)
    worker.end_with(lifeline)
    worker.configure_logs(config["log_level"])
    RemoteWorker(config, worker.load(config)).run()


if __name__ == "__main__":
    main(sys.argv[1:])
