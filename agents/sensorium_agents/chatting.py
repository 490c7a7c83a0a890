"""The chat prompt: what you type is said to the agent; lines with a slash are commands."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from rich.markup import escape
from rich.text import Text

from sensorium.bus import Subscription
from sensorium.delivery import DeliveryPolicy
from sensorium.errors import BadInput, SensoriumError
from sensorium.settings import ComponentSettings
from sensorium_agents.console import console, notes, summary
from sensorium_agents.conversation import Conversation
from sensorium_agents.turn import Turn
from sensorium_plugins.sources.text import BLOCK, Lines
from sensorium_plugins.sources.threads import Worker

HELP = """\
  /image FILE   look at a picture or a video         /audio FILE   listen to a recording
  /ask FILE     answer the question in a recording   /seen         what is known right now
  /say on|off   speak replies (speaker or WAV file)  /history      what was said so far
  /help         this list                            /quit         leave (also Ctrl-D)
Ctrl-C stops an answer; a second one leaves."""


class Voice(NamedTuple):
    """The component that speaks, started when it is wanted."""

    name: str
    spec: ComponentSettings


class Chatting:
    """Reads lines, says them to the agent and shows the answers as they are made."""

    def __init__(
        self, talk: Conversation, voice: Voice | None = None, *, shows_replies: bool = True
    ) -> None:
        """``shows_replies``: False where a component of the session writes them already."""
        self._talk = talk
        self._shows_replies = shows_replies
        self._voice = voice
        self._history: list[Turn] = []
        self._leaving = asyncio.Event()
        self._answering = False
        self._commands: dict[str, Callable[[str], Awaitable[None]]] = {
            "image": self.look,
            "audio": self.listen,
            "ask": self.ask_spoken,
            "say": self.say,
            "seen": self.tell_seen,
            "history": self.tell_history,
            "help": self.tell_help,
            "quit": self.leave,
        }

    async def run(self) -> None:
        """Chat until the user leaves or the input ends."""
        notes.print("[dim]Type a message, or /help. Ctrl-D leaves.[/]")
        with self._interruptible():
            async with aclosing(_lines()) as lines:
                async for line in lines:
                    self._answering = True
                    await self._handle(line.strip())
                    self._answering = False
                    if self._leaving.is_set():
                        return

    async def _handle(self, line: str) -> None:
        try:
            if line.startswith("/"):
                name, _, argument = line[1:].partition(" ")
                command = self._commands.get(name)
                if command is None:
                    known = ", ".join(f"/{name}" for name in self._commands)
                    raise BadInput(f"there is no /{name}; there are {known}")
                await command(argument.strip())
            elif line:
                await self.ask(line)
        except SensoriumError as error:
            notes.print(f"[red]{escape(str(error))}[/]")

    async def ask(self, text: str, *, spoken: bool = False) -> None:
        """Say ``text`` to the agent and show the answer while it is made."""
        if self._shows_replies:
            turn = await self._ask_showing(text, spoken=spoken)
        else:
            turn = await self._talk.ask(text, spoken=spoken)
        if not turn.finished:
            console.print("[dim] … stopped[/]")
        if turn.reply_audio:
            notes.print(f"[dim]{turn.reply_audio}[/]")
        self._history.append(turn)

    async def _ask_showing(self, text: str, *, spoken: bool) -> Turn:
        parts = self._talk.session.bus.subscribe(
            "reply/part", DeliveryPolicy.block(), name="chat display"
        )
        async with parts:
            showing = asyncio.ensure_future(_show(parts))
            try:
                return await self._talk.ask(text, spoken=spoken)
            finally:
                parts.close()
                await showing

    async def look(self, file: str) -> None:
        """``/image FILE``."""
        await self._talk.show(_file(file, "/image"))
        notes.print("[dim]seen; ask about it[/]")

    async def listen(self, file: str) -> None:
        """``/audio FILE``."""
        words = await self._talk.hear(_file(file, "/audio"))
        notes.print(f"[dim]heard: {escape(words) or 'no words'}[/]")

    async def ask_spoken(self, file: str) -> None:
        """``/ask FILE``."""
        words = await self._talk.hear(_file(file, "/ask"))
        if not words:
            raise BadInput(f"no words could be made out in {file}")
        notes.print(f"[dim]heard: {escape(words)}[/]")
        await self.ask(words, spoken=True)

    async def say(self, wanted: str) -> None:
        """``/say on`` or ``/say off``."""
        if self._voice is None:
            raise BadInput("these settings have no component that speaks")
        session, (name, spec) = self._talk.session, self._voice
        if wanted in ("", "on") and name not in session.runners:
            runner = await session.start_component(name, spec)
            if runner.failure is not None:
                await session.stop_component(name)
                raise runner.failure
        elif wanted == "off" and name in session.runners:
            await session.stop_component(name)
        elif wanted not in ("", "on", "off"):
            raise BadInput("write /say on or /say off")
        notes.print(f"[dim]replies are {'spoken' if name in session.runners else 'silent'}[/]")

    async def tell_seen(self, _: str) -> None:
        """``/seen``."""
        known = summary(self._history[-1]) if self._history else ""
        notes.print(f"[dim]{escape(known) or 'nothing that has a name, at your last question'}[/]")

    async def tell_history(self, _: str) -> None:
        """``/history``."""
        for turn in self._history:
            notes.print(f"[cyan]you[/]   {escape(turn.question)}")
            notes.print(f"[green]agent[/] {escape(turn.reply)}")

    async def tell_help(self, _: str) -> None:
        """``/help``."""
        notes.print(HELP)

    async def leave(self, _: str) -> None:
        """``/quit``."""
        self._leaving.set()

    @contextmanager
    def _interruptible(self) -> Iterator[None]:
        """Ctrl-C stops the answer; a second one cancels us, and so leaves, also when the answer has
        ended meanwhile and the prompt does not yet read keys."""
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        before = signal.getsignal(signal.SIGINT)
        assert task is not None

        def on_interrupt() -> None:
            if self._answering:
                self._answering = False
                stopping = "the user pressed Ctrl-C"
                self._talk.session.scope.spawn(
                    self._talk.session.interrupt(stopping), name="interrupt"
                )
            else:
                task.cancel()

        try:
            loop.add_signal_handler(signal.SIGINT, on_interrupt)
            yield
        finally:
            loop.remove_signal_handler(signal.SIGINT)
            signal.signal(signal.SIGINT, before)


async def _show(parts: Subscription) -> None:
    started = False
    async for event in parts:
        # not as markup, nor as emoji codes: a reply is what it is
        console.print(Text(event.payload.text, "bold green"), end="")
        started = True
    if started:
        console.print()


def _file(argument: str, command: str) -> Path:
    if not argument:
        raise BadInput(f"write {command} FILE")
    return Path(argument).expanduser()


async def _lines() -> AsyncGenerator[str, None]:
    """Lines from the terminal, with editing and history; from a pipe or file, as they are."""
    if not sys.stdin.isatty():
        async for line in _piped():
            yield line
        return
    from prompt_toolkit import PromptSession
    from prompt_toolkit.patch_stdout import patch_stdout

    prompt: PromptSession[str] = PromptSession("you  ▸ ")
    while True:
        try:
            with patch_stdout(raw=True):  # what is printed meanwhile goes above the prompt
                line = await prompt.prompt_async(handle_sigint=False)  # Ctrl-C is a key there
        except (EOFError, KeyboardInterrupt):
            return
        yield line


async def _piped() -> AsyncGenerator[str, None]:
    """Read in a thread that holds no lock of Python's, so that leaving never waits for it."""
    reader, lines, file = Worker("standard input"), Lines("standard input", forgiving=True), 0
    while data := await reader.call(os.read, file, BLOCK):
        for line in lines.push(data):
            yield line
    for line in lines.push(b"", last=True):
        yield line
    await reader.stop(lambda: None, limit_s=1.0)


def run_chat(chat: Coroutine[Any, Any, None]) -> None:
    """Run until it ends or is left by Ctrl-C, which counts as such and leaves no traceback."""
    try:
        asyncio.run(chat)
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
