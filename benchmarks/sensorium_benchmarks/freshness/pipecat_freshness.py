"""pipecat: image frames into a pipeline whose one processor has them looked at in a thread."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from pipecat.frames.frames import DataFrame
from pipecat.frames.frames import Frame as PipecatFrame
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

from sensorium_benchmarks.frames.frame import Camera, Frame
from sensorium_benchmarks.freshness.scene import GRACE_S, HEIGHT, WIDTH, Eye, Pace, account
from sensorium_benchmarks.pipecat_pipeline import running


@dataclass
class Picture(DataFrame):  # type: ignore[misc,unused-ignore]  # Any where it is absent
    """A picture on its way."""

    data: Frame


class Looker(FrameProcessor):  # type: ignore[misc,unused-ignore]
    """Has every picture looked at."""

    def __init__(self, eye: Eye) -> None:
        super().__init__()
        self._eye = eye

    async def process_frame(self, frame: PipecatFrame, direction: FrameDirection) -> None:
        """See :class:`FrameProcessor`."""
        await super().process_frame(frame, direction)
        if isinstance(frame, Picture):
            await asyncio.to_thread(self._eye.see, frame.data)
        else:
            await self.push_frame(frame, direction)


def watch(frames: int, rate_hz: float, busy_ms: float) -> dict[str, float]:
    """Run the pipeline while the camera does; what it has queued then is left."""

    async def run() -> dict[str, float]:
        eye = Eye(busy_ms)
        async with running([Looker(eye)], drain=False) as worker:
            camera, loop = Camera(WIDTH, HEIGHT, frames // 2, live=True), asyncio.get_running_loop()
            pace = Pace(rate_hz, loop.time())
            for _ in range(frames):
                await asyncio.sleep(pace.wait_s(loop.time()))
                await worker.queue_frame(Picture(camera.frame()))
            await asyncio.sleep(GRACE_S)
            return account(list(eye.seen), frames, 0)

    return asyncio.run(run())
