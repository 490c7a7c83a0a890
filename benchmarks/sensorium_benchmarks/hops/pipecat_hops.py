"""pipecat: one processor a stage, each with its own queues and tasks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from pipecat.frames.frames import DataFrame, Frame
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

from sensorium_benchmarks.bus.note import Note
from sensorium_benchmarks.hops.row import Enter, Exit, alone_of, stream_of
from sensorium_benchmarks.pipecat_pipeline import running


@dataclass
class NoteFrame(DataFrame):  # type: ignore[misc,unused-ignore]  # Any where it is absent
    """pipecat's envelope around the note."""

    note: Note


class Stage(FrameProcessor):  # type: ignore[misc,unused-ignore]
    """Passes every frame on; the last one gives the notes to the exit."""

    def __init__(self, out: Exit | None) -> None:
        super().__init__()
        self._out = out

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """See :class:`FrameProcessor`."""
        await super().process_frame(frame, direction)
        if self._out is not None and isinstance(frame, NoteFrame):
            self._out(frame.note)
        else:
            await self.push_frame(frame, direction)


@asynccontextmanager
async def _opened(stages: int, out: Exit) -> AsyncIterator[Enter]:
    row = [*(Stage(None) for _ in range(stages - 1)), Stage(out)]
    async with running(row) as worker:

        async def enter(note: Note) -> None:
            await worker.queue_frame(NoteFrame(note))

        yield enter


stream: Callable[[int, int], dict[str, float]] = partial(stream_of, _opened)
alone: Callable[[int, int], dict[str, float]] = partial(alone_of, _opened)
