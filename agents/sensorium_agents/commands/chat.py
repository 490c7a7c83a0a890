"""``sensorium chat``: a conversation in the terminal."""

from __future__ import annotations

from pathlib import Path

import click

from sensorium.logs import configure_logs
from sensorium.plugins import Plugins
from sensorium.settings import Settings
from sensorium_agents.chatting import Chatting, Voice, run_chat
from sensorium_agents.composition import components_using, fed_by_hand, load, plugins_for
from sensorium_agents.console import notes
from sensorium_agents.conversation import conversation


@click.command()
@click.option("--settings", type=click.Path(path_type=Path), help="Settings file.")
@click.option("--speak", is_flag=True, help="Speak replies from the start (/say turns it on, too).")
def chat(settings: Path | None, speak: bool) -> None:
    """Chat in the terminal. /help lists what you can do; Ctrl-C stops an answer, twice leaves."""
    plain = load(settings)
    configure_logs(plain.log)
    plugins = plugins_for(plain)
    layer = {name: {"enabled": False} for name in components_using(plain, "text_out", "speech")}
    fitted = load(settings, fed_by_hand(plain, plugins), {"components": layer})
    voice = next(components_using(plain, "speech"), "")
    spec = plain.components[voice] if voice else None
    run_chat(_chat(fitted, plugins, Voice(voice, spec) if spec else None, speak))


async def _chat(settings: Settings, plugins: Plugins, voice: Voice | None, speak: bool) -> None:
    notes.print("[dim]loading models …[/]")
    async with conversation(settings, plugins) as talk:
        chatting = Chatting(talk, voice)
        if speak:
            await chatting.say("on")
        await chatting.run()
