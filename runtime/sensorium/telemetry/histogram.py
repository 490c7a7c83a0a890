"""Histograms with fixed buckets on a log scale: cheap to fill, small, and never resized.

Each octave has eight buckets of equal width, so a bucket is at most an eighth of its value wide,
and a quantile, given as the middle of its bucket, is within 1/16 (6.25 %) of a value that was
recorded. (The layout of HdrHistogram with one significant octal digit.)
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import accumulate

LARGEST = 2**40  # ns: 18 minutes; what is larger counts as that
_STEPS = 8  # buckets in an octave
_SIZE = (40 - 2) * _STEPS + 1
ERROR = 1 / (2 * _STEPS)
"""By how much, relatively, a quantile may differ from the value recorded."""


class Histogram:
    """Counts of whole numbers from 0 (ns, mostly); negative ones count as 0."""

    __slots__ = ("counts", "largest", "total")

    def __init__(self) -> None:
        self.counts = [0] * _SIZE
        self.total = 0
        """Sum of what was recorded."""
        self.largest = 0

    def record(self, value: int) -> None:
        """Count one value."""
        if _STEPS <= value < LARGEST:
            shift = value.bit_length() - 4
            self.counts[shift * _STEPS + (value >> shift)] += 1
        elif value < _STEPS:
            value = max(value, 0)
            self.counts[value] += 1
        else:
            self.counts[-1] += 1
        self.total += value
        if value > self.largest:
            self.largest = value

    @property
    def count(self) -> int:
        """How many values were recorded."""
        return sum(self.counts)

    def quantile(self, share: float) -> float | None:
        """The value below which ``share`` of the values lie; None while there are none."""
        return self.quantiles(share)[0]

    def quantiles(self, *shares: float) -> list[float | None]:
        """As :meth:`quantile`, for several shares in one go."""
        seen = list(accumulate(self.counts))
        if not seen[-1]:
            return [None] * len(shares)
        found = (bisect_left(seen, max(1, share * seen[-1])) for share in shares)
        return [min(_middle(index), float(self.largest)) for index in found]

    @property
    def mean(self) -> float | None:
        """Of what was recorded, exactly; None while there is nothing."""
        count = self.count
        return self.total / count if count else None

    def below(self, exponents: Iterable[int]) -> Iterator[tuple[int, int]]:
        """``(2**exponent - 1, how many were at most that)``, exactly, for exponents from 3."""
        seen = list(accumulate(self.counts))
        for exponent in exponents:
            yield 2**exponent - 1, seen[(exponent - 2) * _STEPS - 1]


def _middle(index: int) -> float:
    """The middle of a bucket."""
    if index < 2 * _STEPS:
        return float(index)
    shift = index // _STEPS - 1
    return (index - shift * _STEPS + 0.5) * float(1 << shift)
