"""Medians, spreads and ratios. Nothing here knows where the numbers come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Summary:
    """Repeated measurements of one thing: their median, and their spread from low to high."""

    values: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.values:
            raise ValueError("a summary needs at least one value")

    @property
    def median(self) -> float:
        """The middle value."""
        return median(self.values)

    @property
    def low(self) -> float:
        """The smallest value."""
        return min(self.values)

    @property
    def high(self) -> float:
        """The largest value."""
        return max(self.values)


def ratios(ours: Sequence[float], others: Sequence[float]) -> Summary | None:
    """``ours / other``, round by round; None when it has no meaning.

    Runs of one round lie next to each other in time, so what slows the machine down for a while
    slows both and cancels; that is why rounds are divided and not medians. Raises ValueError when
    the two were not measured in the same rounds.
    """
    if len(ours) != len(others):
        raise ValueError(f"{len(ours)} rounds of ours against {len(others)} of the other")
    if not ours or not all(others):
        return None
    return Summary(tuple(mine / theirs for mine, theirs in zip(ours, others, strict=True)))
