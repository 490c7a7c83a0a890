"""Agents made to be hard to replay: every one is recorded, and replays to the same bytes."""

from __future__ import annotations

from typing import Any

import pytest
from adversaries import ADVERSARIES, Joins, Last, Stale, Ticker, drive, prepare

from sensorium.clocks import VirtualClock, WallClock
from sensorium.delivery import DeliveryPolicy
from sensorium.events import NS_PER_MS
from sensorium.session import Session

pytestmark = pytest.mark.usefixtures("no_leaks", "no_tasks")


@pytest.mark.parametrize("name", ADVERSARIES)
async def test_live(theatre: Any, name: str) -> None:
    prepare(theatre, ADVERSARIES[name])
    await theatre.record(drive)
    assert len(theatre.events()) > 50
    await theatre.replays_the_same()


@pytest.mark.parametrize("name", ADVERSARIES)
async def test_simulated(theatre: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything happens at a few instants."""
    monkeypatch.setattr(Ticker, "pause", 0.5)
    prepare(theatre, ADVERSARIES[name])
    await theatre.record(drive, VirtualClock(start=1_000_000_000))
    assert len(theatre.events()) > 50
    await theatre.replays_the_same()


async def test_all_of_them_together(theatre: Any) -> None:
    crowd = [parts for name, parts in ADVERSARIES.items() if name != "queues"]  # see replay.md
    prepare(theatre, {name: part for parts in crowd for name, part in parts.items()})
    await theatre.record(drive)
    await theatre.replays_the_same()


class SetBack(WallClock):
    """A machine's clock that is set back by 20 ms, again and again."""

    def __init__(self) -> None:
        self.reads = 0
        wall, self.back = WallClock.now, 0

        def now() -> int:
            self.reads += 1
            if self.reads % 50 == 0:
                self.back += 20_000_000
            return wall() - self.back

        self.now = now

    async def sleep_until(self, when: int, *, background: bool = False) -> None:
        at_most = WallClock.now() + 5 * NS_PER_MS  # it may be set back in the meantime
        await super().sleep_until(min(when + self.back, at_most))


async def test_a_clock_that_was_set_back(theatre: Any) -> None:
    prepare(theatre, ADVERSARIES["joins"] | ADVERSARIES["times out"] | ADVERSARIES["restarts"])
    await theatre.record(drive, SetBack())
    times = [event.creation_time for event in theatre.events()]
    assert times != sorted(times)
    await theatre.replays_the_same()


async def test_a_component_that_is_stopped_and_started_again(theatre: Any) -> None:
    prepare(theatre, {"stale": Stale, "last": Last})
    theatre.extra = {"joins": Joins}

    async def stop_and_start(session: Session) -> None:
        ticks = session.bus.subscribe("tick", DeliveryPolicy.block(1000))
        specs = session.settings.components
        for number in range(30):
            await ticks.get()
            if number == 8:
                await session.stop_component("stale")
                joins = specs["last"].model_copy(update={"use": "joins"})
                await session.start_component("joins", joins)
            if number == 16:
                await session.start_component("stale", specs["stale"])
        ticks.close()
        await session.wait()

    await theatre.record(stop_and_start)
    assert len(theatre.texts("stale")) > 3
    assert theatre.texts("joined")
    await theatre.replays_the_same()
