"""Loss curves as a picture."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)


def draw_curves(records: Sequence[Mapping[str, Any]], path: Path, title: str) -> bool:
    """Draw the losses, and what evaluations gave, over the steps as a PNG of 900x360 pixels.

    Where matplotlib is not installed nothing is drawn, the log says so, and the answer is False.
    """
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        log.warning('no loss curves: matplotlib is missing. Run: pip install "sensorium[language]"')
        return False
    figure = Figure(figsize=(9, 3.6), dpi=100, layout="constrained")
    left, right = figure.subplots(1, 2)
    losses = [record for record in records if "loss" in record]
    names = list(losses[0]["losses"]) if losses else []
    if len(names) > 1:
        for name in names:
            kept = [(r["step"], r["losses"][name]) for r in losses if name in r["losses"]]
            left.plot(*zip(*kept, strict=True), linewidth=1, label=name)
    left.plot([r["step"] for r in losses], [r["loss"] for r in losses], "k-", label="total")
    if losses and min(r["loss"] for r in losses) > 0:
        left.set_yscale("log")
    figured = [record for record in records if "figures" in record]
    for name in figured[0]["figures"] if figured else ():
        kept = [(r["step"], r["figures"][name]) for r in figured if name in r["figures"]]
        right.plot(*zip(*kept, strict=True), ".-", label=name)
    began = [(a, b) for a, b in pairwise(losses)
             if a.get("stage") != b.get("stage")]  # fmt: skip
    for axes, what in ((left, "loss"), (right, "held back")):
        for _, first in began:
            axes.axvline(first["step"], color="0.8", linestyle="--", linewidth=1)
        axes.set_xlabel("step")
        axes.set_title(what, fontsize=10)
        axes.grid(alpha=0.3)
        if axes.lines:
            axes.legend(fontsize=8)
    figure.suptitle(title, fontsize=11)
    partial = path.with_suffix(".partial.png")
    figure.savefig(partial)
    partial.replace(path)
    return True
