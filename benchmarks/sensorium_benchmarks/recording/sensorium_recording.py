"""Ours: the writer by itself, and a session that is recorded."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any, Literal

import numpy as np

from sensorium import Session, load_plugins, load_settings
from sensorium.components import ComponentOptions, Output, Source
from sensorium.events import AnyEvent
from sensorium.payloads import Audio, Image
from sensorium.recording.reader import open_recording
from sensorium.recording.recorder import Recorder
from sensorium.recording.writer import RecordingWriter
from sensorium_benchmarks.recording.content import (
    camera_events,
    folder,
    pictures,
    small_events,
    timed,
)

Compression = Literal["zstd", "none"]
HZ = 30
CHUNK, RATE = 512, 16_000  # samples of one sound event, and in a second


def frames(events: int, compression: Compression) -> dict[str, float]:
    """Pictures as foxglove.RawImage."""
    return _timed(camera_events(events), compression)


def small(events: int, compression: Compression) -> dict[str, float]:
    """Percepts."""
    return _timed(small_events(events), compression)


def live(seconds: float) -> dict[str, float]:
    """Processor time that recording adds to a session, and the events it did not keep."""
    plain, _ = asyncio.run(_session(seconds, record=False))
    recorded, lost = asyncio.run(_session(seconds, record=True))
    return {"cpu": 100 * (recorded - plain) / seconds, "lost": lost}


def _timed(made: list[AnyEvent], compression: Compression) -> dict[str, float]:
    def write(path: Path, made: list[AnyEvent]) -> None:
        with RecordingWriter(path, compression=compression) as recording:
            for event in made:
                recording.write(event)

    return timed(made, write)


class _Options(ComponentOptions):
    seconds: float


class _Camera(Source):
    Options = _Options
    gives = {"image": Output("camera/image", Image)}

    async def run(self, emit: Any) -> None:
        made = pictures()
        begun = self.context.clock.now()
        for number in range(round(HZ * self.options.seconds)):
            await emit(made[number % len(made)])
            await self.context.clock.sleep_until(begun + (number + 1) * 1_000_000_000 // HZ)


class _Microphone(Source):
    Options = _Options
    gives = {"audio": Output("microphone/audio", Audio)}

    async def run(self, emit: Any) -> None:
        noise = np.random.default_rng(0).integers(-3000, 3000, CHUNK).astype(np.float32)
        begun = self.context.clock.now()
        for number in range(round(RATE / CHUNK * self.options.seconds)):
            await emit(Audio(noise / np.float32(32768), RATE))
            at = begun + (number + 1) * CHUNK * 1_000_000_000 // RATE
            await self.context.clock.sleep_until(at)


async def _session(seconds: float, *, record: bool) -> tuple[float, float]:
    """Processor seconds from start to end of the sources, and events that are not in the file."""
    plugins = load_plugins(installed=False)
    plugins.kinds["source"].add("camera", _Camera)
    plugins.kinds["source"].add("microphone", _Microphone)
    plugins.kinds["sink"].add("recorder", Recorder)
    parts: dict[str, Any] = {
        name: {"options": {"seconds": seconds}} for name in ("camera", "microphone")
    }
    with folder() as place:
        path = place / "live.mcap"
        if record:
            parts["recorder"] = {"options": {"path": str(path)}}
        settings = load_settings(environ={}, overrides={"components": parts})
        session = Session(settings, plugins)
        async with session:
            begun = time.process_time()
            await session.wait()
        used = time.process_time() - begun
        if not record:
            return used, 0.0
        with open_recording(path, payloads=plugins.payloads) as recording:
            found = sum(1 for _ in recording.messages(["camera/#", "microphone/#"]))
    return used, round(HZ * seconds) + round(RATE / CHUNK * seconds) - found
