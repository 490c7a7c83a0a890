"""A worker's process: how it starts, how its end is noticed, where its output goes.

The worker inherits one end of a pipe. Whatever becomes of this process, the pipe then closes,
and the worker ends itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sensorium.workers.pool.output import Lines

if TYPE_CHECKING:
    from sensorium.workers.pool.forks import Forks

log = logging.getLogger("sensorium.workers")

MODULE = "sensorium.workers.pool.worker"
TAIL = 20  # last lines of output kept, to say what a worker died of
STATUS_S = 0.25  # how long the status of a forked worker may be behind the news of its end
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class WorkerProcess:
    """One process, from its start until it is gone and everything of it is closed."""

    def __init__(
        self,
        name: str,
        config: dict[str, Any],
        inherited: tuple[int, ...],
        ended: Callable[[], None],
        *,
        threads: int = 0,
        forks: Forks | None = None,
        module: str = MODULE,
    ) -> None:
        """Start it, by ``forks`` where they can. ``config`` is what the worker reads first,
        ``ended`` is called once, never before this returns. ``inherited`` stay the caller's.
        Raises OSError when the system has no room for it."""
        self.name = name
        self.tail: deque[str] = deque(maxlen=TAIL)
        self.pid = 0
        """0 until it is known, which of a forked one takes some milliseconds."""
        self._ended = ended
        self._threads = threads
        self._module = module
        self._forks = forks
        self._status: int | None = None
        self._over = self._killed = False
        self._loop = asyncio.get_running_loop()
        self._watch: _Pidfd | None = None
        ours, self.files = _descriptors(inherited)
        self._lifeline, output = ours
        os.write(self._lifeline, json.dumps(config).encode() + b"\n")
        self._output = Lines(output, self._say)
        if forks is None or not forks.fork(self):
            try:
                self.spawn()
            except BaseException:
                self._close()
                raise

    # --- starting -------------------------------------------------------------------------

    def spawn(self) -> None:
        """Start a new interpreter. Raises OSError when the system has no room for it."""
        environment = dict(os.environ)
        if self._threads:
            environment |= dict.fromkeys(_THREAD_VARIABLES, str(self._threads))
        lifeline, output, *others = self.files
        process = subprocess.Popen(
            [sys.executable, "-m", self._module, str(lifeline), *map(str, others)],
            stdin=subprocess.DEVNULL,
            stdout=output,  # results own our stdout: theirs is log like their stderr
            stderr=output,
            pass_fds=(lifeline, *others),
            env=environment,
            start_new_session=True,  # Ctrl-C is for us; and we can end its children with it
        )
        self._forks = None
        self._close_files()
        self.pid = process.pid
        _watch_child(process, self._gone)

    def spawn_after_all(self) -> None:
        """The fork that was asked for will not come."""
        try:
            self.spawn()
        except OSError as error:
            self.tail.append(f"it could not be started: {error}")
            self._loop.call_soon(self._gone, None)

    def forked(self, pid: int, pidfd: int) -> None:
        """It was forked. Takes the descriptor over."""
        self._close_files()
        self.pid = pid
        self._watch = _Pidfd(pidfd, self._forked_ended)
        if self._killed:
            self.kill()

    def exited(self, status: int) -> None:
        """What the forked process ended with."""
        self._gone(status)

    # --- running --------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return not self._over

    @property
    def status(self) -> int | None:
        """Its exit status, negative for a signal; None while it runs or when nobody knows."""
        return self._status

    @property
    def cause(self) -> str:
        """What it ended with, in words."""
        if not self._over:
            return "it is running"
        code = self._status
        if code is None:
            return "it ended, and nobody saw how"
        if code >= 0:
            return f"exit status {code}"
        with contextlib.suppress(ValueError):
            return f"killed by {signal.Signals(-code).name}"
        return f"killed by signal {-code}"

    def kill(self) -> None:
        """End it and its children at once; ``ended`` is called when it is gone."""
        if self._over:
            return
        self._killed = True
        if not self.pid:
            if self._forks is not None and self._forks.withdraw(self):
                self._loop.call_soon(self._gone, None)
            return
        if self._watch is not None:
            self._watch.kill()
        _kill_group(self.pid)

    def _forked_ended(self) -> None:
        _kill_group(self.pid)
        self._loop.call_later(STATUS_S, self._gone, None)

    def _gone(self, status: int | None) -> None:
        if self._over:
            return
        self._over, self._status = True, status
        self._close()
        self._ended()

    def _close(self) -> None:
        if self._watch is not None:
            self._watch.close()
        self._output.close()
        os.close(self._lifeline)
        self._close_files()

    def _close_files(self) -> None:
        for file in self.files:
            os.close(file)
        self.files = []

    def _say(self, line: str) -> None:
        try:
            record = json.loads(line)
            level = logging.getLevelNamesMapping()[record["level"].upper()]
            logger, words = str(record["logger"]), str(record["message"])
        except (ValueError, KeyError, TypeError, AttributeError):
            self.tail.append(line)
            log.info("%s: %s", self.name, line)
            return
        error = record.get("error")
        words = f"{words}\n{error}" if error else words
        logging.getLogger(logger).log(level, "%s: %s", self.name, words)


def _descriptors(inherited: tuple[int, ...]) -> tuple[tuple[int, int], list[int]]:
    """Our ends of the lifeline and of the output; and theirs, with what else they inherit."""
    opened: list[int] = []
    try:
        for _ in range(2):
            opened += os.pipe()
        for file in inherited:
            opened.append(os.dup(file))
    except OSError:
        for file in opened:
            os.close(file)
        raise
    theirs, lifeline, output, theirs_output, *others = opened
    return (lifeline, output), [theirs, theirs_output, *others]


def _kill_group(leader: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


class _Pidfd:
    """Calls back on the event loop when a process has ended, whoever's child it is."""

    def __init__(self, descriptor: int, gone: Callable[[], None]) -> None:
        self._descriptor = descriptor
        self._gone = gone
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(descriptor, self._readable)

    def kill(self) -> None:
        """End that process and no other, even if its number were another's by now."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._descriptor, signal.SIGKILL)

    def close(self) -> None:
        """Stop watching."""
        self._loop.remove_reader(self._descriptor)
        os.close(self._descriptor)

    def _readable(self) -> None:
        self._loop.remove_reader(self._descriptor)
        self._gone()


def _watch_child(process: subprocess.Popen[bytes], gone: Callable[[int | None], None]) -> None:
    """Call ``gone`` on the event loop, at once, when our child has ended; reaps it."""
    loop = asyncio.get_running_loop()

    def reap() -> None:
        _kill_group(process.pid)  # what it started ends with it; its number is still its own
        process.wait()

    def wait_in_thread() -> None:
        with contextlib.suppress(ChildProcessError):
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        reap()
        with contextlib.suppress(RuntimeError):  # the loop is closed already
            loop.call_soon_threadsafe(gone, process.returncode)

    def readable() -> None:
        watch.close()
        reap()
        gone(process.returncode)

    open_pidfd = getattr(os, "pidfd_open", None)  # Linux
    if open_pidfd is None:
        threading.Thread(target=wait_in_thread, name=f"wait-{process.pid}", daemon=True).start()
    else:
        watch = _Pidfd(open_pidfd(process.pid), readable)
