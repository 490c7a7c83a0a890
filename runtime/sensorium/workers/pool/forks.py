"""Workers by fork: the pool's side of the template process.

Starting an interpreter and importing everything takes a third of a second, each time the same
third. A template (:mod:`sensorium.workers.pool.template`) does it once and forks. Whatever it
cannot do, because it died or is no safe thing to fork, is done by starting a new interpreter.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import os
import socket
import sys
from typing import Any

from sensorium.workers.pool.process import WorkerProcess

log = logging.getLogger("sensorium.workers")

MODULE = "sensorium.workers.pool.template"
MAX_MESSAGE = 4096  # bytes
LIVES = 3  # of the template, that end without having forked anything


def can_fork() -> bool:
    """Whether this system can fork workers: it takes pidfds, and libraries that stand it."""
    return sys.platform.startswith("linux") and hasattr(os, "pidfd_open")


class Forks:
    """Forks workers on request. Starts its template with the first one, and again if it ends."""

    def __init__(self, config: dict[str, Any], threads: int) -> None:
        """``config`` says what the template imports; needs a running event loop."""
        self._config = config
        self._threads = threads
        self._loop = asyncio.get_running_loop()
        self._numbers = itertools.count(1)
        self._process: WorkerProcess | None = None
        self._socket: socket.socket | None = None
        self._pending: dict[int, WorkerProcess] = {}
        self._running: dict[int, WorkerProcess] = {}
        """By process id."""
        self._usable = can_fork()
        self._fruitless = 0
        self._closing = False
        self._ended = asyncio.Event()

    @property
    def pid(self) -> int:
        """The template's process id; 0 while there is none."""
        return self._process.pid if self._process is not None else 0

    def fork(self, worker: WorkerProcess) -> bool:
        """Have that worker forked, soon; False when it cannot be."""
        if not self._usable or self._closing:
            return False
        number = next(self._numbers)
        try:
            held = self._socket or self._start()
            socket.send_fds(held, [json.dumps({"fork": number}).encode()], worker.files)
        except OSError as error:
            log.info("workers are not forked: %s", error)
            return False
        self._pending[number] = worker
        return True

    def withdraw(self, worker: WorkerProcess) -> bool:
        """That worker is not wanted any more; False when nobody was about to fork it."""
        for number, pending in self._pending.items():
            if pending is worker:
                del self._pending[number]
                return True
        return False

    async def close(self) -> None:
        """End the template, and wait until it is gone; the workers must have ended."""
        self._closing = True
        if self._process is not None:
            self._process.kill()  # it holds nothing that could be lost
            await self._ended.wait()

    def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            ours.setblocking(False)
            try:
                self._process = WorkerProcess(
                    "template", self._config, (theirs.fileno(),), self._gone,
                    threads=self._threads, module=MODULE,
                )  # fmt: skip
            except BaseException:
                ours.close()
                raise
        self._ended.clear()
        self._socket = ours
        self._loop.add_reader(ours, self._read)
        return ours

    def _read(self) -> None:
        assert self._socket is not None
        try:
            data, files, _, _ = socket.recv_fds(self._socket, MAX_MESSAGE, 1)
        except OSError:  # nothing there, or nobody: then its process ends, which is told
            return
        if not data:
            self._loop.remove_reader(self._socket)
            return
        message = json.loads(data)
        if "unsafe" in message:
            log.info("workers are started one by one: %s", message["unsafe"])
            self._usable = False
        elif "ended" in message:
            worker = self._running.pop(message["ended"], None)
            if worker is not None:
                worker.exited(message["status"])
        elif "forked" in message:
            self._fruitless = 0
            self._begun(message["forked"], message["pid"], files[0])

    def _begun(self, number: int, pid: int, pidfd: int) -> None:
        worker = self._pending.pop(number, None)
        if worker is None:  # withdrawn: its lifeline is closed, so it ends by itself
            os.close(pidfd)
            return
        self._running[pid] = worker
        worker.forked(pid, pidfd)

    def _gone(self) -> None:
        """The template has ended; those it forked end with it, which each of them notices."""
        if self._socket is not None:
            self._loop.remove_reader(self._socket)
            self._socket.close()
        cause = self._process.cause if self._process is not None else ""
        self._process = self._socket = None
        self._running.clear()
        self._fruitless += 1
        if self._fruitless >= LIVES:
            self._usable = False
        if not self._closing and self._usable:
            log.info("the template of the workers ended: %s", cause)
        pending, self._pending = self._pending, {}
        for worker in pending.values():
            worker.spawn_after_all()
        self._ended.set()
