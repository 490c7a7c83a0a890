"""Run by itself: records pictures and words to the file named first, until somebody kills it.

Says on stdout the sequence number and creation time (ns) of each event the moment it is published.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

import numpy as np

from sensorium import Session, load_settings
from sensorium.components import Output, Source
from sensorium.payloads import Image, Text
from sensorium.plugins import load_plugins
from sensorium.recording.recorder import Recorder

PICTURES = [np.random.default_rng(n).integers(0, 256, (240, 320, 3), np.uint8) for n in range(3)]


class Talker(Source):
    gives = {"image": Output("image", Image), "text": Output("text", Text)}

    async def run(self, emit: Any) -> None:
        number = 0
        while True:
            payload = Text(f"word {number}") if number % 4 else Image(PICTURES[number % 3])
            event = await emit(payload)
            os.write(1, f"{event.sequence} {event.creation_time}\n".encode())
            number += 1
            await self.context.clock.sleep(0.005)


async def main(path: str) -> None:
    plugins = load_plugins(installed=False)
    plugins.kinds["source"].add("talker", Talker)
    plugins.kinds["sink"].add("recorder", Recorder)
    parts: dict[str, Any] = {"talker": {}, "recorder": {"options": {"path": path}}}
    settings = load_settings(environ={}, overrides={"components": parts})
    async with Session(settings, plugins) as session:
        await session.wait()


asyncio.run(main(sys.argv[1]))
