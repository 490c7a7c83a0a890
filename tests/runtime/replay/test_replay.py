"""A recorded session is played again to the same events; a changed agent is found out."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from sensorium.clocks import WallClock
from sensorium.components import (
    Actuator,
    Component,
    ComponentOptions,
    Fuser,
    Input,
    Output,
    Perceiver,
    Sink,
    Source,
)
from sensorium.delivery import DeliveryPolicy
from sensorium.errors import BadInput
from sensorium.events import AnyEvent, Event
from sensorium.payloads import Interrupted, Text
from sensorium.plugins import Plugins, load_plugins
from sensorium.recording.digest import Digest
from sensorium.recording.reader import PassedOver
from sensorium.replay.options import ReplayOptions
from sensorium.replay.player import ReplayResult, replay
from sensorium.session import Session
from sensorium.settings import Settings, load_settings
from sensorium.workers import Model

pytestmark = pytest.mark.usefixtures("no_leaks", "no_tasks")


class Shouts(Model[str, str]):
    """Takes a while, and cannot shout round numbers. ``loud`` changes its answers."""

    loud = False
    pause = threading.Event()

    def load(self, device: str) -> None:
        pass

    def infer(self, batch: Sequence[str]) -> Sequence[str]:
        self.pause.wait(0.004)
        if "0" in batch[0]:
            raise BadInput("round numbers are beyond me")
        return [request.upper() + ("!" if self.loud else "") for request in batch]

    def stream(self, request: str) -> Any:
        for letter in request:
            self.pause.wait(0.001)
            yield letter


class Ticker(Source):
    class Options(ComponentOptions):
        count: int = 40

    gives = {"text": Output("tick", Text)}

    async def run(self, emit: Any) -> None:
        for number in range(self.options.count):
            await emit(Text(f"tick {number}"))
            await self.context.clock.sleep(0.001)


class Hears(Perceiver):
    """Slower than the ticker: what it misses depends on time."""

    takes = {"text": Input("tick", Text, DeliveryPolicy.latest())}
    gives = {"text": Output("heard", Text)}

    async def process(self, event: Any, emit: Any) -> None:
        await emit(Text(await self.model("shouts").infer(event.payload.text)))


class Spells(Perceiver):
    interruptible = True
    takes = {"text": Input("heard", Text, DeliveryPolicy.latest())}
    gives = {"text": Output("letter", Text)}

    async def process(self, event: Any, emit: Any) -> None:
        async with self.model("shouts").stream(event.payload.text) as letters:
            async for letter in letters:
                await emit(Text(letter))


class Gathers(Fuser):
    """Says how many letters came within a while: timers, clock reads and a task beside."""

    takes = {"letter": Input("letter", Text), "heard": Input("heard", Text)}
    gives = {"text": Output("gathered", Text)}

    async def setup(self) -> None:
        self.letters = ""
        self.context.spawn(self._report(), name="report")

    async def process(self, event: Any, emit: Any) -> None:
        if event.topic == "letter":
            self.letters += event.payload.text
        else:
            await emit(Text(f"{event.payload.text} at {self.context.clock.now()}"))

    async def _report(self) -> None:
        for _ in itertools.count():
            await self.context.clock.sleep(0.007)
            now = self.context.clock.now()
            await self.context.emit(
                Text(f"{len(self.letters)} by {now}"), originating_time=now, parents=()
            )


class Acts(Actuator):
    takes = {"text": Input("gathered", Text)}
    gives = {"done": Output("done", Text)}
    acted: list[str] = []

    async def process(self, event: Any, emit: Any) -> None:
        self.acted.append(event.payload.text)
        await emit(Text("done"))


class Notes(Sink):
    traces = True
    notes: list[Any] = []

    async def setup(self) -> None:
        type(self).notes = []
        assert self.context.trace is not None
        self.context.trace.listen(self, "notes")

    async def process(self, event: AnyEvent, emit: Any) -> None:
        pass

    def published(self, event: AnyEvent) -> None:
        self.notes.append(event)

    def traced(self, record: Any) -> None:
        self.notes.append(record)


AGENT: dict[str, type[Component]] = {
    "ticker": Ticker, "hears": Hears, "spells": Spells, "gathers": Gathers, "acts": Acts,
    "notes": Notes,
}  # fmt: skip


def agent(**changed: type[Component]) -> tuple[Settings, Plugins]:
    parts = AGENT | changed
    plugins = load_plugins(installed=False)
    for name, component in parts.items():
        plugins.kinds[component.kind].add(name, component)
    plugins.models.add("shouts", Shouts)
    layer = {
        "components": {name: {} for name in parts},
        "watchdog": {"enabled": False},
        "shutdown": {"drain_s": 0.05},
    }
    return load_settings(environ={}, overrides=layer), plugins


async def recorded() -> list[Any]:
    Acts.acted.clear()
    async with Session(*agent(), WallClock()) as session:
        letters = session.bus.subscribe("letter", DeliveryPolicy.block(1000))
        for _ in range(20):
            await letters.get()
        await session.bus.publish("system/interrupted", Interrupted("a test"), source="console")
        await session.wait()
    assert Acts.acted
    Acts.acted.clear()
    return Notes.notes


def digest_of(notes: list[Any]) -> str:
    digest = Digest()
    for note in notes:
        if isinstance(note, Event):
            digest.add(note)
    return digest.hexdigest()


class InMemory:
    """A recording that never was in a file."""

    def __init__(self, notes: list[Any]) -> None:
        self.notes = notes

    def events(self) -> Any:
        return ((n, note) for n, note in enumerate(self.notes) if isinstance(note, Event))

    def without(self, topics: Any) -> Any:
        for note in self.notes:
            passed = isinstance(note, Event) and topics(note.topic)
            at = note.creation_time if passed else 0
            yield PassedOver(1, at, at) if passed else note


async def again(notes: list[Any], options: ReplayOptions | None = None, **changed: Any) -> Any:
    settings, plugins = agent(**changed)
    return await asyncio.wait_for(replay(InMemory(notes), settings, plugins, options), 20)


async def test_a_replay_publishes_every_recorded_event_again() -> None:
    notes = await recorded()
    first: ReplayResult = await again(notes)
    assert first.divergence is None, first.divergence
    assert first.events == sum(isinstance(note, Event) for note in notes) > 60
    assert first.digest == digest_of(notes)
    assert (await again(notes)).digest == first.digest
    assert Acts.acted == []


async def test_a_recorded_failure_and_an_interruption_are_played_again() -> None:
    notes = await recorded()
    system = [note.payload for note in notes if getattr(note, "topic", "").startswith("system/")]
    assert {"ComponentFailed", "Interrupted"} <= {type(payload).__name__ for payload in system}
    assert (await again(notes)).divergence is None


async def test_a_changed_agent_is_found_out_at_its_first_event() -> None:
    class Whispers(Hears):
        async def process(self, event: Any, emit: Any) -> None:
            answer = await self.model("shouts").infer(event.payload.text)
            self.count = getattr(self, "count", 0) + 1
            await emit(Text(answer.lower() if self.count == 4 else answer))

    notes = await recorded()
    result = await again(notes, hears=Whispers)
    assert result.divergence is not None
    assert (result.divergence.kind, result.divergence.where.split()[0]) == ("changed", "heard")
    assert "TICK" in result.divergence.recorded["fields"]["text"]
    assert "tick" in result.divergence.replayed["fields"]["text"]
    assert result.digest != digest_of(notes)
    assert (await again(notes, hears=Whispers)).digest == result.digest


async def test_events_that_are_too_many_or_too_few_are_divergences() -> None:
    class Twice(Hears):
        async def process(self, event: Any, emit: Any) -> None:
            await super().process(event, emit)
            await emit(Text("again"))

    class Never(Gathers):
        async def process(self, event: Any, emit: Any) -> None:
            pass

    notes = await recorded()
    assert (await again(notes, hears=Twice)).divergence.kind in ("extra", "changed")
    missing = (await again(notes, gathers=Never)).divergence
    assert missing.kind == "missing"
    assert "TICK" in missing.recorded["fields"]["text"]


async def test_a_recomputed_model_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    notes = await recorded()
    options = ReplayOptions(recompute=lambda model: model == "shouts")
    same = await again(notes, options)
    assert same.divergence is None, same.divergence
    assert same.digest == digest_of(notes)
    monkeypatch.setattr(Shouts, "loud", True)
    other = await again(notes, options)
    assert other.divergence.kind in ("answer", "changed")
    assert "!" in str(other.divergence.replayed)


async def test_a_request_that_was_not_recorded_goes_to_the_model() -> None:
    class Asks(Hears):
        async def process(self, event: Any, emit: Any) -> None:
            await emit(Text(await self.model("shouts").infer("something else")))

    notes = await recorded()
    result = await again(notes, hears=Asks)
    assert result.divergence.kind == "request"
    assert result.divergence.where == "hears asks shouts"


async def test_a_replay_stops_where_it_is_told_to_and_keeps_to_its_speed() -> None:
    notes = await recorded()
    whole = await again(notes)
    half = await again(notes, ReplayOptions(until_s=whole.duration_s / 2))
    assert half.divergence is None
    assert 0 < half.events < whole.events
    assert half.duration_s == pytest.approx(whole.duration_s / 2, abs=1e-6)
    paced = await again(notes, ReplayOptions(speed=2.0))
    assert paced.digest == whole.digest
    assert paced.speedup <= 2.0


async def test_actuators_act_only_when_asked_to() -> None:
    notes = await recorded()
    result = await again(notes, ReplayOptions(act=True))
    assert result.divergence is None
    assert Acts.acted


async def test_what_reading_raises_is_raised() -> None:
    notes = await recorded()

    class Broken(InMemory):
        def events(self) -> Any:
            for place, event in super().events():
                if place > len(notes) // 2:
                    raise OSError("disk")
                yield place, event

    with pytest.raises(OSError, match="disk"):
        await asyncio.wait_for(replay(Broken(notes), *agent()), 20)


async def test_an_empty_recording_is_played() -> None:
    result = await again([])
    assert (result.events, result.duration_s) == (0, 0.0)
