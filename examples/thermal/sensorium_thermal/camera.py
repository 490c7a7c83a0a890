"""A thermal camera: plays a recording, or a made-up scene in which something warm moves."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator

import numpy as np
from pydantic import Field
from sensorium import ComponentOptions, Emit, Output, Source

from sensorium_thermal.payload import ThermalFrame
from sensorium_thermal.recording import Frame, read_recording

ROOM_C, BODY_C = 21.0, 36.5  # degrees Celsius
HEIGHT, WIDTH = 24, 32  # pixels, as the common MLX90640 sensor


class ThermalCamera(Source):
    """Gives thermal frames at a steady rate."""

    class Options(ComponentOptions):
        """Where frames come from, and how fast."""

        path: str = ""
        """A .npy, .npz or .csv recording; empty for a made-up scene."""
        rate_hz: float = Field(8.0, gt=0)
        frames: int = Field(80, gt=0)
        """Length of the made-up scene."""

    gives = {"frame": Output("thermal/{name}/frame", ThermalFrame)}

    async def run(self, emit: Emit) -> None:
        """Emit every frame at its time."""
        options = self.options
        recorded = await asyncio.to_thread(read_recording, options.path) if options.path else None
        begin = self.context.clock.now()
        for index, frame in enumerate(self._scene() if recorded is None else recorded):
            due = begin + round(index * 1e9 / options.rate_hz)
            await self.context.clock.sleep_until(due)
            await emit(ThermalFrame(frame), originating_time=due)

    def _scene(self) -> Iterator[Frame]:
        """A warm disc that swings from left to right in a room with a little noise."""
        random = np.random.default_rng(self.context.seed)
        rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
        for index in range(self.options.frames):
            x = WIDTH / 2 + WIDTH / 3 * math.sin(2 * math.pi * index / self.options.frames)
            warm = (rows - HEIGHT / 2) ** 2 + (columns - x) ** 2 < (HEIGHT / 6) ** 2
            noise = random.normal(0.0, 0.1, warm.shape)
            yield (np.where(warm, BODY_C, ROOM_C) + noise).astype(np.float32)
