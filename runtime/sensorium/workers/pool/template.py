"""The template of a pool's workers: ``python -m sensorium.workers.pool.template DESCRIPTORS``.

It imports what every worker imports, plugins included, and then forks a worker whenever the pool
asks. It has one thread, no socket but the pool's and no device, so nothing half done is copied;
where plugins have started threads or opened a GPU, it says so and ends, and workers are started
afresh. It reaps what it forked and tells how each ended. When the pool's process is gone it
ends, and its workers with it.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import signal
import socket
import sys
from pathlib import Path
from typing import NoReturn

from sensorium.plugins.manager import Plugins
from sensorium.workers.pool import worker

MAX_FILES = 8
_TASKS = Path("/proc/self/task")
_FILES = Path("/proc/self/fd")
_DEVICES = ("/dev/nvidia", "/dev/kfd", "/dev/dri")


class Template:
    """Forks workers for the pool at the other end of a socket."""

    def __init__(self, lifeline: int, pool: socket.socket, plugins: Plugins) -> None:
        self._lifeline = lifeline
        self._pool = pool
        self._plugins = plugins
        self._children: set[int] = set()
        self._wake, self._woken = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(self._woken, False)

    def run(self) -> NoReturn:
        """Serve until the pool is gone."""
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._woken, warn_on_full_buffer=False)
        while True:
            ready = select.select([self._pool.fileno(), self._lifeline, self._wake], [], [])[0]
            if self._wake in ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._wake, 4096)
                self._reap()
            if self._lifeline in ready:  # nothing is ever written to it now: it was closed
                os._exit(0)
            if self._pool.fileno() in ready:
                self._serve()

    def _serve(self) -> None:
        data, files, _, _ = socket.recv_fds(self._pool, 4096, MAX_FILES)
        if not data:
            os._exit(0)
        trouble = unsafe()
        if trouble:
            self._tell({"unsafe": trouble})
            os._exit(0)
        parent = os.getpid()
        pid = os.fork()
        if not pid:
            self._become_worker(parent, files)
        self._children.add(pid)
        pidfd = os.pidfd_open(pid)
        self._tell({"forked": json.loads(data)["fork"], "pid": pid}, [pidfd])
        for file in (pidfd, *files):
            os.close(file)

    def _become_worker(self, parent: int, files: list[int]) -> NoReturn:
        try:
            os.setsid()  # a process group of its own, to be ended with what it starts
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self._pool.close()
            for file in (self._wake, self._woken, self._lifeline):
                os.close(file)
            lifeline, output, *others = files
            for standard in (1, 2):
                os.dup2(output, standard)
            os.close(output)
            _reseed()
            worker.serve(lifeline, others, self._plugins, parent)
        except BaseException:  # noqa: BLE001 - nothing may go on in the template's place
            sys.excepthook(*sys.exc_info())
            sys.stderr.flush()
        os._exit(70)

    def _reap(self) -> None:
        for pid in tuple(self._children):
            if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                continue
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)  # while the number is its own: what it started
            _, status = os.waitpid(pid, 0)
            self._children.discard(pid)
            self._tell({"ended": pid, "status": os.waitstatus_to_exitcode(status)})

    def _tell(self, message: dict[str, object], files: list[int] | None = None) -> None:
        try:
            socket.send_fds(self._pool, [json.dumps(message).encode()], files or [])
        except OSError:
            os._exit(0)


def _reseed() -> None:
    """Random numbers of Python are seeded anew after a fork, those of numpy are not."""
    random = sys.modules.get("numpy.random")
    if random is not None:
        random.seed()


def unsafe() -> str:
    """Why this process must not be forked; empty when it may be."""
    threads = len(list(_TASKS.iterdir()))
    if threads > 1:
        return f"the plugins run {threads - 1} threads of their own"
    for file in _FILES.iterdir():
        with contextlib.suppress(OSError):
            target = str(file.readlink())
            if target.startswith(_DEVICES):
                return f"the plugins have opened {target}"
    return ""


def _settle() -> None:
    """Numeric libraries that were imported have threads, and end them with a first fork."""
    pid = os.fork()
    if not pid:
        os._exit(0)
    os.waitpid(pid, 0)


def main(arguments: list[str]) -> None:
    """Run a template; ``arguments`` are the numbers of the lifeline and of the pool's socket."""
    lifeline, pool = map(int, arguments)
    config = worker.read_config(lifeline)
    worker.die_with(os.getppid())
    worker.configure_logs(config["log_level"])
    plugins = worker.load(config)
    gc.collect()
    gc.freeze()  # else collecting writes to every page that the workers share
    _settle()
    Template(lifeline, socket.socket(fileno=pool), plugins).run()


if __name__ == "__main__":
    main(sys.argv[1:])
