"""The model card of a BabyAI policy."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sensorium_models.policies.teaching import Course, Round, Taught
from sensorium_models.training import Row, write_card

PACKAGES = ("gymnasium", "minigrid", "numpy")


def card_of(
    path: Path,
    course: Course,
    taught: Taught,
    found: Sequence[dict[str, Any]],
    command: str,
    notes: str = "",
) -> None:
    """Write it. ``found`` are the reports of the evaluation of each level
    (:func:`sensorium_sims.suite.report`)."""
    levels = ", ".join(f"`{level}`" for level in course.levels)
    write_card(
        path,
        name=taught.weights.stem if taught.weights.stem != "policy" else path.stem,
        about=(
            f"A policy for {levels}: `sensorium_models.policies.babyai.BabyAINetwork` with a memory"
            f" of {course.memory}, used by the planner `policy`. It sees MiniGrid's symbolic view"
            " of 7x7 cells and reads the instruction. It is trained on these levels: a number of"
            " it is no zero-shot number. Weights are stored in 16 bits, and measured so."
        ),
        command=command,
        data=data_of(course, taught.rounds),
        rows=[_row(report) for report in found],
        fitted=[each.fitted for each in taught.rounds],
        files=[taught.weights],
        notes=notes or "One training run, one seed: how much runs differ was not measured.",
        packages=PACKAGES,
    )


def data_of(course: Course, rounds: Sequence[Round]) -> str:
    """What it learned from, in words and a table."""
    seed = course.seed if course.demo_seed is None else course.demo_seed
    played = "" if len(rounds) == 1 else (
        f" In {len(rounds) - 1} round(s) the policy played, and the bot said at every step what it"
        f" would have done (DAgger); after {course.patience} steps against its advice the bot ended"
        " the episode itself."
    )  # fmt: skip
    varied = "" if not course.vary else (
        f" Each time that an episode was learnt from it was varied at random"
        f" ({', '.join(course.vary)}; see `sensorium_models.policies.varying`)."
    )  # fmt: skip
    lines = [
        f"Made by the program itself: no person's data is in them. BabyAI's bot showed episodes"
        f" with environment seeds from {seed + 1},000,000 on.{played}{varied}",
        "",
        "| level | episodes | steps | played by | solved | helped | bot stuck | left out | CPU s |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for number, each in enumerate(rounds):
        for level, shown in each.shown.items():
            counts = shown.counts
            who = f"policy, round {number}" if number else "the bot"
            helped = f"{counts['helped']:,}" if number else "-"
            stuck = f"{counts['stuck']:,}" if number else "-"
            lines.append(
                f"| {level} | {len(shown):,} | {len(shown.actions):,} | {who} |"
                f" {counts['solved']:,} | {helped} | {stuck} | {counts['left_out']:,} |"
                f" {counts['cpu_ms'] / 1000:,.0f} |"
            )
    return "\n".join(lines)


def _row(found: dict[str, Any]) -> Row:
    low, high = found["ci95"]
    first, count = found["seed"], found["episodes"]
    failed = "".join(f"; {kind}: {n}" for kind, n in found["failed"].items())
    return Row(
        f"{found['env']}, success", found["success_rate"], count, (low, high),
        f"seeds {first} to {first + count - 1}, not trained on; {found['mean_steps']:.1f} steps"
        f" an episode{failed}",
    )  # fmt: skip
