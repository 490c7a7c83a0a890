"""A conversation with an agent: show it pictures, let it hear recordings, ask it things.

Files go in through the same camera and microphone plugins that serve live devices.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

from sensorium import Session, Settings, Text
from sensorium.components import Fuser, Planner
from sensorium.errors import BadInput, ComponentError, SensoriumError, SourceUnavailable
from sensorium.payloads import GroundedTurn, UserTurn
from sensorium.plugins import ErrorAction
from sensorium.plugins.manager import Plugins
from sensorium.session.runner import Runner
from sensorium.settings import ComponentSettings, ErrorSettings
from sensorium.topics import matches
from sensorium_agents.turn import Turn, TurnObserver
from sensorium_agents.watching import watch
from sensorium_plugins.fusion.turns import turn_from

USER = "user"
REPLY = "reply/text"
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

        A new picture of the same ``name`` replaces the old one. Takes a folder of pictures, too.
        Raises :class:`BadInput` or :class:`SourceUnavailable` naming the file.
        """
        options = {"source": source_of(path), "pace": pace, "reconnect": False}
        await self._feed(name, ComponentSettings(use="camera", options=options, on_error=ONCE))

    async def hear(self, path: Path, *, name: str = "recording") -> str:
        """Let the agent listen to a recording; returns what it heard ("" for no words)."""
        options = {"source": source_of(path), "pace": "fast"}
        before = len(self._observer.heard)
        await self._feed(name, ComponentSettings(use="microphone", options=options, on_error=ONCE))
        await self._observer.caught_up()
        return " ".join(self._observer.heard[before:])

    async def ask(self, text: str, *, spoken: bool = False) -> Turn:
        """Ask, and wait for the whole answer. ``spoken``: ``text`` is what was heard just now.

        Raises :class:`BadInput` for a question that is empty or no text, and
        :class:`ComponentError` when the agent cannot answer or failed to.
        """
        check_question(text)
        topic = "chat/turn" if spoken else "chat/text"
        said = turn_from(text.strip(), spoken=True) if spoken else Text(text)
        raise_unless_answered(self.session, topic)
        turn = self._observer.begin()
        await self.session.bus.publish(topic, said, source=USER)
        await turn.replied.wait()
        await self.session.settled()
        await self._observer.caught_up()
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


def check_file(path: Path) -> None:
    """Raise :class:`SourceUnavailable` or :class:`BadInput` for what is no file with content.

    Devices and addresses never end, so nobody could say when they have been seen.
    """
    if not path.exists():
        hint = ": an address belongs in the settings of a camera" if ":/" in str(path) else ""
        raise SourceUnavailable(f"there is no file {path} (seen from {Path.cwd()}){hint}")
    if not (path.is_file() or path.is_dir()):
        raise BadInput(f"{path} is a device or a pipe, not a file; `sensorium run` takes those")
    if path.is_file() and not path.stat().st_size:
        raise BadInput(f"{path} is empty (0 bytes)")


def source_of(path: Path) -> str:
    """The option ``source`` for a file; absolute, for a relative "0" is a camera's number."""
    check_file(path)
    return str(path.absolute())


def check_question(text: str) -> None:
    """Raise :class:`BadInput` for what nobody could answer."""
    if not text.strip():
        raise BadInput("the question is empty: there is nothing to answer")
    try:
        text.encode()
    except UnicodeEncodeError as error:  # bytes of a command line that are not UTF-8
        raise BadInput("the question is not UTF-8 text") from error


def raise_unless_answered(session: Session, topic: str) -> None:
    """Raise :class:`ComponentError` when no chain of running components leads to a reply."""
    alive = [r for r in session.runners.values() if not r.is_source and not r.ended.is_set()]
    running = [runner for runner in alive if not _loses_turns(runner, alive)]
    reached, new = set[str](), {topic}
    while new:
        reached |= new
        new = {
            output.topic
            for runner in running
            for output in runner.outputs.values()
            if any(_meets(i.pattern, topic) for i in runner.inputs.values() for topic in reached)
        } - reached
    if REPLY in reached:
        return
    for name, runner in session.runners.items():
        if runner.failure is not None and issubclass(runner.component_class, Fuser | Planner):
            raise as_sensorium_error(name, runner.failure)
    raise ComponentError(
        "planner",
        f"in these settings nothing leads from {topic} to {REPLY}: an agent that answers has"
        " components such as turns, world and chat",
    )


def _loses_turns(runner: Runner, alive: Sequence[Runner]) -> bool:
    """Whether it passes turns on, and nobody takes them."""
    return any(
        issubclass(output.payload_type, UserTurn | GroundedTurn)
        and not any(_meets(i.pattern, output.topic) for r in alive for i in r.inputs.values())
        for output in runner.outputs.values()
    )


def _meets(pattern: str, topic: str) -> bool:
    return not set(topic) & set("+#") and matches(pattern, topic)


def as_sensorium_error(component: str, error: Exception) -> SensoriumError:
    """``error`` as it is when it speaks for itself, else wrapped with the component's name."""
    if isinstance(error, SensoriumError):
        return error
    return ComponentError(component, f"{type(error).__name__}: {error}")


@asynccontextmanager
async def conversation(
    settings: Settings, plugins: Plugins, *, show: Sequence[str] = ()
) -> AsyncIterator[Conversation]:
    """Run the agent of ``settings`` for as long as the block lasts.

    Events under the patterns of ``show`` are printed as they pass.
    """
    session = Session(settings, plugins)
    watch(session, show)
    async with session:
        observer = TurnObserver(session)
        session.scope.spawn(observer.run(), name="turn observer")
        await asyncio.sleep(0)
        try:
            yield Conversation(session, observer)
        except asyncio.CancelledError:  # an answer under way would hold up the end
            await session.interrupt("the conversation was left")
            raise


__all__ = ["Conversation", "conversation"]
