"""The sink ``recorder``: everything that happens in a session, into one MCAP file.

It listens to ``context.trace`` and queues what it hears; a thread of its own writes. So it never
makes anybody wait, and what it cannot keep up with it gives up in the stated order and counts, in
the file, too.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, Literal

import msgspec
from pydantic import Field, field_validator

from sensorium.bus import SubscriptionStatistics
from sensorium.components import ComponentOptions, Context, Emit, Sink
from sensorium.errors import ComponentError, PayloadError, RecordingFailed, TopicError
from sensorium.events import AnyEvent
from sensorium.payloads.system import ComponentReady, EventsDropped
from sensorium.recording.media import pillow
from sensorium.recording.queue import RecorderStatistics, RecordQueue
from sensorium.recording.records import (
    CALL,
    COUNTS,
    KIND_OF,
    DropCounts,
    EdgeCounts,
    encode_call,
)
from sensorium.recording.writer import CHUNK_BYTES, RecordingWriter
from sensorium.recording.writing import SessionFacts, WritingThread
from sensorium.topics import check_pattern, matches
from sensorium.trace import ModelAsked, ModelCall, TraceRecord

COUNT_S = 1.0
TIME = "{time}"
MOST_AT_ONCE = 100  # recordings that begin in one second
TOPICS_REMEMBERED = 4096
MIB = 1024 * 1024


class RecorderOptions(ComponentOptions):
    """What is recorded, and how."""

    path: str = "recordings/{time}.mcap"
    """``{time}`` stands for the time of day in UTC. A file that exists is never overwritten."""
    images: Literal["raw", "png", "jpeg"] = "raw"
    """Raw and png lose nothing. jpeg does: what is replayed is then not what was seen."""
    quality: int = Field(90, ge=1, le=100)
    """Of jpeg."""
    compression: Literal["zstd", "lz4", "none"] = "zstd"
    """Of the chunks."""
    chunk_bytes: int = Field(CHUNK_BYTES, ge=1024, le=256 * MIB)
    queue_bytes: int = Field(256 * MIB, ge=MIB)
    """Beyond it events are given up, and counted."""
    queue_count: int = Field(65_536, ge=16)
    """Of events and other records."""
    topics: tuple[str, ...] = ("#",)
    """Patterns of the topics that are recorded. What leaves some out does not replay."""
    exclude: tuple[str, ...] = ()
    """Patterns of topics that are not, though ``topics`` names them."""

    @field_validator("topics", "exclude")
    @classmethod
    def _patterns(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in patterns:
            try:
                check_pattern(pattern)
            except TopicError as error:
                raise ValueError(str(error)) from error
        return patterns


class Recorder(Sink):
    """Records the session it is part of. A write error fails it; the session goes on."""

    Options = RecorderOptions
    traces = True

    def __init__(self, options: Any, context: Context) -> None:
        super().__init__(options, context)
        self.path = recording_path(options.path)
        self._queue = RecordQueue(options.queue_bytes, options.queue_count)
        self._thread: WritingThread | None = None
        self._reported = False
        self._wanted: dict[str, bool] = {}
        self._facts: SessionFacts | None = None
        self._last_at = 0
        self._edges: dict[str, EdgeCounts] = {}
        self._dropped: dict[str, Counter[str]] = {}

    async def setup(self) -> None:
        """Make the file and begin to listen. Raises :class:`RecordingFailed` when it exists."""
        trace = self.context.trace
        if trace is None:
            raise ComponentError(self.name, "this session cannot be recorded: it has no trace")
        options = self.options
        if options.images != "raw":
            pillow()
        writer = self._open()
        loop = asyncio.get_running_loop()
        failed: asyncio.Future[None] = loop.create_future()
        self._facts = _facts_of(trace)
        self._thread = WritingThread(
            writer, self._queue, self._facts, options, self.log, partial(_fail_soon, loop, failed)
        )
        self._thread.start()
        self.context.spawn(self._watch(failed), name="writer")
        self.context.spawn(self._count_edges(), name="counts")
        trace.listen(self, self.name)

    def _open(self) -> RecordingWriter:
        """The file. Where a path with ``{time}`` is taken, by another of this second: ``…-2``."""
        options, wanted = self.options, self.path
        for number in count(2):
            try:
                return RecordingWriter(
                    self.path,
                    images=options.images,
                    quality=options.quality,
                    compression=options.compression,
                    chunk_bytes=options.chunk_bytes,
                )
            except RecordingFailed:
                if TIME not in options.path or not self.path.exists() or number > MOST_AT_ONCE:
                    raise
                self.path = wanted.with_stem(f"{wanted.stem}-{number}")
        raise AssertionError

    async def process(self, event: AnyEvent, emit: Emit) -> None:
        """It has no inputs."""

    async def close(self) -> None:
        """Write what is left. Raises :class:`RecordingFailed` when that cannot be done."""
        if self._thread is None:
            return
        self._put_counts()
        self._queue.close()
        self._thread.stop()
        await asyncio.to_thread(self._thread.join)
        if self._thread.error is not None and not self._reported:
            raise self._thread.error

    def statistics(self) -> RecorderStatistics:
        """What became of everything so far."""
        return self._queue.statistics()

    # --- what the session tells, in the middle of things: never waits, never raises -----------

    def published(self, event: AnyEvent) -> None:
        """Queue an event."""
        if self._queue.closed:  # stopped before its session
            return
        wanted = self._wanted.get(event.topic)
        if wanted is None:
            if len(self._wanted) >= TOPICS_REMEMBERED:
                self._wanted.clear()
            wanted = self._wanted[event.topic] = self._wants(event.topic)
        self._last_at = event.creation_time
        if isinstance(event.payload, ComponentReady):
            self._look_at_edges()  # some are closed before the next second is over
        elif isinstance(event.payload, EventsDropped):
            known = self._dropped.setdefault(event.payload.subscription, Counter())
            known.update(event.payload.dropped)
        if wanted:
            self._queue.put_event(event)

    def traced(self, record: TraceRecord) -> None:
        """Queue a trace record. A model's answer is encoded at once: its values may change."""
        if self._queue.closed:
            return
        if isinstance(record, ModelCall):
            self._last_at = record.ended
            if self._thread is not None:
                self._thread.describe_model(record.model)
            if isinstance(record, ModelAsked):  # read-only: the thread encodes it
                self._queue.put(record, CALL.topic)
                return
            try:
                call = encode_call(record)
            except PayloadError as error:
                self._queue.refuse(CALL.topic)
                self.log.error("an answer of model %r is not recorded: %s", record.model, error)
            else:
                self._queue.put(call, CALL.topic, len(call.data))
            return
        self._last_at = record.at
        self._queue.put(record, KIND_OF[type(record)].topic)

    def _wants(self, topic: str) -> bool:
        named = any(matches(pattern, topic) for pattern in self.options.topics)
        return named and not any(matches(pattern, topic) for pattern in self.options.exclude)

    # --- on the loop -----------------------------------------------------------------------------

    async def _watch(self, failed: asyncio.Future[None]) -> None:
        try:
            await failed
        except RecordingFailed:
            self._reported = True
            raise

    async def _count_edges(self) -> None:
        while True:
            await asyncio.sleep(COUNT_S)  # real time, as the file's chunks: no part of the agent
            self._put_counts()

    def _put_counts(self) -> None:
        self._look_at_edges()
        given_up = self._queue.statistics().given_up
        edges = tuple(map(self._with_last_drops, self._edges.values()))
        self._queue.put(DropCounts(self._last_at, edges, given_up), COUNTS.topic)

    def _look_at_edges(self) -> None:
        if self._facts is not None:
            self._edges |= {counts.name: _edge(counts) for counts in self._facts.statistics()}

    def _with_last_drops(self, edge: EdgeCounts) -> EdgeCounts:
        """A subscription that was closed is counted no more, but its last drops were announced."""
        announced = self._dropped.get(edge.name, Counter[str]())
        if announced.total() <= sum(edge.dropped.values()):
            return edge
        return msgspec.structs.replace(edge, dropped=dict(announced))


def _fail_soon(
    loop: asyncio.AbstractEventLoop, failed: asyncio.Future[None], error: RecordingFailed
) -> None:
    """Called in the thread: let whoever waits for ``failed`` raise ``error``."""

    def fail() -> None:
        if not failed.done():  # nobody waits any more: then close() says it
            failed.set_exception(error)

    with suppress(RuntimeError):  # the loop is closed
        loop.call_soon_threadsafe(fail)


def recording_path(path: str) -> Path:
    """The file that ``path`` names now."""
    now = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    return Path(path.replace(TIME, now)).expanduser()


def _facts_of(trace: object) -> SessionFacts | None:
    return trace if isinstance(trace, SessionFacts) else None


def _edge(counts: SubscriptionStatistics) -> EdgeCounts:
    return EdgeCounts(
        counts.name, counts.pattern, counts.policy, counts.published, counts.delivered,
        counts.dropped, counts.pending, counts.waiting,
    )  # fmt: skip
