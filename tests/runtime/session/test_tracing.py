"""A session that is recorded notes what it lends its components, in the order of use."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from sensorium.components import Component, Input, Output, Perceiver, Sink
from sensorium.errors import BadInput
from sensorium.events import AnyEvent, Event
from sensorium.payloads import Text
from sensorium.recording.digest import large_and_frozen, tree_digest
from sensorium.trace import ClockRead, ModelAsked, ModelCall, Taken
from sensorium.workers import Model


class Letters(Model[str, str]):
    """Answers in capitals, or letter by letter; knows no numbers."""

    def load(self, device: str) -> None:
        pass

    def infer(self, batch: Sequence[str]) -> Sequence[str]:
        if any(request.isdigit() for request in batch):
            raise BadInput("numbers are beyond me")
        return [request.upper() for request in batch]

    def stream(self, request: str) -> Iterator[str]:
        yield from request


class Asks(Perceiver):
    takes = {"text": Input("text", Text)}
    gives = {"text": Output("answer", Text)}

    async def process(self, event: Any, emit: Any) -> None:
        self.context.clock.now()
        await emit(Text(await self.model("letters").infer(event.payload.text)))


class Spells(Perceiver):
    takes = {"text": Input("text", Text)}
    gives = {"text": Output("answer", Text)}

    async def process(self, event: Any, emit: Any) -> None:
        async with self.model("letters").stream(event.payload.text) as letters:
            async for letter in letters:
                await emit(Text(letter))
                if letter == "!":
                    break


class Listener(Sink):
    traces = True
    notes: list[Any] = []
    closed_last = False

    async def setup(self) -> None:
        assert self.context.trace is not None
        type(self).notes = []
        self.context.trace.listen(self, "the listener")

    async def process(self, event: AnyEvent, emit: Any) -> None:
        pass

    def published(self, event: AnyEvent) -> None:
        self.notes.append(event)

    def traced(self, record: Any) -> None:
        self.notes.append(record)


async def run(stage: Any, component: type[Component], *texts: str) -> list[Any]:
    parts = {"asks": component, "listener": Listener}
    tables = {"models": {"letters": {"placement": "inline"}}}
    async with stage.running(parts, tables, models={"letters": Letters}) as session:
        for text in texts:
            await session.bus.publish("text", Text(text), source="test")
            await session.settled()
        edges = {edge.name: edge for edge in session.bus.statistics()}
    told = [note for note in Listener.notes if isinstance(note, Event)]
    assert edges["the listener"].published == edges["the listener"].delivered > 0
    assert told == stage.heard  # all of it: a recorder is set up before everybody else
    return [note for note in Listener.notes if not isinstance(note, Event)]


async def test_takes_clock_reads_and_calls_are_told_with_the_events(stage: Any) -> None:
    notes = await run(stage, Asks, "ab")
    at = stage.clock.now()
    assert notes[:2] == [Taken("asks", 0, "test#0", at, notes[0].step), ClockRead("asks", at)]
    begun, call = notes[2:4]
    assert isinstance(call, ModelCall)
    assert (call.component, call.model, call.number, call.outcome) == ("asks", "letters", 0, "done")
    assert (begun.outcome, begun.request, begun.parts) == ("begun", tree_digest("ab"), ())
    assert [part.value for part in call.parts] == ["AB"]
    heard = next(n for n, note in enumerate(Listener.notes) if getattr(note, "id", "") == "test#0")
    kinds = [type(note) for note in Listener.notes[heard : heard + 6]]
    assert kinds == [Event, Taken, ClockRead, ModelCall, ModelCall, Event]


async def test_the_recorder_hears_everybody_become_ready_and_end(stage: Any) -> None:
    await run(stage, Asks, "ab")
    system = [n.payload for n in Listener.notes if getattr(n, "topic", "").startswith("system/")]
    said = [(type(payload).__name__, payload.component) for payload in system]
    assert ("ComponentReady", "asks") in said
    assert ("ComponentEnded", "asks") in said


async def test_a_failed_call_is_noted_with_its_error(stage: Any) -> None:
    _, call = [n for n in await run(stage, Asks, "12") if isinstance(n, ModelCall)]
    assert (call.outcome, call.parts) == ("failed", ())
    assert call.error["type"] == "BadInput"
    assert "numbers are beyond me" in call.error["message"]


async def test_the_parts_of_a_stream_are_noted_as_far_as_they_were_read(stage: Any) -> None:
    calls = [n for n in await run(stage, Spells, "ab", "a!b") if isinstance(n, ModelCall)]
    assert [(c.number, [p.value for p in c.parts], c.outcome) for c in calls] == [
        *[(0, [], "begun"), (0, ["a"], "part"), (0, ["b"], "part"), (0, [], "done")],
        *[(1, [], "begun"), (1, ["a"], "part"), (1, ["!"], "part"), (1, [], "cancelled")],
    ]


async def test_nobody_is_told_anything_in_a_session_without_a_listener(stage: Any) -> None:
    tables = {"models": {"letters": {"placement": "inline"}}}
    async with stage.running({"asks": Asks}, tables, models={"letters": Letters}) as session:
        assert session.trace is None
        assert session.surroundings.clock_of("asks") is session.clock
        await asyncio.sleep(0)


async def test_a_large_request_is_digested_by_whoever_writes_it_down(stage: Any) -> None:
    big = np.arange(100_000)
    frozen = big.copy()
    frozen.flags.writeable = False
    request = {"image": frozen, "words": ["a", 1.5, None]}
    copy = large_and_frozen(request)
    request["words"] = "changed"
    assert tree_digest(copy) == tree_digest({"image": big, "words": ["a", 1.5, None]})
    assert large_and_frozen({"image": frozen[:10]}) is None
    assert large_and_frozen([frozen, big]) is None  # somebody could change it before that
    assert large_and_frozen([frozen, object()]) is None
    asked = ModelAsked("a", "m", 3, "", 1, 2, (), "begun", asked=copy)
    assert asked.digested() == ModelCall("a", "m", 3, tree_digest(copy), 1, 2, (), "begun")
