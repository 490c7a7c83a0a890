"""Rows of a report: measured figures with their intervals, and what belongs beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol


class Measured(Protocol):
    """A :class:`~sensorium_models.metrics.rates.Rate` or ``Mean``."""

    @property
    def value(self) -> float:
        """The figure."""

    @property
    def n(self) -> int:
        """Trials."""

    @property
    def ci95(self) -> tuple[float, float]:
        """Its 95 % interval."""


@dataclass(frozen=True, slots=True)
class Row:
    """One measured figure of a card: a share (shown in percent) or any number."""

    name: str
    value: float
    n: int
    interval: tuple[float, float] | None = None
    """95 %."""
    note: str = ""
    """The control or the target that belongs beside it."""
    percent: bool = True

    @classmethod
    def of(cls, name: str, measured: Measured, note: str = "", *, percent: bool = True) -> Row:
        """From a measure of :mod:`sensorium_models.metrics.rates`."""
        return cls(name, measured.value, measured.n, measured.ci95, note, percent)

    def __str__(self) -> str:
        between = " to ".join(map(self._shown, self.interval or ()))
        return f"| {self.name} | {self._shown(self.value)} | {between} | {self.n:,} | {self.note} |"

    def line(self, width: int = 44) -> str:
        """For a terminal, the name in ``width`` letters."""
        between = " to ".join(map(self._shown, self.interval or ()))
        told = f"({between and f'95 % {between}; '}n = {self.n})"
        return f"  {self.name:<{width}}{self._shown(self.value):>6}  {told:<38}{self.note}".rstrip()

    def _shown(self, value: float) -> str:
        return f"{value:.1%}" if self.percent else f"{value:.4g}"


def rows_of(found: Mapping[str, Any]) -> list[Row]:
    """The rows of a measurement that was turned into plain values (``found["rows"]``) again."""
    return [
        Row(**{**row, "interval": tuple(row["interval"]) if row["interval"] else None})
        for row in found["rows"]
    ]


def lines_of(found: Mapping[str, Any], width: int = 44) -> list[str]:
    """The rows of a measurement for a person, a line each, names in ``width`` letters."""
    return [row.line(width) for row in rows_of(found)]
