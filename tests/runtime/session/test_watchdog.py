"""The watchdog names who blocks the event loop, and is silent otherwise."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from sensorium.components import Input, Sink
from sensorium.payloads import LoopBlocked, Payload, Text
from sensorium.session.watchdog import Watchdog
from sensorium.settings import WatchdogSettings


def hog_the_loop(seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


async def test_a_blocked_loop_is_reported_with_the_function_that_blocks_it() -> None:
    reports: asyncio.Queue[Payload] = asyncio.Queue()
    watchdog = Watchdog(WatchdogSettings(threshold_ms=50), reports.put_nowait)
    watchdog.start()
    try:
        hog_the_loop(0.3)
        async with asyncio.timeout(10):
            report = await reports.get()
    finally:
        watchdog.stop()
    assert isinstance(report, LoopBlocked)
    assert "hog_the_loop" in report.stack
    assert report.seconds >= 0.05
    assert reports.empty()  # one report for each blockage


async def test_a_loop_that_turns_is_not_reported() -> None:
    reports: list[Payload] = []
    watchdog = Watchdog(WatchdogSettings(threshold_ms=60_000), reports.append)
    watchdog.start()
    for _ in range(50):
        await asyncio.sleep(0)
    watchdog.stop()
    await asyncio.sleep(0)
    assert reports == []


async def test_stopping_waits_for_no_threshold() -> None:
    watchdog = Watchdog(WatchdogSettings(threshold_ms=30_000), lambda report: None)
    watchdog.start()
    begun = time.monotonic()
    watchdog.stop()
    watchdog.stop()
    assert time.monotonic() - begun < 10


async def test_stopping_while_the_loop_is_asked_waits_for_no_threshold() -> None:
    watchdog = Watchdog(WatchdogSettings(threshold_ms=5_000), lambda report: None)
    loop = asyncio.get_running_loop()
    watchdog._stop.wait = lambda timeout: watchdog._stop.is_set()  # type: ignore[method-assign,misc]
    asked = loop.call_soon_threadsafe
    reached = asyncio.Event()

    def ask(callback: Any, *args: Any) -> Any:
        if callback == reached.set:
            return asked(callback, *args)
        return asked(reached.set)  # the answer never comes

    loop.call_soon_threadsafe = ask  # type: ignore[method-assign,assignment]
    try:
        watchdog.start()
        await asyncio.wait_for(reached.wait(), 10)
        begun = time.monotonic()
        watchdog.stop()
    finally:
        del loop.call_soon_threadsafe
    assert time.monotonic() - begun < 4


async def test_one_that_is_switched_off_starts_no_thread() -> None:
    watchdog = Watchdog(WatchdogSettings(enabled=False), lambda report: None)
    watchdog.start()
    assert watchdog._thread is None
    watchdog.stop()


async def test_a_session_announces_who_blocked_it(stage: Any) -> None:
    class Hog(Sink):
        takes = {"text": Input("text", Text)}

        async def process(self, event: Any, emit: Any) -> None:
            hog_the_loop(0.3)

    async with stage.running({"hog": Hog}, {"watchdog": {"threshold_ms": 50}}) as session:
        await session.bus.publish("text", Text("go"), source="test")
        async with asyncio.timeout(10):
            while not (reports := stage.of(LoopBlocked)):
                await asyncio.sleep(0)
    assert "hog_the_loop" in reports[0].stack
