"""A running pipecat pipeline around processors of ours, as lean as it goes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from loguru import logger

logger.remove()  # else the import alone writes a banner, and every frame may write a line

from pipecat.frames.frames import CancelFrame, EndFrame  # noqa: E402
from pipecat.pipeline.pipeline import Pipeline  # noqa: E402
from pipecat.pipeline.worker import PipelineWorker  # noqa: E402
from pipecat.processors.frame_processor import FrameProcessor  # noqa: E402
from pipecat.workers.runner import WorkerRunner  # noqa: E402


@asynccontextmanager
async def running(
    processors: Sequence[FrameProcessor], *, drain: bool = True
) -> AsyncIterator[PipelineWorker]:
    """A started pipeline. Leaving it waits until every frame is through, or drops what waits."""
    worker = PipelineWorker(
        Pipeline(list(processors)),
        idle_timeout_secs=None,
        enable_rtvi=False,
        enable_turn_tracking=False,
    )
    started = asyncio.Event()

    @worker.event_handler("on_pipeline_started")  # type: ignore[untyped-decorator,unused-ignore]
    async def _started(*_: object) -> None:
        started.set()

    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    pipeline = asyncio.create_task(runner.run())
    await started.wait()
    try:
        yield worker
    finally:
        await worker.queue_frame(EndFrame() if drain else CancelFrame())
        await pipeline
