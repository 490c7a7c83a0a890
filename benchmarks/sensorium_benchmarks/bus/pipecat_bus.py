"""pipecat: frames through a pipeline of processors, each with its own queue and task."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from loguru import logger

logger.remove()  # else the import alone writes a banner, and every frame may write a line

from pipecat.frames.frames import DataFrame, EndFrame, Frame  # noqa: E402
from pipecat.pipeline.pipeline import Pipeline  # noqa: E402
from pipecat.pipeline.worker import PipelineWorker  # noqa: E402
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor  # noqa: E402
from pipecat.workers.runner import WorkerRunner  # noqa: E402

from sensorium_benchmarks.bus.note import (  # noqa: E402
    TEXT,
    Carry,
    Note,
    arrived,
    latency_of,
    throughput_of,
)


@dataclass
class NoteFrame(DataFrame):  # type: ignore[misc,unused-ignore]  # Any where it is absent
    """pipecat's envelope around the note."""

    note: Note


class Consumer(FrameProcessor):  # type: ignore[misc,unused-ignore]
    """Calls ``receive`` with the note of each frame and passes the frame on."""

    def __init__(self, receive: Callable[[Note], None]) -> None:
        super().__init__()
        self._receive = receive

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """See :class:`FrameProcessor`."""
        await super().process_frame(frame, direction)
        if isinstance(frame, NoteFrame):
            self._receive(frame.note)
        await self.push_frame(frame, direction)


def throughput(consumers: int, events: int) -> dict[str, float]:
    """One publisher, ``consumers`` processors in a row."""
    return throughput_of(_opened, consumers, events)


def latency(events: int, interval_s: float) -> dict[str, float]:
    """One frame every ``interval_s``."""

    async def send(make: Callable[[], Note], arrivals: list[float], events: int) -> None:
        consumer = Consumer(lambda note: arrived(note, arrivals))
        async with _running([consumer]) as worker:
            for _ in range(events):
                await asyncio.sleep(interval_s)
                await worker.queue_frame(NoteFrame(make()))

    return latency_of(send, events)


@asynccontextmanager
async def _opened(consumers: int) -> AsyncIterator[Carry]:
    last = -1
    waiting: asyncio.Future[None]

    def receive(note: Note) -> None:
        if note.number == last:
            waiting.set_result(None)

    async def carry(events: int) -> None:
        nonlocal last, waiting
        last = events - 1
        waiting = asyncio.get_running_loop().create_future()
        for number in range(events):
            await worker.queue_frame(NoteFrame(Note(TEXT, number)))
        await waiting  # the last processor of the row is the last to have a frame

    before = [Consumer(lambda note: None) for _ in range(consumers - 1)]
    async with _running([*before, Consumer(receive)]) as worker:
        yield carry


@asynccontextmanager
async def _running(consumers: list[Consumer]) -> AsyncIterator[PipelineWorker]:
    """A started pipeline, as lean as it goes; leaving waits until every frame has been through."""
    worker = PipelineWorker(
        Pipeline(consumers), idle_timeout_secs=None, enable_rtvi=False, enable_turn_tracking=False
    )
    started = asyncio.Event()

    @worker.event_handler("on_pipeline_started")  # type: ignore[untyped-decorator,unused-ignore]
    async def _started(*_: object) -> None:
        started.set()

    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    running = asyncio.create_task(runner.run())
    await started.wait()
    try:
        yield worker
    finally:
        await worker.queue_frame(EndFrame())
        await running
