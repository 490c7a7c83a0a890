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
from typing import Any

log = logging.getLogger("sensorium.workers")

MODULE = "sensorium.workers.pool.worker"
TAIL = 20  # last lines of output kept, to say what a worker died of
MAX_LINE = 64 * 1024  # bytes
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
    ) -> None:
        """Start it. ``config`` is what the worker reads first, ``ended`` is called once."""
        self.name = name
        self.tail: deque[str] = deque(maxlen=TAIL)
        self._ended = ended
        self._loop = asyncio.get_running_loop()
        theirs, self._lifeline = os.pipe()
        output, theirs_output = os.pipe()
        environment = dict(os.environ)
        if threads:
            environment |= dict.fromkeys(_THREAD_VARIABLES, str(threads))
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", MODULE, str(theirs)],
                stdin=subprocess.DEVNULL,
                stdout=theirs_output,  # results own our stdout: theirs is log like their stderr
                stderr=theirs_output,
                pass_fds=(theirs, *inherited),
                env=environment,
                start_new_session=True,  # Ctrl-C is for us; and we can end its children with it
            )
        except BaseException:
            os.close(self._lifeline)
            os.close(output)
            raise
        finally:
            os.close(theirs)
            os.close(theirs_output)
        self.pid = self._process.pid
        os.write(self._lifeline, json.dumps(config).encode() + b"\n")
        self._output = _Lines(output, self._say)
        self._watch = _ExitWatch(self._process, self._gone)

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.returncode is None

    @property
    def cause(self) -> str:
        """What it ended with, in words."""
        code = self._process.returncode
        if code is None:
            return "it is running"
        if code >= 0:
            return f"exit status {code}"
        with contextlib.suppress(ValueError):
            return f"killed by {signal.Signals(-code).name}"
        return f"killed by signal {-code}"

    def kill(self) -> None:
        """End it and its children at once; ``ended`` is called when it is gone."""
        if self.running:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)

    def _gone(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)  # what it started ends with it
        self._output.close()
        os.close(self._lifeline)
        self._ended()

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


class _Lines:
    """Reads lines from a pipe on the event loop, until it is closed at either end."""

    def __init__(self, descriptor: int, say: Callable[[str], None]) -> None:
        self._descriptor = descriptor
        self._say = say
        self._rest = b""
        self._open = True
        os.set_blocking(descriptor, False)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(descriptor, self._read)

    def _read(self) -> bool:
        try:
            data = os.read(self._descriptor, MAX_LINE)
        except BlockingIOError:
            return False
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > MAX_LINE:
            lines, self._rest = [*lines, self._rest], b""
        for line in lines:
            if line.strip():
                self._say(line.decode(errors="replace").rstrip())
        if not data:
            self._loop.remove_reader(self._descriptor)
        return bool(data)

    def close(self) -> None:
        if self._open:
            self._open = False
            for _ in range(16):  # a child that still writes shall not hold us
                if not self._read():
                    break
            self._loop.remove_reader(self._descriptor)
            os.close(self._descriptor)


class _ExitWatch:
    """Calls back on the event loop, at once, when a process has ended; reaps it."""

    def __init__(self, process: subprocess.Popen[bytes], gone: Callable[[], None]) -> None:
        self._process = process
        self._gone = gone
        self._loop = asyncio.get_running_loop()
        open_pidfd = getattr(os, "pidfd_open", None)  # Linux
        if open_pidfd is None:
            threading.Thread(target=self._wait, name=f"wait-{process.pid}", daemon=True).start()
            return
        self._descriptor: int = open_pidfd(process.pid)
        self._loop.add_reader(self._descriptor, self._readable)

    def _readable(self) -> None:
        self._loop.remove_reader(self._descriptor)
        os.close(self._descriptor)
        self._process.wait()
        self._gone()

    def _wait(self) -> None:
        self._process.wait()
        with contextlib.suppress(RuntimeError):  # the loop is closed already
            self._loop.call_soon_threadsafe(self._gone)
