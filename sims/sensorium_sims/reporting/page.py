"""The page of a report, in Markdown, with its pictures beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sensorium.errors import BadInput, OutputFailed
from sensorium_sims.reporting.plots import draw_learning, draw_success
from sensorium_sims.suites.table import as_markdown

PAGE = "embodied_report.md"
RESULTS = "results"
_KEYS = {"suite", "title", "about", "seed", "rows", "versions"}


@dataclass(frozen=True)
class Shown:
    """An episode that one can look at."""

    title: str
    words: str
    """Goal, agent, ending."""
    strip: Path
    film: Path | None = None


def write_report(
    folder: Path,
    suites: Sequence[Mapping[str, Any]],
    episodes: Sequence[Shown] = (),
    histories: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
    *,
    pictures: Path | None = None,
    command: str = "",
) -> Path:
    """Write the page into ``folder``, pictures into ``pictures`` (a folder in it, if not given),
    and each suite's results as JSON beside the pictures; returns the page.

    ``suites`` are what :meth:`Filled.as_json` gives; several of one suite are one table. Raises
    :class:`OutputFailed` where it cannot be written, :class:`MissingDependency` without matplotlib.
    """
    pictures = pictures or folder / "pictures"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        pictures.mkdir(parents=True, exist_ok=True)
        lines = ["# Embodied agents: results", "", *_preface(command)]
        for told in _merged(suites):
            lines += _section(told, folder, pictures)
        if histories:
            path = pictures / "learning.png"
            draw_learning(histories, path)
            lines += ["## Learning", "", f"![Learning curves]({_link(path, folder)})", ""]
        if episodes:
            lines += ["## Episodes", ""]
        for shown in episodes:
            lines += [f"### {shown.title}", "", shown.words, ""]
            lines += [f"![{shown.title}]({_link(shown.strip, folder)})", ""]
            if shown.film is not None:
                lines += [f"[The film]({_link(shown.film, folder)})", ""]
        page = folder / PAGE
        page.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")
    except OSError as error:
        raise OutputFailed(f"cannot write a report to {folder}: {error}") from error
    return page


def read_results(path: Path) -> dict[str, Any]:
    """The results that ``sensorium sim suite --json`` printed. Raises :class:`BadInput`."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"cannot read results from {path}: {error}") from error
    if not isinstance(told, dict) or not told.keys() >= _KEYS:
        raise BadInput(f"{path} is not what `sensorium sim suite NAME --json` prints")
    return told


def read_history(path: Path) -> list[dict[str, Any]]:
    """The records of a training's ``history.jsonl``. Raises :class:`BadInput`."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        records = [json.loads(line) for line in lines if line]
    except (OSError, ValueError) as error:
        raise BadInput(f"cannot read a training's history from {path}: {error}") from error
    if not records or not all(isinstance(one, dict) and "step" in one for one in records):
        raise BadInput(f"{path} is no training's history: each line needs a step")
    return records


def _merged(suites: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Results of one suite and seed are one table; of two runs of a row the later one counts."""
    found: dict[tuple[str, int], dict[str, Any]] = {}
    for told in suites:
        whole = found.setdefault((told["suite"], told["seed"]), {**told, "rows": []})
        rows = {(row["task"], row["agent"]): row for row in [*whole["rows"], *told["rows"]]}
        whole["rows"] = list(rows.values())
        if "overall" in told:
            overall = {one["agent"]: one for one in [*whole.get("overall", ()), *told["overall"]]}
            whole["overall"] = list(overall.values())
    return list(found.values())


def _preface(command: str) -> list[str]:
    made = [f"Made by `{command}`.", ""] if command else []
    return [
        *made,
        "A success rate stands with its 95 % interval (Wilson). Rows in *italics* were published"
        " by others, or are bounds that hold by construction."
        " A trained policy beside a zero-shot language model is trained: the two do not"
        " answer the same question. What each agent is stands under each table.",
        "",
    ]


def _section(told: Mapping[str, Any], folder: Path, pictures: Path) -> list[str]:
    plot = pictures / f"success_{told['suite']}.png"
    draw_success(told, plot)
    (pictures / f"{RESULTS}_{told['suite']}.json").write_text(json.dumps(told), encoding="utf-8")
    kinds = {row["agent"]: row["kind"] for row in told["rows"] if row["kind"]}
    versions = ", ".join(f"{name} {number}" for name, number in told["versions"].items())
    return [
        f"## {told['title']}",
        "",
        told["about"],
        "",
        f"![Success in each task]({_link(plot, folder)})",
        "",
        as_markdown(dict(told)),
        "",
        *(f"- `{agent}`: {kind}" for agent, kind in kinds.items()),
        "",
        f"Seeds from {told['seed']}. {versions}.",
        "",
    ]


def _link(path: Path, folder: Path) -> str:
    try:
        return path.resolve().relative_to(folder.resolve()).as_posix()
    except ValueError:
        return path.as_posix()
