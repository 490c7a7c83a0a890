"""``sensorium ask``: one question, one answer."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import click

from sensorium.errors import BadInput, OutputFailed, SettingsError
from sensorium.logs import configure_logs
from sensorium.plugins import Plugins
from sensorium.settings import Layer, Settings
from sensorium_agents.composition import components_using, fed_by_hand, load, plugins_for
from sensorium_agents.conversation import check_file, check_question, conversation
from sensorium_agents.turn import Turn

FILE = click.Path(path_type=Path)


@click.command()
@click.argument("text", required=False)
@click.option("--image", "images", multiple=True, type=FILE, help="Picture or video to look at.")
@click.option("--audio", "audios", multiple=True, type=FILE, help="Recording to listen to.")
@click.option("--reply-audio", type=FILE, help="Write the spoken reply to this WAV file.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@click.option("--settings", type=FILE, help="Settings file.")
def ask(
    text: str | None,
    images: tuple[Path, ...],
    audios: tuple[Path, ...],
    reply_audio: Path | None,
    as_json: bool,
    settings: Path | None,
) -> None:
    """Ask TEXT, or what is said in the recordings, about the pictures and recordings given."""
    if text is not None:
        check_question(text)
    if text is None and not audios:
        raise click.UsageError("nothing is asked: give TEXT, or a spoken question with --audio")
    for file in (*images, *audios):  # before the models load
        check_file(file)
    if reply_audio is not None:
        _check_writable(reply_audio)
    composed, plugins = _compose(settings, reply_audio)
    turn, heard = asyncio.run(_ask(text, images, audios, composed, plugins))
    if as_json:
        click.echo(json.dumps(_report(turn, heard), ensure_ascii=False))
    else:
        click.echo(turn.reply)
    if reply_audio is not None and not turn.reply_audio:
        speaking = components_using(composed, "speech")
        reasons = [turn.problems[name] for name in speaking if name in turn.problems]
        reason = "; ".join(reasons) or "there was nothing to say"
        raise OutputFailed(f"the reply was not written to {reply_audio}: {reason}")


def _compose(path: Path | None, reply_audio: Path | None) -> tuple[Settings, Plugins]:
    plain = load(path)
    configure_logs(plain.log)
    plugins = plugins_for(plain)
    layer: Layer = {name: {"enabled": False} for name in components_using(plain, "text_out")}
    speaking = list(components_using(plain, "speech"))
    if reply_audio is not None and not speaking:
        raise SettingsError("--reply-audio needs a component that speaks: [components.speech]")
    for name in speaking:
        if reply_audio is None:
            layer[name] = {"enabled": False}
        else:
            layer[name] = {"options": {"to": "file", "path": str(reply_audio)}}
    return load(path, fed_by_hand(plain, plugins), {"components": layer}), plugins


async def _ask(
    text: str | None,
    images: tuple[Path, ...],
    audios: tuple[Path, ...],
    settings: Settings,
    plugins: Plugins,
) -> tuple[Turn, str]:
    async with conversation(settings, plugins) as talk:
        for number, image in enumerate(images, 1):
            await talk.show(image, name=f"picture-{number}")
        heard = [await talk.hear(file, name=f"recording-{n}") for n, file in enumerate(audios, 1)]
        words = " ".join(filter(None, heard))
        if text is None and not words:
            names = ", ".join(map(str, audios))
            raise BadInput(f"no words could be made out in {names}; ask in TEXT instead")
        return await talk.ask(text or words, spoken=text is None), words


def _check_writable(path: Path) -> None:
    """Say so before a long wait, not after it."""
    if path.is_dir():
        raise OutputFailed(f"cannot write {path}: it is a folder")
    folder = path.resolve().parent
    if not folder.is_dir():
        raise OutputFailed(f"cannot write {path}: there is no folder {folder}")
    if not os.access(path if path.exists() else folder, os.W_OK):
        raise OutputFailed(f"cannot write {path}: permission denied")


def _report(turn: Turn, heard: str) -> dict[str, Any]:
    return {
        "heard": heard,
        "seen": turn.seen,
        "read": turn.read,
        **({"answers": turn.answers} if turn.answers else {}),  # a page gave them
        "reply": turn.reply,
        "reply_audio": turn.reply_audio or None,
        "latency_ms": turn.latency_ms(),
    }
