"""Plots of a report, as PNG files: success beside what was published, and learning curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sensorium.errors import MissingDependency
from sensorium_sims.suites.table import BOUND, tasks_of

DPI = 110
COLORS = ("#1f6f8b", "#d95f02", "#3a923a", "#7a5195", "#8c8c8c", "#b8860b")
PUBLISHED, BOUND_COLOR = "#222222", "#c51b7d"


def draw_success(told: Mapping[str, Any], path: Path) -> None:
    """Each agent's success in each task with its 95 % interval; published results as diamonds.

    Raises :class:`MissingDependency` without matplotlib.
    """
    tasks = tasks_of(dict(told))
    agents = list(dict.fromkeys(row["agent"] for row in told["rows"]))
    lines = sum(len(rows) + 0.6 for rows in tasks.values())
    figure = _figure(7.2, 0.9 + 0.23 * lines)
    axes = figure.subplots()
    y, ticks = 0.0, []
    shown: set[str] = set()
    for task, rows in tasks.items():
        top = y
        for row in rows:
            if row.get("success_rate") is not None:
                color = COLORS[agents.index(row["agent"]) % len(COLORS)]
                rate, (low, high) = 100 * row["success_rate"], row["ci95"]
                label = row["agent"] if row["agent"] not in shown else None
                shown.add(row["agent"])
                spread = [[max(0.0, rate - 100 * low)], [max(0.0, 100 * high - rate)]]
                axes.errorbar(rate, y, xerr=spread, fmt="o", ms=4, color=color, lw=1.6, label=label)
            y += 1
        for one in rows[0]["published"]:
            kind = "bound" if one["remark"] == BOUND else "published"
            label = None if kind in shown else kind
            shown.add(kind)
            color = BOUND_COLOR if kind == "bound" else PUBLISHED
            axes.plot(one["success"], (top + y - 1) / 2, "D", ms=5, mfc="none", mec=color,
                      label=label)  # fmt: skip
        ticks.append(((top + y - 1) / 2, task))
        axes.axhline(y - 0.2, color="0.88", lw=0.8)
        y += 0.6
    for one in told.get("published", ()):
        label = None if "published, all tasks" in shown else "published, all tasks"
        shown.add("published, all tasks")
        axes.axvline(one["success"], color="0.6", lw=0.8, ls=":", label=label)
    axes.set_yticks([place for place, _ in ticks], [task for _, task in ticks])
    axes.set(xlim=(-2, 102), xlabel="success, %, with 95 % interval", ylim=(y - 0.4, -0.8))
    axes.grid(axis="x", alpha=0.3)
    axes.set_title(told["title"], fontsize=10)
    figure.legend(loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    figure.savefig(path, dpi=DPI)


def draw_learning(histories: Mapping[str, Sequence[Mapping[str, Any]]], path: Path) -> None:
    """Loss and what evaluations gave over the steps of each training, by name.

    A history is the records of a training's ``history.jsonl``. Raises :class:`MissingDependency`.
    """
    figure = _figure(7.2, 2.9)
    left, right = figure.subplots(1, 2)
    for number, (name, records) in enumerate(histories.items()):
        color = COLORS[number % len(COLORS)]
        losses = [(r["step"], r["loss"]) for r in records if "loss" in r]
        if losses:
            left.plot(*zip(*losses, strict=True), color=color, lw=1.2, label=name)
        told = [r for r in records if r.get("figures")]
        for style, key in zip(("-", "--", ":"), told[0]["figures"] if told else (), strict=False):
            kept = [(r["step"], r["figures"][key]) for r in told if key in r["figures"]]
            right.plot(*zip(*kept, strict=True), style, color=color, label=f"{name}: {key}")
    for axes, what in ((left, "loss"), (right, "held back")):
        axes.set(xlabel="step", title=what)
        axes.grid(alpha=0.3)
        if axes.lines:
            axes.legend(fontsize=7)
    figure.savefig(path, dpi=DPI)


def _figure(width: float, height: float) -> Any:
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        remedy = 'Run: pip install "sensorium[sim]"'
        raise MissingDependency("drawing plots", "matplotlib", remedy) from error
    return Figure(figsize=(width, height), layout="constrained")
