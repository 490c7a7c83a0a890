"""Models in a replay, and recordings that end in the middle of what is under way."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from adversaries import MS, Emits, Last, Restarts, Ticker, prepare

from sensorium.clocks import WallClock
from sensorium.components import Component, Input, Output, Perceiver, Source
from sensorium.delivery import DeliveryPolicy
from sensorium.errors import DeadlineExceeded
from sensorium.payloads import Image, Text
from sensorium.recording.reader import open_recording
from sensorium.replay.options import ReplayOptions
from sensorium.session import Session
from sensorium.trace import ModelCall
from sensorium.workers import Model

pytestmark = pytest.mark.usefixtures("no_leaks", "no_tasks")


class Slow(Model[str, str]):
    """Answers letter by letter. ``hang`` keeps it from going on."""

    hang = threading.Event()
    asked = threading.Event()

    def load(self, device: str) -> None:
        pass

    def infer(self, batch: Sequence[str]) -> Sequence[str]:
        self.asked.set()
        self.hang.wait(5)
        return [request.upper() for request in batch]

    def stream(self, request: str) -> Iterator[str]:
        for letter in request:
            yield letter
            if letter == "3":
                self.asked.set()
                self.hang.wait(5)


class AsksObjects(Emits):
    """Asks with a thing that has no digest."""

    async def process(self, event: Any, emit: Any) -> None:
        await emit(Text(await self.model("plain").infer(event)))


class Plain(Model[Any, str]):
    def load(self, device: str) -> None:
        pass

    def infer(self, batch: Sequence[Any]) -> Sequence[str]:
        return [f"{event.payload.text}!" for event in batch]


async def test_a_request_that_is_no_plain_tree(theatre: Any) -> None:
    prepare(theatre, {"asks": AsksObjects})
    theatre.models = {"plain": Plain}
    theatre.tables["models"] = {"plain": {"placement": "inline"}}
    await theatre.record()
    assert len(theatre.texts("asks")) == Ticker.count
    await theatre.replays_the_same()


class Streams(Emits):
    async def process(self, event: Any, emit: Any) -> None:
        async with self.model("slow").stream(event.payload.text) as letters:
            async for letter in letters:
                await emit(Text(letter))


class Infers(Emits):
    async def process(self, event: Any, emit: Any) -> None:
        await emit(Text("asking"))
        await emit(Text(await self.model("slow").infer(event.payload.text)))


@pytest.mark.parametrize("asks", [Streams, Infers])
async def test_a_recording_that_was_cut_off_in_a_models_answer(
    theatre: Any, asks: type[Component], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The file as it is on the disk at that moment: what a SIGKILL leaves."""
    monkeypatch.setattr(Slow, "hang", threading.Event())
    monkeypatch.setattr(Slow, "asked", threading.Event())
    prepare(theatre, {"asks": asks})
    theatre.models = {"slow": Slow}
    theatre.recorder = {"chunk_bytes": 1024}
    cut = tmp_path / "cut.mcap"

    async def kill(session: Session) -> None:
        assert await asyncio.to_thread(Slow.asked.wait, 5)
        await session.clock.sleep(0.05)
        cut.write_bytes(theatre.path.read_bytes())
        Slow.hang.set()
        await asyncio.wait_for(session.wait(), 10)

    await theatre.record(kill)
    theatre.path = cut
    with open_recording(cut) as recording:
        assert not recording.whole
        calls = [one for one in recording.records() if isinstance(one, ModelCall)]
    assert calls
    assert calls[-1].outcome in ("begun", "part")
    await theatre.replays_the_same()


async def test_a_recording_that_ends_before_a_component_is_ready(theatre: Any) -> None:
    class Sleeps(Emits):
        async def setup(self) -> None:
            await self.context.clock.sleep(60)

        async def process(self, event: Any, emit: Any) -> None:
            pass

    prepare(theatre, {"sleeps": Sleeps})
    settings, plugins = theatre.agent()
    session = Session(settings, plugins, WallClock())
    entering = asyncio.create_task(session.__aenter__())
    while not theatre.path.exists() or "sleeps" not in session.runners:
        await asyncio.sleep(0)
    for _ in range(50):
        await asyncio.sleep(0)
    entering.cancel()
    await asyncio.wait([entering])
    await theatre.replays_the_same()


async def test_it_stops_in_the_middle_of_what_is_under_way(theatre: Any) -> None:
    """An effect is under way and a sleep half over; real time is never waited for."""
    prepare(theatre, {"last": Last})
    await theatre.record()
    whole = await theatre.replay()
    assert whole.divergence is None
    for share in (0.1, 0.4, 0.9):
        part = await theatre.replay(ReplayOptions(until_s=whole.duration_s * share, speed=50.0))
        assert part.divergence is None
        assert part.events < whole.events


async def test_an_event_that_comes_after_its_time_is_a_divergence(theatre: Any) -> None:
    class Late(Restarts):
        async def process(self, event: Any, emit: Any) -> None:
            with self.context.clock.hold():
                await asyncio.to_thread(lambda: None)
            await self.context.clock.sleep(3 * MS)
            await emit(Text(event.payload.text))

    class Early(Late):
        async def process(self, event: Any, emit: Any) -> None:
            await emit(Text(event.payload.text))

    prepare(theatre, {"restarts": Early})
    await theatre.record()
    found = (await theatre.replay(restarts=Late)).divergence
    assert found is not None
    assert found.kind == "late"
    assert found.recorded == found.replayed


class Superseded(Model[str, str]):
    """Whoever asks first is told that it was superseded, but only once."""

    told = False

    def load(self, device: str) -> None:
        pass

    def infer(self, batch: Sequence[str]) -> Sequence[str]:
        if batch[0] == "tick 3" and not self.told:
            type(self).told = True
            raise DeadlineExceeded("slow", 0.1)
        return list(batch)


async def test_a_recomputed_model_keeps_its_recorded_deadlines(
    theatre: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Superseded, "told", False)
    prepare(theatre, {"infers": Infers})
    theatre.models = {"slow": Superseded}
    await theatre.record()
    assert Superseded.told
    result = await theatre.replay(ReplayOptions(recompute=lambda model: True))
    assert result.divergence is None, result.divergence
    assert result.digest == theatre.digest()


class Sees(Perceiver):
    """Asks about a picture; two of them ask at the same time."""

    takes = {"image": Input("camera", Image, DeliveryPolicy.latest())}
    gives = {"text": Output("{name}", Text)}

    async def process(self, event: Any, emit: Any) -> None:
        await emit(Text(str(await self.model("mean").infer({"image": event.payload.data}))))


class Mean(Model[Any, float]):
    def load(self, device: str) -> None:
        pass

    def infer(self, batch: Sequence[Any]) -> Sequence[float]:
        return [float(request["image"].mean()) for request in batch]


class Camera(Source):
    gives = {"image": Output("camera", Image)}

    async def run(self, emit: Any) -> None:
        random = np.random.default_rng(1)
        for _ in range(20):
            await emit(Image(random.integers(0, 255, (240, 320, 3), np.uint8)))
            await self.context.clock.sleep(MS)


@pytest.mark.parametrize("form", ["raw", "jpeg"])
async def test_large_pictures_with_and_without_loss(theatre: Any, form: str) -> None:
    theatre.parts = {"camera": Camera, "sees": Sees, "looks": Sees}
    theatre.models = {"mean": Mean}
    theatre.recorder = {"images": form}
    await theatre.record()
    assert theatre.texts("sees")
    assert theatre.texts("looks")
    await theatre.replays_the_same()
