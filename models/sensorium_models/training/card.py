"""Model cards: what a network learned from, how well it does, how to do it again."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from torch import nn

from sensorium_models.store.files import sha256_of
from sensorium_models.training.fitting import Fitted
from sensorium_models.training.rows import Row


def write_card(
    path: Path,
    *,
    name: str,
    about: str,
    command: str,
    data: str,
    rows: Sequence[Row],
    fitted: Fitted | Sequence[Fitted],
    files: Iterable[Path] = (),
    notes: str = "",
    packages: Sequence[str] = (),
) -> None:
    """Write the model card of a system as Markdown.

    ``about`` says what the network is and who uses it, ``data`` where its examples come from and
    how many, ``notes`` what is weak or was not measured. ``files`` are what is shipped (by default
    the weights of each run); ``packages`` are named with their versions beside torch.
    """
    runs = [fitted] if isinstance(fitted, Fitted) else list(fitted)
    kept = list(files) or [run.weights for run in runs]
    listed = "\n".join(
        f"| `{file.name}` | {file.stat().st_size:,} | `{sha256_of(file)}` |" for file in kept
    )
    table = "\n".join(str(row) for row in rows)
    told = "\n".join(_run(run) for run in runs)
    found = ", ".join(f"{k} {v}" for k, v in versions(packages).items())
    parts = [
        f"# {name}\n\n{about}\n\nLicence: that of this project; trained by it, from nothing.",
        f"| file | bytes | sha256 |\n|---|---|---|\n{listed}",
        f"## Data\n\n{data}",
        f"## Training\n\n```\n{command}\n```\n\n{told}\n\nVersions: {found}.",
        "## Result\n\n| | measured | 95 % interval | n | beside it |\n|---|---|---|---|---|\n"
        + table,
    ]
    if notes:
        parts.append(f"## What to know\n\n{notes}")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_text("\n\n".join(part.strip() for part in parts) + "\n", encoding="utf-8")
    partial.replace(path)


def versions(packages: Sequence[str] = ()) -> dict[str, str]:
    """Of Python, of this project, of torch and of ``packages``, as installed."""
    found = {"python": platform.python_version()}
    for package in ("sensorium", "torch", *packages):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def parameters_of(network: nn.Module) -> int:
    """How many numbers it has learnt."""
    return sum(parameter.numel() for parameter in network.parameters())


def _run(run: Fitted) -> str:
    plan: Mapping[str, Any] = run.plan.as_dict()
    defaults = {"minutes": None, "evaluate_every": None, "checkpoint_every": None}
    told = {k: v for k, v in plan.items() if k not in defaults and v is not None}
    numbers = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in told.items())
    return (
        f"- {parameters_of(run.network):,} parameters; {run.steps:,} steps, ended by {run.ended};"
        f" {run.spent_s:,.0f} CPU seconds; weights of step {run.at_step:,}.\n  AdamW: {numbers}."
    )
