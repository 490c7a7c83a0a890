"""What ``sensorium top`` draws: one snapshot of a session as tables."""

from __future__ import annotations

from typing import Any

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

PARTS = {
    "heard": "blue",
    "understood": "cyan",
    "planned": "green",
    "first_sound": "magenta",
    "finished": "bright_black",
}
BAR = 40  # characters that the longest turn is drawn with
TURNS = 5


def on_paper() -> Console:
    """A console that a pipe may be behind: then as wide as the tables are."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=150)


def view(look: dict[str, Any]) -> RenderableType:
    """The whole screen."""
    shown: list[RenderableType] = [_head(look)]
    failed = [c for c in look["components"] if c["state"] == "failed"]
    shown += [Text(_printable(f"{c['name']} failed: {c['problem']}"), "red") for c in failed]
    if look["turns"]:
        shown.append(_turns(look["turns"][-TURNS:]))
    if look["models"]:
        shown.append(_models(look["models"]))
    if look["workers"]:
        shown.append(_workers(look["workers"]))
    shown.append(_edges(look["edges"], measured=look["telemetry"]))
    return Group(*shown)


def _head(look: dict[str, Any]) -> Text:
    states = [component["state"] for component in look["components"]]
    counts = ", ".join(f"{states.count(s)} {s}" for s in dict.fromkeys(sorted(states)))
    head = Text.assemble((look["agent"], "bold"), f"  pid {look['pid']}  components: {counts}")
    if look["telemetry"]:
        head.append("  times in ms", "dim")
    else:
        head.append("  for ages and times: [telemetry] enabled = true", "yellow")
    return head


def _edges(edges: list[dict[str, Any]], *, measured: bool) -> Table:
    table = _table("edge", "topic", "policy")
    for heading in ("/s", "events", "queue"):
        table.add_column(heading, justify="right", no_wrap=True)
    if measured:
        for heading in ("age p50", "p99", "wait p99", "work p50", "p99"):
            table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("dropped", no_wrap=True)
    shown = [edge for edge in edges if not edge["name"].startswith("telemetry ")]
    busiest = sorted(shown, key=lambda e: (-(e["rate"] or 0), -e["published"], e["name"]))
    for edge in busiest:
        queue = str(edge["pending"])
        if edge["waiting"]:
            queue += f"+{edge['waiting']}"
        cells: list[Any] = [
            escape(_printable(edge["name"])),
            escape(_printable(edge["pattern"])),
            edge["policy"],
            "" if edge["rate"] is None else f"{edge['rate']:.1f}",
            str(edge["published"]),
            Text(queue, "yellow" if edge["pending"] else ""),
        ]
        if measured:
            cells += [
                _ms(edge["age"], "p50"),
                _ms(edge["age"], "p99"),
                _ms(edge["wait"], "p99"),
                _ms(edge["processing"], "p50"),
                _ms(edge["processing"], "p99"),
            ]
        drops = ", ".join(f"{reason} {n}" for reason, n in edge["dropped"].items())
        table.add_row(*cells, Text(drops, "red"), style="" if edge["published"] else "dim")
    return table


def _models(models: list[dict[str, Any]]) -> Table:
    table = _table("model", "where")
    for heading in (
        "requests", "waiting", "under way", "p50", "p99", "first part", "batches", "mean", "failed",
    ):  # fmt: skip
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("batch sizes", no_wrap=True)
    for model in models:
        sizes = model["batch_sizes"] or {}
        table.add_row(
            model["name"],
            model["where"],
            str(model["requests"]),
            _or_blank(model["waiting"]),
            str(model["in_flight"]),
            _ms(model["latency"], "p50"),
            _ms(model["latency"], "p99"),
            _ms(model["first_part"], "p50"),
            _or_blank(model["batches"]),
            "" if model["mean_batch"] is None else f"{model['mean_batch']:.1f}",
            Text(str(model["failures"]), "red" if model["failures"] else ""),
            "  ".join(f"{size}:{n}" for size, n in sizes.items()),
        )
    return table


def _workers(workers: list[dict[str, Any]]) -> Table:
    table = _table("worker", "device", "state")
    for heading in ("pid", "life", "memory", "under way"):
        table.add_column(heading, justify="right", no_wrap=True)
    for worker in workers:
        table.add_row(
            worker["name"],
            worker["device"],
            worker["state"],
            str(worker["pid"]),
            str(worker["epoch"]),
            f"{worker['rss'] / 2**20:.0f} MiB",
            str(worker["outstanding"]),
        )
    return table


def _turns(turns: list[dict[str, Any]]) -> Table:
    table = _table("turn")
    table.add_column("ms", justify="right", no_wrap=True)
    legend = Text()
    for part, colour in PARTS.items():
        legend.append("■ ", colour).append(part.replace("_", " ") + "  ")
    table.add_column(legend, no_wrap=True)
    longest = max(turn["whole"] for turn in turns) or 1.0
    for turn in reversed(turns):
        bar = Text()
        for part, took in turn["parts"].items():
            bar.append("█" * round(BAR * took / longest), PARTS.get(part, ""))
        told = "  ".join(f"{took:.0f}" for took in turn["parts"].values())
        words = Text(_printable(turn["text"][:40]), "" if turn["outcome"] == "done" else "yellow")
        table.add_row(words, f"{turn['whole']:.0f}", bar.append(f" {told}", "dim"))
    return table


def _table(*headings: str) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for heading in headings:
        table.add_column(heading, no_wrap=True, overflow="ellipsis")
    return table


def _ms(held: dict[str, Any] | None, key: str) -> str:
    value = held[key] if held else None
    if value is None:
        return ""
    return f"{value:.2f}" if value < 10 else f"{value:.0f}"


def _printable(text: str) -> str:
    """Text without what a terminal would obey: some of it was said by others."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)


def _or_blank(value: Any) -> str:
    return "" if value is None else str(value)
