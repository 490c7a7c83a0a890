"""What happened in training, as JSON lines: one record a report, one an evaluation."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HISTORY = "history.jsonl"


@dataclass(frozen=True, slots=True)
class Progress:
    """Where training stands."""

    step: int
    steps: int
    loss: float
    """The mean of the total since the last report."""
    losses: dict[str, float]
    rate: float
    """The learning rate."""
    spent_s: float
    """CPU seconds, over all runs of the folder."""
    stage: str = ""
    figures: dict[str, float] = field(default_factory=dict)
    """Of an evaluation, where there was one now."""

    def line(self) -> str:
        """For a person: ``step 200/1000  loss 0.1234  accuracy 0.812  12 s``."""
        parts = [f"step {self.step:,}/{self.steps:,}"]
        if self.stage:
            parts.append(self.stage)
        parts.append(f"loss {self.loss:.4f}")
        parts += [f"{name} {value:.4g}" for name, value in self.figures.items()]
        return "  ".join([*parts, f"{self.spent_s:.0f} s"])


class History:
    """The records of a folder. ``rewind`` takes back those after a checkpoint."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / HISTORY
        self.records: list[dict[str, Any]] = []

    def begin(self) -> None:
        """Forget all there was."""
        self.records = []
        self._path.unlink(missing_ok=True)

    def rewind(self, step: int) -> None:
        """Read what there is up to ``step``; a record that was cut off is left out."""
        self.records = []
        if self._path.exists():
            for line in self._path.read_text(encoding="utf-8").splitlines():
                try:
                    record = json.loads(line)
                except ValueError:
                    break
                if record["step"] <= step:
                    self.records.append(record)
        lines = "".join(json.dumps(record) + "\n" for record in self.records)
        partial = self._path.with_suffix(".partial")
        partial.write_text(lines, encoding="utf-8")
        partial.replace(self._path)

    def add(self, record: dict[str, Any]) -> None:
        """Write a record down."""
        self.records.append(record)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
