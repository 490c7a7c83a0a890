"""pipecat: an InterruptionFrame through a pipeline of busy processors."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from time import monotonic_ns

from pipecat.frames.frames import DataFrame, Frame, InterruptionFrame
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

from sensorium_benchmarks.barge_in.interruptions import Stages, summary
from sensorium_benchmarks.pipecat_pipeline import running


@dataclass
class Word(DataFrame):  # type: ignore[misc,unused-ignore]  # Any where it is absent
    """Something to be worked on."""

    number: int


class Stage(FrameProcessor):  # type: ignore[misc,unused-ignore]
    """Hands a word on and is busy until it is interrupted; counts the words it began."""

    begun = 0

    def __init__(self, state: Stages) -> None:
        super().__init__()
        self._state = state

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """See :class:`FrameProcessor`."""
        await super().process_frame(frame, direction)
        if isinstance(frame, Word):
            self.begun += 1
            await self._state.work(lambda: self.push_frame(frame, direction))
        else:
            await self.push_frame(frame, direction)


class End(FrameProcessor):  # type: ignore[misc,unused-ignore]
    """Says when an interruption comes out."""

    def __init__(self) -> None:
        super().__init__()
        self.interrupted = asyncio.Event()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """See :class:`FrameProcessor`."""
        await super().process_frame(frame, direction)
        if isinstance(frame, InterruptionFrame):
            self.interrupted.set()
        await self.push_frame(frame, direction)


def stages(stages: int, queued: int, times: int) -> dict[str, float]:
    """Interrupt the pipeline, up to the moment the interruption is out at its end."""

    async def run() -> dict[str, float]:
        state, end = Stages(stages), End()
        row = [Stage(state) for _ in range(stages)]
        taken = []
        async with running([*row, end], drain=False) as worker:
            for _ in range(times):
                for number in range(queued + 1):  # one is worked on
                    await worker.queue_frame(Word(number))
                await state.all_busy()
                began = monotonic_ns()
                await worker.queue_frame(InterruptionFrame())
                await end.interrupted.wait()
                taken.append(monotonic_ns() - began)
                end.interrupted.clear()
                waiting = sum(one.has_queued_frame(Word) for one in row)
                state.check(waiting)
        cleared = (times * (queued + 1) - row[0].begun) / times
        return {**summary(taken), "cleared": cleared}

    return asyncio.run(run())
