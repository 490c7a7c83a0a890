"""The worker's process: ``python -m sensorium.workers.pool.worker DESCRIPTORS``, started by a pool,
or forked from its template.

From the inherited pipe it reads one line of JSON that says who it is and whom to connect to, and
then nothing more: when the pipe closes, the pool's process is gone, and this one ends at once.
The main thread keeps the control socket (heartbeats, load, cancel); each model has a thread.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import zmq

from sensorium.errors import PayloadError, SensoriumError
from sensorium.logs import JsonFormatter
from sensorium.plugins.manager import Plugins, load_plugins
from sensorium.workers.model import Model
from sensorium.workers.pool import protocol, transport
from sensorium.workers.pool.arena import Outbox, Region
from sensorium.workers.pool.devices import resident_memory
from sensorium.workers.pool.hosting import Calls, Connection, Lane
from sensorium.workers.pool.lines import LineEnd, TrunkEnd
from sensorium.workers.pool.transport import Wire

log = logging.getLogger("sensorium.workers")

_PR_SET_PDEATHSIG = 1


class Worker:
    """Hosts models for one pool."""

    def __init__(self, config: dict[str, Any], plugins: Plugins, files: Sequence[int]) -> None:
        self._config = config
        self._plugins = plugins
        self._calls = Calls()
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._requests = _region(config["requests"], files, writable=False)
        self._results = Outbox(_region(config["results"], files, writable=True))
        self._lanes: list[Lane] = []
        trunk = config.get("trunk")
        self._trunk = TrunkEnd(files[trunk]) if trunk is not None else None

    def run(self) -> None:
        """Serve until told to stop."""
        beat_s = float(self._config["heartbeat_s"])
        with self._connect(0) as control:
            control.send_multipart(protocol.encode(protocol.Hello(os.getpid(), self._failures())))
            next_beat = time.monotonic()
            while True:
                wait_s = next_beat - time.monotonic()
                if wait_s <= 0:
                    control.send_multipart(protocol.encode(self._beat()))
                    next_beat = time.monotonic() + beat_s
                elif control.poll(int(wait_s * 1000) + 1) and self._handle(
                    control.recv_multipart()
                ):
                    break
        self._end()

    def _failures(self) -> list[str]:
        return [f"{plugin.name}: {plugin.error}" for plugin in self._plugins.failures]

    def _beat(self) -> protocol.Heartbeat:
        return protocol.Heartbeat(resident_memory(), self._results.refused)

    def _end(self) -> None:
        self._calls.cancel_streams()
        for lane in self._lanes:
            lane.join()
        self._context.term()

    def _handle(self, frames: list[bytes]) -> bool:
        """Do what a message says; True when it says stop."""
        try:
            return self._do(protocol.decode_to_worker(frames))
        except PayloadError as error:
            log.error("no valid message: %s", error)
            return False

    def _do(self, message: protocol.ToWorker) -> bool:
        match message:
            case protocol.Cancel():
                self._calls.cancel(message.request)
            case protocol.Credit():
                self._release(message.released)
                self._calls.credit(message.request, message.parts)
            case protocol.Load():
                self._start(message)
            case protocol.Stop():
                return True
            case _:
                log.error("the control socket got a %s", type(message).__name__)
        return False

    def _start(self, order: protocol.Load) -> None:
        self._lanes = [lane for lane in self._lanes if lane.is_alive()]
        line = self._trunk.take(order.lane) if self._trunk is not None else None
        lane = Lane(
            order, self._class_of, self._connection(order.lane, line), self._calls,
            self._requests, self._results,
        )  # fmt: skip
        self._lanes.append(lane)
        lane.start()

    def _connection(self, lane: int, line: LineEnd | None) -> Callable[[], Connection]:
        """Opens the way to the pool in the thread that will use it: a socket of ZeroMQ is one
        thread's, from the first."""
        return lambda: line or Wire(self._connect(lane))

    def _class_of(self, use: str) -> type[Model[Any, Any]]:
        return self._plugins.models.get(use)

    def _release(self, offsets: list[int]) -> None:
        for offset in offsets:
            with contextlib.suppress(KeyError):
                self._results.slots.release(offset)

    def _connect(self, lane: int) -> zmq.Socket[bytes]:
        config = self._config
        identity = transport.identity(config["token"].encode(), lane)
        return transport.connect(self._context, config["endpoint"], identity, config["secret"])


def _region(arena: list[int] | None, files: Sequence[int], *, writable: bool) -> Region | None:
    return Region(files[arena[0]], arena[1], writable=writable) if arena else None


def die_with(parent: int) -> None:
    """End this process at once, by the system's hand, when its parent is gone.

    It holds even while a library keeps the interpreter lock; where the system cannot do it, the
    lifeline is all there is.
    """
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it was gone before we could ask
            os._exit(0)


def end_with(lifeline: int) -> None:
    """End this process, and all it started, the moment the pool's process is gone."""

    def watch() -> None:
        with contextlib.suppress(OSError):
            while os.read(lifeline, 1024):
                pass
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()


def read_config(lifeline: int) -> dict[str, Any]:
    """The line that the pool has written to the lifeline."""
    line = b""
    while not line.endswith(b"\n"):
        data = os.read(lifeline, 65536)
        if not data:
            os._exit(0)  # the pool was gone before we began
        line += data
    config: dict[str, Any] = json.loads(line)
    return config


def configure_logs(level: str) -> None:
    """Logs go to the pool, which reads our stderr, as JSON."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("sensorium").setLevel(level.upper())


def load(config: dict[str, Any]) -> Plugins:
    """The plugins, with the modules of the models that are wanted imported."""
    plugins = load_plugins(
        installed=config["installed"], modules=config["modules"], disabled=config["disabled"]
    )
    for use in config["prepare"]:
        with contextlib.suppress(SensoriumError):  # said when it is loaded
            plugins.models.get(use)
    return plugins


def serve(lifeline: int, files: Sequence[int], plugins: Plugins | None, parent: int) -> NoReturn:
    """Be a worker until told to stop. ``files`` are the arenas."""
    die_with(parent)
    config = read_config(lifeline)
    end_with(lifeline)
    configure_logs(config["log_level"])
    plugins = plugins or load(config)
    Worker(config, plugins, files).run()
    logging.shutdown()
    os._exit(0)  # what libraries left running shall not hold us


def main(arguments: list[str]) -> None:
    """Run a worker; ``arguments`` are the numbers of the lifeline and of the arenas."""
    lifeline, *files = map(int, arguments)
    serve(lifeline, files, None, os.getppid())


if __name__ == "__main__":
    main(sys.argv[1:])
