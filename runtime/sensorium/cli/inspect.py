"""``sensorium inspect``: what a recording holds."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sensorium.events import NS_PER_S
from sensorium.recording.reader import open_recording
from sensorium.recording.summary import ChannelSummary, RecordingSummary, as_plain, summarise

BLOCKS = " ▁▂▃▄▅▆▇█"
WIDTH = 120  # columns, where nobody's terminal says how many
UNITS = ("B", "KiB", "MiB", "GiB")


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
@click.pass_context
def inspect(ctx: click.Context, file: Path, as_json: bool) -> None:
    """Say what a recording holds: channels, rates, ages, gaps, drops, versions.

    Exit status 1 when the file is damaged (a file that was cut off by a crash is not).
    """
    with open_recording(file) as recording:
        summary = summarise(recording)
    if as_json:
        click.echo(json.dumps(as_plain(summary), indent=2))
    else:
        console = Console()
        _show(summary, console if console.is_terminal else Console(width=WIDTH))
    if summary.state == "damaged":
        ctx.exit(1)


def _show(summary: RecordingSummary, console: Console) -> None:
    colour = {"whole": "green", "cut off": "yellow", "damaged": "red"}[summary.state]
    begun = datetime.fromtimestamp(summary.start / NS_PER_S, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    console.print(
        f"[bold]{_words(summary.path)}[/]  {_size(summary.bytes)}, {summary.messages} messages in"
        f" {summary.seconds:.1f} s from {begun}, [{colour}]{summary.state}[/]",
        soft_wrap=True,
    )
    if summary.damage:
        console.print(f"  [{colour}]{_words(summary.damage)}[/]", soft_wrap=True)
    console.print(_channels(summary.channels))
    _show_drops(summary, console)
    _show_versions(summary, console)


def _channels(channels: list[ChannelSummary]) -> Table:
    table = Table(box=None, padding=(0, 1), header_style="dim")
    for name in ("topic", "type"):
        table.add_column(name, no_wrap=True, overflow="ellipsis", min_width=10)
    for name in ("count", "Hz", "age ms", "p99", "gap s", "size"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("timeline", no_wrap=True, overflow="crop")
    for one in channels:
        table.add_row(
            _words(one.topic), _words(one.type or one.kind), str(one.messages),
            _number(one.rate_hz), _number(one.age_ms_p50), _number(one.age_ms_p99),
            _number(one.longest_gap_s), _size(one.bytes), f"[cyan]{_line(one.timeline, 24)}[/]",
        )  # fmt: skip
    return table


def _show_drops(summary: RecordingSummary, console: Console) -> None:
    if not summary.counted:
        console.print("[yellow]drops:[/] not counted in this file")
        return
    for name, reasons in summary.dropped.items():
        listed = ", ".join(f"{count} {reason}" for reason, count in reasons.items())
        console.print(f"[yellow]dropped[/] by {_words(name)}: {listed}")
    for topic, count in summary.given_up.items():
        console.print(f"[red]not recorded[/] {count} of {_words(topic)}: the recorder was too slow")
    if not summary.dropped and not summary.given_up:
        console.print("[green]drops:[/] none")


def _show_versions(summary: RecordingSummary, console: Console) -> None:
    session = summary.metadata.get("sensorium.session", {})
    ran = [f"{key} {session[key]}" for key in ("sensorium", "python", "seed") if key in session]
    console.print(f"[dim]session:[/] {_words(', '.join(ran) or 'unknown')}")
    for name, values in summary.metadata.items():
        for prefix in ("sensorium.plugin.", "sensorium.model."):
            if name.startswith(prefix):
                kind, own = prefix.split(".")[1], name.removeprefix(prefix)
                what = values.get("origin") or values.get("class", "")
                sha = values.get("source_sha256", "")[:12]
                console.print(f"[dim]{kind}:[/] {_words(own)}  {_words(what)}  [dim]{sha}[/]")


def _line(counts: list[int], width: int) -> str:
    """Counts as a row of blocks, each as high as its share of the highest."""
    step = len(counts) / width
    bins = [sum(counts[round(i * step) : round((i + 1) * step)]) for i in range(width)]
    top = max(bins, default=0) or 1
    return "".join(BLOCKS[-(-count * (len(BLOCKS) - 1) // top)] for count in bins)


def _words(text: str) -> str:
    """Text of a file as a terminal may show it: nothing in it is a command, to it or to rich."""
    return escape("".join(letter if letter.isprintable() else "\ufffd" for letter in text))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.{max(0, 3 - len(str(int(abs(value)))))}f}"


def _size(count: float) -> str:
    for unit in UNITS:
        if count < 1024 or unit == UNITS[-1]:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    raise AssertionError
