"""A conversation with an agent: show it pictures, let it hear recordings, ask it things.

Files go in through the same camera and microphone plugins that serve live devices.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

from sensorium import Session, Settings, Text
from sensorium.components import Planner
from sensorium.errors import BadInput, ComponentError, SensoriumError
from sensorium.payloads import UserTurn
from sensorium.plugins import ErrorAction
from sensorium.plugins.manager import Plugins
from sensorium.settings import ComponentSettings, ErrorSettings
from sensorium_agents.turn import Turn, TurnObserver
from sensorium_plugins.fusion.turns import turn_from

USER = "user"
ONCE = ErrorSettings(action=ErrorAction.DISABLE)


class Conversation:
    """One running chatbot. Make it with :func:`conversation`."""

    def __init__(self, session: Session, observer: TurnObserver) -> None:
        self.session = session
        self._observer = observer

    async def show(
        self, path: Path, *, name: str = "picture", pace: Literal["fast", "real_time"] = "fast"
    ) -> None:
        """Let the agent look at a picture or a video; returns when it has.

        A new picture of the same ``name`` replaces the old one. Raises :class:`BadInput` or
        :class:`SourceUnavailable` naming the file.
        """
        options = {"source": str(path), "pace": pace, "reconnect": False}
        await self._feed(name, ComponentSettings(use="camera", options=options, on_error=ONCE))

    async def hear(self, path: Path, *, name: str = "recording") -> str:
        """Let the agent listen to a recording; returns what it heard ("" for no words)."""
        options = {"source": str(path), "pace": "fast"}
        before = len(self._observer.heard)
        await self._feed(name, ComponentSettings(use="microphone", options=options, on_error=ONCE))
        return " ".join(self._observer.heard[before:])

    async def ask(self, text: str, *, spoken: bool = False) -> Turn:
        """Ask, and wait for the whole answer. ``spoken``: ``text`` is what was heard just now.

        Raises :class:`BadInput` for an empty question, and what made the planner fail.
        """
        if not text.strip():
            raise BadInput("the question is empty: there is nothing to answer")
        self._raise_planner_failure()
        turn = self._observer.begin()
        if spoken:
            said = turn_from(text.strip(), spoken=True)
            await self.session.bus.publish("chat/turn", said, source=USER)
        else:
            await self.session.bus.publish("chat/text", Text(text), source=USER)
        await turn.replied.wait()
        await self.session.settled()
        if turn.error:
            raise turn.error
        return turn

    async def interrupt(self) -> None:
        """Stop the answer that is being made."""
        await self.session.interrupt("the user asked to stop")

    async def _feed(self, name: str, spec: ComponentSettings) -> None:
        if name in self.session.runners:
            await self.session.stop_component(name)
        runner = await self.session.start_component(name, spec)
        await runner.ended.wait()
        if runner.failure is not None:
            raise runner.failure
        await self.session.settled()

    def _raise_planner_failure(self) -> None:
        planners = [
            r for r in self.session.runners.values() if issubclass(r.component_class, Planner)
        ]
        if not planners:
            raise ComponentError("planner", "these settings have no planner to answer with")
        for planner in planners:
            if planner.failure is not None:
                raise as_sensorium_error(planner.name, planner.failure)


def as_sensorium_error(component: str, error: Exception) -> SensoriumError:
    """``error`` as it is when it speaks for itself, else wrapped with the component's name."""
    if isinstance(error, SensoriumError):
        return error
    return ComponentError(component, f"{type(error).__name__}: {error}")


@asynccontextmanager
async def conversation(settings: Settings, plugins: Plugins) -> AsyncIterator[Conversation]:
    """Run the agent of ``settings`` for as long as the block lasts."""
    async with Session(settings, plugins) as session:
        observer = TurnObserver(session)
        session.scope.spawn(observer.run(), name="turn observer")
        await asyncio.sleep(0)
        yield Conversation(session, observer)


__all__ = ["Conversation", "UserTurn", "conversation"]
