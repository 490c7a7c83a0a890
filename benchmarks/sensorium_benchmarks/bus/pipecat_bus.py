"""pipecat: frames through a pipeline of processors, each with its own queue and task."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from pipecat.frames.frames import DataFrame, Frame
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

from sensorium_benchmarks.bus.note import (
    TEXT,
    Carry,
    Note,
    arrived,
    latency_of,
    throughput_of,
)
from sensorium_benchmarks.pipecat_pipeline import running


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
        async with running([consumer]) as worker:
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
    async with running([*before, Consumer(receive)]) as worker:
        yield carry
