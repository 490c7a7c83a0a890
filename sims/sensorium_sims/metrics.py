"""Measures of embodied agents, each with the paper it is defined in."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from statistics import fmean

Z95 = 1.959963984540054


def wilson(successes: int, trials: int, z: float = Z95) -> tuple[float, float]:
    """The interval of a rate, 95 % by default (Wilson 1927). (0, 1) without a trial."""
    if not 0 <= successes <= trials:
        raise ValueError(f"{successes} successes in {trials} trials")
    if trials == 0:
        return 0.0, 1.0
    rate = successes / trials
    centre = rate + z * z / (2 * trials)
    spread = z * math.sqrt(rate * (1 - rate) / trials + z * z / (4 * trials * trials))
    whole = 1 + z * z / trials
    return max(0.0, (centre - spread) / whole), min(1.0, (centre + spread) / whole)


def spl(success: bool, shortest: float, taken: float) -> float:
    """Success weighted by path length (Anderson et al. 2018), of one episode."""
    return float(success) * _share(shortest, taken)


def soft_spl(at_start: float, left: float, taken: float) -> float:
    """Progress weighted by path length (Datta et al. 2020), of one episode; lengths in m."""
    progress = 1.0 if at_start <= 0 else max(0.0, 1 - left / at_start)
    return progress * _share(at_start, taken)


def sna(success: bool, fewest: int, actions: int) -> float:
    """Success weighted by number of actions, turns too (Chen et al. 2021), of one episode."""
    return float(success) * _share(fewest, actions)


def _share(best: float, taken: float) -> float:
    worse = max(best, taken)
    return 1.0 if worse <= 0 else best / worse


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which ``share`` of the values lie; not a number when there are none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else math.nan


def mean(values: Iterable[float | None]) -> float | None:
    """Of those that are not None; None when all are."""
    there = [value for value in values if value is not None]
    return fmean(there) if there else None
