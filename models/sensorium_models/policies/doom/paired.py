"""Whether one agent wins more often than another in the same episodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb

from sensorium.errors import BadInput


@dataclass(frozen=True, slots=True)
class Paired:
    """Episodes that only the first won, that only the second won, and how unlikely that is."""

    first_only: int
    second_only: int
    p_value: float
    """Of McNemar's exact test (1947), two-sided: as likely a difference or a larger one is among
    agents that win equally often."""


def compare(first: Sequence[object], second: Sequence[object]) -> Paired:
    """Compare outcomes, true or false, of the same episodes in the same order.

    Raises :class:`BadInput` where they are not as many.
    """
    if len(first) != len(second):
        raise BadInput(f"{len(first)} and {len(second)} episodes are not the same ones")
    one = sum(bool(a) and not b for a, b in zip(first, second, strict=True))
    other = sum(bool(b) and not a for a, b in zip(first, second, strict=True))
    count, fewer = one + other, min(one, other)
    tail = sum(comb(count, number) for number in range(fewer + 1))
    return Paired(one, other, min(1.0, 2 * tail / 2**count))
