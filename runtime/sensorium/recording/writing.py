"""The thread that takes what a recorder has queued, and writes it."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol, runtime_checkable

from sensorium.bus import SubscriptionStatistics
from sensorium.errors import PayloadError, RecordingFailed
from sensorium.plugins.manager import Plugins
from sensorium.recording.about import Facts, model_facts, plugin_facts, session_facts
from sensorium.recording.queue import RecordQueue
from sensorium.recording.writer import RecordingWriter
from sensorium.settings import Settings

GATHER_S = 0.01  # what comes in meanwhile is written together: each waking costs the loop a turn

_Log = logging.LoggerAdapter[logging.Logger]


@runtime_checkable
class SessionFacts(Protocol):
    """What ``context.trace`` says beside what happens."""

    @property
    def settings(self) -> Settings:
        """Of the session."""

    @property
    def plugins(self) -> Plugins:
        """Of the session."""

    def statistics(self) -> list[SubscriptionStatistics]:
        """Counts of every subscription."""


class WritingThread:
    """Writes until the queue is closed and empty, or writing fails.

    ``on_failure`` is called, in this thread, with the error that ended it. What was queued by then
    counts as given up.
    """

    def __init__(
        self,
        writer: RecordingWriter,
        queue: RecordQueue,
        facts: SessionFacts | None,
        options: Any,
        log: _Log,
        on_failure: Callable[[RecordingFailed], None],
    ) -> None:
        self.error: RecordingFailed | None = None
        self._writer = writer
        self._queue = queue
        self._facts = facts
        self._options = options
        self._log = log
        self._on_failure = on_failure
        self._stopping = threading.Event()
        self._described: set[str] = set()
        self._to_describe: deque[str] = deque()
        self._complained: set[str] = set()
        self._handled = 0
        self._failed: list[str] = []
        # A daemon, for a disk that hangs must not keep the process.
        self._thread = threading.Thread(target=self._run, name="recording", daemon=True)
        self.start = self._thread.start
        self.join = self._thread.join

    def stop(self) -> None:
        """Do not wait for more to come: the queue was closed."""
        self._stopping.set()

    def describe_model(self, name: str) -> None:
        """Write what is known of the model that was called, if it is new. Never waits."""
        if name not in self._described:
            self._described.add(name)
            self._to_describe.append(name)

    def _run(self) -> None:
        try:
            self._write_facts()
            closed = False
            while not closed:
                closed = self._queue.closed  # before taking: what is put first is taken first
                closed = not self._write_batch() and closed
            self._write_end()
            self._writer.close()
        except Exception as error:  # noqa: BLE001 - whatever it was, the session must hear of it
            self._give_up(error)

    def _write_batch(self) -> int:
        """Write what is in the queue, or wait for some; returns how much it was."""
        self._handled, self._failed = 0, []
        slots = self._queue.take(self._writer.due_in)
        for slot in slots:
            self._handled += 1
            assert slot.record is not None
            try:
                self._writer.write(slot.record)
            except PayloadError as error:
                self._failed.append(slot.topic)
                self._complain(slot.topic, error)
        taken = len(slots)
        self._queue.done(self._failed)
        self._handled, self._failed = 0, []
        while self._to_describe:
            self._write_model_facts(self._to_describe.popleft())
        self._writer.flush_if_due()
        self._stopping.wait(GATHER_S)
        return taken

    def _write_facts(self) -> None:
        settings = self._facts.settings if self._facts is not None else None
        options = {key: getattr(self._options, key) for key in ("images", "quality")}
        options |= {key: " ".join(getattr(self._options, key)) for key in ("topics", "exclude")}
        self._write_all(session_facts(settings, time.time_ns(), **options))
        if self._facts is not None:
            self._write_all(plugin_facts(self._facts.plugins))

    def _write_model_facts(self, name: str) -> None:
        if self._facts is None:
            return
        try:
            self._write_all(model_facts(name, self._facts.settings, self._facts.plugins))
        except RecordingFailed:
            raise
        except Exception as error:  # noqa: BLE001 - a plugin's model may raise anything
            self._log.warning("recording: nothing is known of model %r: %s", name, error)

    def _write_all(self, facts: Facts) -> None:
        for name, values in facts:
            self._writer.add_metadata(name, values)

    def _write_end(self) -> None:
        counts = self._queue.statistics()
        values = {
            "published": str(counts.published),
            "written": str(counts.written),
            "given_up": json.dumps(counts.given_up),
        }
        self._writer.add_metadata("sensorium.end", values)

    def _give_up(self, error: Exception) -> None:
        if not isinstance(error, RecordingFailed):
            self._log.error("recording failed", exc_info=error)
            error = RecordingFailed(f"recording failed: {type(error).__name__}: {error}")
        self.error = error
        self._queue.abandon(self._handled, self._failed, self._writer.unsaved())
        with suppress(RecordingFailed):  # no room for the summary either: readers do without
            self._writer.close()
        self._on_failure(error)

    def _complain(self, topic: str, error: PayloadError) -> None:
        if topic not in self._complained:
            self._complained.add(topic)
            self._log.error("what comes on %s is not recorded, but counted: %s", topic, error)
