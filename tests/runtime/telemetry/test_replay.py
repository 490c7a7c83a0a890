"""A session that was recorded with telemetry on is replayed to the same events."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

from sensorium.clocks import WallClock
from sensorium.components import Fuser, Input, Output, Planner, Sink
from sensorium.events import Event
from sensorium.payloads import (
    GroundedTurn,
    Reply,
    ReplyPart,
    Text,
    TurnTiming,
    UserTurn,
    WorldState,
)
from sensorium.plugins import Plugins, load_plugins
from sensorium.recording.reader import PassedOver
from sensorium.replay.player import replay
from sensorium.session import Session
from sensorium.settings import Settings, load_settings


class Noted:
    """What :class:`Notes` has heard, as replay wants it."""

    def events(self) -> Iterator[Any]:
        """Every event with its place."""
        return ((n, one) for n, one in enumerate(Notes.notes) if isinstance(one, Event))

    def without(self, topics: Callable[[str], bool]) -> Iterator[Any]:
        """Everything, where events on ``topics`` are only counted."""
        for one in Notes.notes:
            over = isinstance(one, Event) and topics(one.topic)
            yield PassedOver(1, one.creation_time, one.creation_time) if over else one


class Turns(Fuser):
    takes = {"text": Input("chat/text", Text)}
    gives = {"turn": Output("chat/turn", UserTurn)}

    async def process(self, event: Any, emit: Any) -> None:
        await emit(UserTurn(event.payload.text))


class World(Fuser):
    takes = {"turn": Input("chat/turn", UserTurn)}
    gives = {"grounded": Output("chat/grounded", GroundedTurn)}

    async def process(self, event: Any, emit: Any) -> None:
        await emit(GroundedTurn(event.payload, WorldState(())))


class Chat(Planner):
    takes = {"turn": Input("chat/grounded", GroundedTurn)}
    gives = {"part": Output("reply/part", ReplyPart), "reply": Output("reply/text", Reply)}

    async def process(self, event: Any, emit: Any) -> None:
        await emit(ReplyPart(event.parents[0], "Yes."))
        await emit(Reply(event.parents[0], "Yes."))


class Notes(Sink):
    traces = True
    notes: list[Any] = []

    async def setup(self) -> None:
        type(self).notes = []
        self.context.trace.listen(self, "notes")

    async def process(self, event: Any, emit: Any) -> None:
        pass

    def published(self, event: Any) -> None:
        self.notes.append(event)

    traced = published


def agent() -> tuple[Settings, Plugins]:
    plugins = load_plugins(installed=False)
    parts = {"turns": Turns, "world": World, "chat": Chat, "notes": Notes}
    for name, component in parts.items():
        plugins.kinds[component.kind].add(name, component)
    layer = {
        "components": {name: {} for name in parts},
        "telemetry": {"enabled": True},
        "web": {"enabled": False},
        "watchdog": {"enabled": False},
    }
    return load_settings(environ={}, overrides=layer), plugins


async def test_timings_are_recorded_and_a_replay_does_not_mind() -> None:
    async with Session(*agent(), WallClock()) as session:
        timings = session.bus.subscribe("telemetry/turn")
        for text in ("one", "two"):
            await session.bus.publish("chat/text", Text(text), source="user")
            timing = (await timings.get()).payload
            assert isinstance(timing, TurnTiming)
            assert list(timing.parts) == ["heard", "understood", "planned", "finished"]
        assert (await session.settled()) is None
    result = await asyncio.wait_for(replay(Noted(), *agent()), 20)
    assert result.divergence is None, result.divergence
    assert result.events == sum(isinstance(note, Event) for note in Notes.notes)
