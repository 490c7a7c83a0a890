"""The results of a suite, as :meth:`Filled.as_json` gives them, in a table."""

from __future__ import annotations

from typing import Any

HEAD = ("task", "agent", "n", "success %", "95 % interval", "SPL", "steps", "remarks")
BOUND = "by construction"
"""The remark of what nobody published, because it cannot be otherwise."""
Told = dict[str, Any]


def as_text(told: Told) -> str:
    """The table for a terminal."""
    rows = [HEAD, *_lines(told)]
    widths = [max(len(row[n]) for row in rows) for n in range(len(HEAD) - 1)]
    lines = [told["title"], ""]
    for row in rows:
        cells = [
            cell.rjust(width) if 2 <= n <= 6 else cell.ljust(width)
            for n, (cell, width) in enumerate(zip(row[:-1], widths, strict=True))
        ]
        lines.append("  ".join([*cells, row[-1]]).rstrip())
    kinds = {row["agent"]: row["kind"] for row in told["rows"] if row["kind"]}
    return "\n".join([*lines, "", *(f"{agent}: {kind}" for agent, kind in kinds.items())])


def as_markdown(told: Told) -> str:
    """The table for a page."""
    lines = [f"| {' | '.join(HEAD)} |", "|---|---|--:|--:|--:|--:|--:|---|"]
    for row in _lines(told):
        cells = [cell.replace("|", "\\|") for cell in row]
        if cells[1].startswith(("published: ", "bound: ")):
            cells = [f"*{cell}*" if cell else "" for cell in cells]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def tasks_of(told: Told) -> dict[str, list[dict[str, Any]]]:
    """The rows of each task, in order."""
    tasks: dict[str, list[dict[str, Any]]] = {}
    for row in told["rows"]:
        tasks.setdefault(row["task"], []).append(row)
    return tasks


def _lines(told: Told) -> list[tuple[str, ...]]:
    """Each agent of a task, then what was published of it; at the end all tasks together."""
    lines: list[tuple[str, ...]] = []
    for task, rows in tasks_of(told).items():
        label = task
        for row in rows:
            lines.append((label, row["agent"], *_figures(row)))
            label = ""
        lines += [_published(one) for one in rows[0]["published"]]
    label = "all tasks"
    for one in told.get("overall", ()):
        error = f"standard error {100 * one['standard_error']:.1f}"
        rate, count = f"{100 * one['success_rate']:.1f}", str(one["episodes"])
        lines.append((label, one["agent"], count, rate, _interval(one["ci95"]), "", "", error))
        label = ""
    published = [_published(one) for one in told.get("published", ())]
    if published and label:
        published[0] = (label, *published[0][1:])
    return lines + published


def _figures(row: dict[str, Any]) -> tuple[str, ...]:
    if "success_rate" not in row:
        return "", "", "", "", "", f"not run: {' '.join(row['error'].split())}"
    rate, spl, steps = row["success_rate"], row["spl"], row["mean_steps"]
    failed = ", ".join(f"{count} {kind}" for kind, count in row["failed"].items())
    return (
        str(row["episodes"]),
        "" if rate is None else f"{100 * rate:.1f}",
        _interval(row["ci95"]),
        "" if spl is None else f"{spl:.3f}",
        "" if steps is None else f"{steps:.1f}",
        " ".join(row["error"].split()) or failed,
    )


def _interval(bounds: list[float] | None) -> str:
    return "" if bounds is None else f"{100 * bounds[0]:.1f} to {100 * bounds[1]:.1f}"


def _published(one: dict[str, Any]) -> tuple[str, ...]:
    spread = "" if one["plus_minus"] is None else f"± {one['plus_minus']:g}"
    kind = "bound" if one["remark"] == BOUND else "published"
    return "", f"{kind}: {one['who']}", "", f"{one['success']:.1f}", spread, "", "", one["remark"]
