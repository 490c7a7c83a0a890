"""``sensorium run``: the agent on live sensors, or on the bundled scene."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import click
from rich.markup import escape

from sensorium import Session, __version__
from sensorium.errors import ComponentError, RecordingFailed
from sensorium.logs import configure_logs
from sensorium.plugins import Plugins
from sensorium.recording.recorder import recording_path
from sensorium.session.wiring import parts_of
from sensorium.settings import Layer, Settings
from sensorium.topics import check_pattern
from sensorium_agents.chatting import Chatting, run_chat
from sensorium_agents.composition import (
    components_using,
    fed_by_hand,
    load,
    plugins_for,
    sources,
    without_missing_devices,
)
from sensorium_agents.console import notes
from sensorium_agents.conversation import conversation, raise_unless_answered
from sensorium_agents.demo import play


@click.command()
@click.option("--settings", type=click.Path(path_type=Path), help="Settings file.")
@click.option(
    "--show",
    multiple=True,
    metavar="PATTERN",
    help="Print the events of these topics as they pass, such as 'vision/#'.",
)
@click.option(
    "--record",
    metavar="FILE",
    help="Record everything that happens to this MCAP file; {time} in its name is the time now.",
)
def run(settings: Path | None, show: tuple[str, ...], record: str | None) -> None:
    """Run the agent that the settings describe.

    It uses the camera and the microphone there are. Without any, it plays the bundled scene, and
    says so. On a terminal it then stays and chats.
    """
    file = None if record is None else recording_path(record)
    plain = load(settings)
    recorder = recording_to(file, plain)
    plain = load(settings, recorder)
    configure_logs(plain.log)
    for pattern in show:
        check_pattern(pattern)
    plugins = plugins_for(plain)
    parts_of(plain, plugins)  # a mistake in the settings is said before anything begins
    missing, reasons = without_missing_devices(plain)
    fitted = load(settings, recorder, missing)
    sensors = sources(fitted, plugins)
    if sensors or not list(components_using(plain, "camera", "microphone")):
        for reason in reasons:
            notes.print(f"[yellow]without[/] {escape(reason)}")
        run_chat(_live(fitted, plugins, sensors, show))
        say_recorded(file)
        return
    notes.print(
        f"[bold]Sensorium {__version__}[/] No live sensors here, so the bundled scene plays:"
    )
    for reason in reasons:
        notes.print(f"  [dim]{escape(reason)}[/]")
    silent = {name: {"enabled": False} for name in components_using(plain, "text_out")}
    scene = load(settings, recorder, fed_by_hand(plain, plugins), {"components": silent})
    run_chat(_scene(scene, plugins, show))
    say_recorded(file)


async def _live(
    settings: Settings, plugins: Plugins, sensors: list[str], show: tuple[str, ...]
) -> None:
    async with conversation(settings, plugins, show=show) as talk:
        notes.print(f"[bold]live:[/] {', '.join(sensors) or 'no sources'}. Ctrl-C stops.")
        if on_terminal() and can_answer(talk.session):
            writes = bool(list(components_using(settings, "text_out")))
            await Chatting(talk, shows_replies=not writes).run()
            return
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, talk.session.request_stop, f"{number.name}")
        reason = await talk.session.wait()
        notes.print(f"stopped: {reason}")


async def _scene(settings: Settings, plugins: Plugins, show: tuple[str, ...]) -> None:
    notes.print("[dim]loading models …[/]")
    async with conversation(settings, plugins, show=show) as talk:
        await play(talk)
        if on_terminal():
            await Chatting(talk).run()


def recording_to(file: Path | None, settings: Settings) -> Layer:
    """Overrides that record to ``file``; raises :class:`RecordingFailed` when it exists already."""
    if file is None:
        return {}
    if file.exists():
        raise RecordingFailed(f"{file} exists already, and a recording overwrites nothing")
    name = next(components_using(settings, "recorder"), "recorder")
    return {"components": {name: {"enabled": True, "options": {"path": str(file)}}}}


def say_recorded(file: Path | None) -> None:
    """Name the recording that was made."""
    if file is not None and file.exists():
        notes.print(
            f"recorded: {escape(str(file))}, {file.stat().st_size / 1e6:.1f} MB."
            f" [dim]sensorium inspect {escape(str(file))} says what is in it[/]"
        )


def on_terminal() -> bool:
    """Whether a person sits at both ends."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def can_answer(session: Session) -> bool:
    """Whether typed text leads to a reply in this agent."""
    try:
        raise_unless_answered(session, "chat/text")
    except ComponentError:
        return False
    return True
