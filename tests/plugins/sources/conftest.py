"""A session around one source, a clock that shows who sleeps, and a check that nothing is left."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sensorium import (
    DeliveryPolicy,
    Session,
    Subscription,
    VirtualClock,
    hookimpl,
    load_plugins,
    load_settings,
)
from sensorium_plugins.sources.camera import Camera
from sensorium_plugins.sources.microphone import Microphone
from sensorium_plugins.sources.opencv import quiet_cv2
from sensorium_plugins.sources.text import TextSource

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from sensorium.events import AnyEvent

ROOT = Path(__file__).parents[3]
SCENE = ROOT / "agents" / "sensorium_agents" / "scene"
NAME = "it"  # of the one component in a session here


class Bundled:
    @hookimpl
    def sensorium_register_sources(self, registry: Any) -> None:
        registry.add("camera", Camera)
        registry.add("microphone", Microphone)
        registry.add("text", TextSource)


class WatchedClock(VirtualClock):
    """Knows which task sleeps until when."""

    def __init__(self, start: int = 0) -> None:
        super().__init__(start)
        self.sleeping: dict[str, int] = {}

    async def sleep_until(self, when: int, *, background: bool = False) -> None:
        task = asyncio.current_task()
        assert task is not None
        if when > self.now():
            self.sleeping[task.get_name()] = when
        try:
            await super().sleep_until(when)
        finally:
            self.sleeping.pop(task.get_name(), None)

    async def wake_source(self) -> int:
        """Wait until the source sleeps, move time to its waking; returns that time."""
        name = f"{NAME} running"
        await until(lambda: name in self.sleeping)
        when = self.sleeping[name]
        await self.advance((when - self.now()) / 1e9)
        return when


async def until(condition: Callable[[], bool]) -> None:
    """Let threads and the loop work until ``condition`` holds."""
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.001)


@dataclass
class Running:
    session: Session
    events: Subscription
    seen: list[AnyEvent] = field(default_factory=list)

    async def next(self, topic: str) -> AnyEvent:
        """The next event on ``topic``; every event that passes is kept in ``seen``."""
        async with asyncio.timeout(20):
            while True:
                event = await self.events.get()
                self.seen.append(event)
                if event.topic == topic:
                    return event

    async def rest(self) -> list[AnyEvent]:
        """Everything up to the source's end, the ones already seen first."""
        await self.next("system/component_ended")
        return self.seen

    def on(self, topic: str) -> list[AnyEvent]:
        return [event for event in self.seen if event.topic == topic]


@asynccontextmanager
async def running(
    use: str, options: dict[str, Any], clock: VirtualClock | None = None
) -> AsyncIterator[Running]:
    settings = load_settings(
        overrides={
            "components": {
                NAME: {"use": use, "options": options, "on_error": {"action": "disable"}}
            }
        },
        environ={},
    )
    plugins = load_plugins(installed=False, extra=[("sources", Bundled())])
    session = Session(settings, plugins, clock)
    events = session.bus.subscribe("#", DeliveryPolicy.block(100_000), name="test")
    async with events, session:
        live = Running(session, events)
        yield live
    assert not live.on("system/loop_blocked"), live.on("system/loop_blocked")[0].payload.stack


async def play(
    use: str, options: dict[str, Any], clock: VirtualClock | None = None
) -> list[AnyEvent]:
    """All events of a source that ends by itself."""
    async with running(use, options, clock) as live:
        return await live.rest()


async def failure(use: str, options: dict[str, Any]) -> Any:
    """The ComponentFailed payload of a source that cannot work."""
    events = await play(use, options, VirtualClock())
    (failed,) = [e.payload for e in events if e.topic == "system/component_failed"]
    assert failed.action == "disable"
    return failed


@pytest.fixture(scope="session", autouse=True)
def _warm() -> None:
    """What libraries open once for good is open before anything is counted."""
    quiet_cv2()
    import PIL.Image
    import soundfile  # noqa: F401
    import soxr  # noqa: F401

    PIL.Image.init()


@pytest.fixture(autouse=True)
def _nothing_left(no_leaks: None, no_tasks: None) -> None:
    """Threads, file descriptors and tasks are the same after every test as before it."""
