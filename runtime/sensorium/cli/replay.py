"""``sensorium replay``: do a recorded session again and say where it differs."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from sensorium.errors import UnknownName
from sensorium.events import NS_PER_S
from sensorium.logs import configure_logs
from sensorium.plugins import load_plugins
from sensorium.recording.reader import Recording, open_recording
from sensorium.replay.comparison import Divergence
from sensorium.replay.options import ReplayOptions
from sensorium.replay.player import ReplayResult
from sensorium.replay.player import replay as play
from sensorium.replay.recorded import RecordedFile, changes, is_lossless, recorded_settings
from sensorium.session.hosting import model_settings

ALL = "all"
notes = Console(stderr=True, highlight=False)


class _Speed(click.ParamType[float | None]):
    name = "max|N"

    def convert(self, value: Any, param: Any, context: Any) -> float | None:
        if value is None or value == "max":
            return None
        try:
            speed = float(value)
        except ValueError:
            speed = 0.0
        if not 0 < speed < float("inf"):
            self.fail(f"{value!r} is neither max nor a positive number", param, context)
        return speed


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--settings", type=click.Path(path_type=Path), help="Play this agent, not its own.")
@click.option("--speed", type=_Speed(), default="max", help="Times real time.", show_default=True)
@click.option("--until", type=click.FloatRange(min=0), metavar="S", help="Stop after S seconds.")
@click.option(
    "--recompute",
    multiple=True,
    metavar="all|NAME",
    help="Ask this model anew instead of playing its recorded answers, and compare.",
)
@click.option("--act", is_flag=True, help="Let actuators act; else they are played, too.")
@click.option("--json", "as_json", is_flag=True, help="The result as one JSON object.")
@click.pass_context
def replay(
    context: click.Context,
    file: Path,
    settings: Path | None,
    speed: float | None,
    until: float | None,
    recompute: tuple[str, ...],
    act: bool,
    as_json: bool,
) -> None:
    """Play the recording FILE again: sensors, clock and models from the file, all else anew.

    Exit status 1 when something was not as recorded.
    """
    with open_recording(file) as recording:
        agent = recorded_settings(recording, settings)
        configure_logs(agent.log)
        plugins = load_plugins(modules=agent.plugins.modules, disabled=agent.plugins.disabled)
        models = model_settings(agent, plugins)
        for name in recompute:
            if name != ALL and name not in models:
                raise UnknownName("model", name, models, f"{ALL!r} means every model.")
    with open_recording(file, payloads=plugins.payloads) as recording:
        for change in changes(recording, agent, plugins):
            notes.print(f"[yellow]note:[/] {change}")
        if not recording.whole:
            notes.print("[yellow]note:[/] it was cut off, and is played to its last chunk")
        options = ReplayOptions(
            speed=speed,
            until_s=until,
            recompute=lambda model: ALL in recompute or model in recompute,
            act=act,
            lossless=is_lossless(recording),
            whole=recording.whole,
        )
        with _progress(as_json) as progress:
            task = progress.add_task(file.name, total=None)

            def on_progress(at: int, start: int, end: int) -> None:
                total = (end - start) / NS_PER_S
                progress.update(task, total=total, completed=(at - start) / NS_PER_S)

            result = asyncio.run(
                play(RecordedFile(recording), agent, plugins, options, on_progress)
            )
    _report(result, recording, as_json)
    context.exit(0 if result.divergence is None else 1)


def _progress(quiet: bool) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.1f} of {task.total:.1f} s"),
        TimeElapsedColumn(),
        console=notes,
        transient=True,
        disable=quiet or not notes.is_terminal,
    )


def _report(result: ReplayResult, recording: Recording, as_json: bool) -> None:
    if as_json:
        plain = asdict(result)
        click.echo(json.dumps(plain, ensure_ascii=False))
        return
    out = Console(highlight=False)
    table = Table.grid(padding=(0, 2))
    table.add_row("events", f"{result.events:,}")
    table.add_row("digest", result.digest)
    took = result.duration_s / result.speedup if result.speedup else 0.0
    table.add_row("played", f"{result.duration_s:.1f} s in {took:.1f} s: {result.speedup:.1f}x")
    same = "[green]the same to the last byte[/]"
    table.add_row("compared", same if result.divergence is None else "[red]it differs[/]")
    out.print(table)
    if result.divergence is not None:
        _show(result.divergence, out)


def _show(found: Divergence, out: Console) -> None:
    out.print(f"\nfirst at {found.at_s:.6f} s, [bold]{found.kind}[/]: {found.where}")
    for side, value in (("recorded", found.recorded), ("replayed", found.replayed)):
        out.print(f"[bold]{side}[/]")
        if value is None:
            out.print("  nothing")
        else:
            out.print_json(json.dumps(value, ensure_ascii=False), indent=2)
