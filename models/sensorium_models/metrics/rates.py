"""A share of trials with its interval, and the bootstrap for what is no share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import BadInput
from sensorium_sims.metrics import wilson


@dataclass(frozen=True, slots=True)
class Rate:
    """``hits`` of ``n``; ``value`` is their share and ``ci95`` Wilson's interval."""

    hits: int
    n: int

    @property
    def value(self) -> float:
        """From 0 to 1."""
        return self.hits / self.n

    @property
    def ci95(self) -> tuple[float, float]:
        """Wilson's 95 % interval."""
        return wilson(self.hits, self.n)

    def __str__(self) -> str:
        low, high = self.ci95
        return f"{self.value:.1%} (95 % {low:.1%} to {high:.1%}; n = {self.n})"


def rate(outcomes: Iterable[object]) -> Rate:
    """How many of some outcomes are true. Raises BadInput when there are none."""
    listed = [bool(outcome) for outcome in outcomes]
    if not listed:
        raise BadInput("a rate needs at least one outcome")
    return Rate(sum(listed), len(listed))


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean over ``n`` items with its bootstrapped 95 % interval."""

    value: float
    n: int
    ci95: tuple[float, float]

    def __str__(self) -> str:
        low, high = self.ci95
        return f"{self.value:.4f} (95 % {low:.4f} to {high:.4f}; n = {self.n})"


def mean(values: Iterable[float], *, draws: int = 2000, seed: int = 0) -> Mean:
    """The mean of one value an item; items are drawn anew for the interval."""
    array = np.array(list(values), np.float64)
    if not len(array):
        raise BadInput("a mean needs at least one value")
    return Mean(
        float(array.mean()), len(array), bootstrap(len(array), array.__getitem__, draws, seed)
    )


def bootstrap(
    count: int,
    take: Callable[[NDArray[np.int64]], NDArray[np.float64]],
    draws: int = 2000,
    seed: int = 0,
) -> tuple[float, float]:
    """95 % percentile interval of the mean of what ``take`` gives for drawn places."""
    rng = np.random.default_rng(seed)
    means = [take(rng.integers(count, size=count)).mean() for _ in range(draws)]
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)
