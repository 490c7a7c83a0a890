"""``sensorium run``: the agent on live sensors, or on the bundled scene."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import click
from rich.markup import escape

from sensorium import Session, __version__
from sensorium.logs import configure_logs
from sensorium.plugins import Plugins
from sensorium.settings import Settings
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
from sensorium_agents.conversation import conversation
from sensorium_agents.demo import play
from sensorium_agents.turn import TurnObserver


@click.command()
@click.option("--settings", type=click.Path(path_type=Path), help="Settings file.")
def run(settings: Path | None) -> None:
    """Run the agent that the settings describe.

    It uses the camera and the microphone there are. Without any, it plays the bundled scene, and
    says so. On a terminal it then stays and chats.
    """
    plain = load(settings)
    configure_logs(plain.log)
    plugins = plugins_for(plain)
    missing, reasons = without_missing_devices(plain)
    fitted = load(settings, missing)
    sensors = sources(fitted, plugins)
    if sensors or not list(components_using(plain, "camera", "microphone")):
        for reason in reasons:
            notes.print(f"[yellow]without[/] {escape(reason)}")
        asyncio.run(_live(fitted, plugins, sensors))
        return
    notes.print(
        f"[bold]Sensorium {__version__}[/] No live sensors here, so the bundled scene plays:"
    )
    for reason in reasons:
        notes.print(f"  [dim]{escape(reason)}[/]")
    run_chat(_scene(settings, plain, plugins))


async def _live(settings: Settings, plugins: Plugins, sensors: list[str]) -> None:
    async with Session(settings, plugins) as session:
        observer = TurnObserver(session)
        session.scope.spawn(observer.run(), name="turn observer")
        notes.print(f"[bold]live:[/] {', '.join(sensors)}. Ctrl-C stops.")
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, session.request_stop, f"{number.name}")
        reason = await session.wait()
        notes.print(f"stopped: {reason}")


async def _scene(path: Path | None, plain: Settings, plugins: Plugins) -> None:
    silent = {name: {"enabled": False} for name in components_using(plain, "text_out")}
    settings = load(path, fed_by_hand(plain, plugins), {"components": silent})
    notes.print("[dim]loading models …[/]")
    async with conversation(settings, plugins) as talk:
        await play(talk)
        if sys.stdin.isatty() and sys.stdout.isatty():
            await Chatting(talk).run()
