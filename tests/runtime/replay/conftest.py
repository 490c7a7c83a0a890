"""Recording small agents that a test writes itself with the real recorder, and replaying them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from sensorium.clocks import Clock, VirtualClock, WallClock
from sensorium.components import Component
from sensorium.events import Event
from sensorium.plugins import Plugins, load_plugins
from sensorium.recording.digest import Digest
from sensorium.recording.reader import open_recording
from sensorium.recording.recorder import Recorder
from sensorium.replay.options import ReplayOptions
from sensorium.replay.player import ReplayResult, replay
from sensorium.replay.recorded import RecordedFile, is_lossless
from sensorium.session import Session
from sensorium.settings import Settings, load_settings

Drive = Callable[[Session], Awaitable[None]]


async def until_it_ends(session: Session) -> None:
    """Wait for the sources, ten seconds at most."""
    await asyncio.wait_for(session.wait(), 10)


class Theatre:
    """An agent of ``parts`` and ``models``, its recording, and its replays."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.parts: dict[str, type[Component]] = {}
        self.extra: dict[str, type[Component]] = {}
        self.models: dict[str, Any] = {}
        self.tables: dict[str, Any] = {}
        self.recorder: dict[str, Any] = {}

    def agent(self, **changed: type[Component]) -> tuple[Settings, Plugins]:
        """Its settings and plugins; ``changed`` components take the place of others."""
        plugins = load_plugins(installed=False)
        for name, component in (self.parts | self.extra | changed).items():
            plugins.kinds[component.kind].add(name, component)
        plugins.kinds["sink"].add("recorder", Recorder)
        for name, model in self.models.items():
            plugins.models.add(name, model)
        recorder = {"options": {"path": str(self.path), **self.recorder}}
        layer = {
            "components": {n: self.tables.get(n, {}) for n in self.parts} | {"recorder": recorder},
            "watchdog": {"enabled": False},
            "shutdown": {"drain_s": 0.05, "cancel_s": 2.0},
        } | {name: table for name, table in self.tables.items() if name not in self.parts}
        return load_settings(environ={}, overrides=layer), plugins

    async def record(self, drive: Drive = until_it_ends, clock: Clock | None = None) -> None:
        """Run the agent once; a virtual clock moves as fast as can be."""
        clock = clock or WallClock()
        moving = asyncio.create_task(clock.run()) if isinstance(clock, VirtualClock) else None
        try:
            async with Session(*self.agent(), clock) as session:
                await drive(session)
        finally:
            if moving is not None:
                moving.cancel()
                with suppress(asyncio.CancelledError):
                    await moving

    def events(self) -> list[Event[Any]]:
        """All that was recorded."""
        with open_recording(self.path) as recording:
            return list(recording.events())

    def texts(self, topic: str) -> list[str]:
        """What was said on a topic."""
        return [event.payload.text for event in self.events() if event.topic == topic]

    def digest(self) -> str:
        """Of all that was recorded."""
        digest = Digest()
        for event in self.events():
            digest.add(event)
        return digest.hexdigest()

    async def replay(
        self, options: ReplayOptions | None = None, **changed: type[Component]
    ) -> ReplayResult:
        """Play it once, in ten seconds at most."""
        with open_recording(self.path) as recording:
            options = options or ReplayOptions(
                lossless=is_lossless(recording), whole=recording.whole
            )
            playing = replay(RecordedFile(recording), *self.agent(**changed), options)
            return await asyncio.wait_for(playing, 10)

    async def replays_the_same(self, times: int = 2) -> None:
        """Play it; each time it has to be the recording itself."""
        for _ in range(times):
            result = await self.replay()
            assert result.divergence is None, result.divergence
            assert result.digest == self.digest()


@pytest.fixture
def theatre(tmp_path: Path) -> Theatre:
    """A fresh :class:`Theatre`."""
    return Theatre(tmp_path / "session.mcap")
