"""Reports a blocked event loop together with the stack that blocks it.

A thread asks the loop for a sign of life; when none comes within the threshold it looks where
the loop's thread is. One report is made for each blockage, when it ends.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
import traceback
from collections.abc import Callable

from sensorium.payloads.base import Payload
from sensorium.payloads.system import LoopBlocked
from sensorium.settings import WatchdogSettings

log = logging.getLogger("sensorium.watchdog")

STACK_DEPTH = 12


class Watchdog:
    """Watches the loop it is started on. ``announce`` publishes the report, on the loop."""

    def __init__(self, settings: WatchdogSettings, announce: Callable[[Payload], None]) -> None:
        self._threshold = settings.threshold_ms / 1000
        self._enabled = settings.enabled
        self._announce = announce
        self._stop = threading.Event()
        self._alive = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin watching the running loop."""
        if not self._enabled:
            return
        loop = asyncio.get_running_loop()
        self._thread = threading.Thread(
            target=self._watch,
            args=(loop, threading.get_ident()),
            name="sensorium-watchdog",
            daemon=True,
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop watching; returns once the thread has ended."""
        self._stop.set()
        self._alive.set()  # the loop cannot answer while it waits here
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _watch(self, loop: asyncio.AbstractEventLoop, loop_thread: int) -> None:
        while not self._stop.wait(self._threshold / 2):
            alive = self._alive = threading.Event()
            if self._stop.is_set():
                return
            asked = time.monotonic()
            try:
                loop.call_soon_threadsafe(alive.set)
            except RuntimeError:  # the loop is closed
                return
            if alive.wait(self._threshold):
                continue
            stack = _stack_of(loop_thread)
            while not alive.wait(0.05):
                if self._stop.is_set():
                    return
            self._report(loop, LoopBlocked(time.monotonic() - asked, stack))

    def _report(self, loop: asyncio.AbstractEventLoop, report: LoopBlocked) -> None:
        log.warning("the event loop stood still for %.2f s in:\n%s", report.seconds, report.stack)
        try:
            loop.call_soon_threadsafe(self._announce, report)
        except RuntimeError:
            return


def _stack_of(thread: int) -> str:
    frame = sys._current_frames().get(thread)
    if frame is None:
        return "the loop's thread has ended"
    return "".join(traceback.format_stack(frame, limit=STACK_DEPTH))
