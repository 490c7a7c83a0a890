"""What a component's clock told it, each time that it asked."""

from __future__ import annotations

from array import array
from bisect import bisect_right


class Reads:
    """The recorded readings of one component's clock, by rank.

    The tasks of a component take turns: what one of them reads may come before or after what
    another has done meanwhile. So each asks for the first reading after what it has done itself,
    and those that no task has had stay for the others.
    """

    def __init__(self) -> None:
        self._ranks = array("q")
        self._times = array("q")
        self._first = 0  # all before it have been had
        self._had: set[int] = set()  # of those from there on

    def add(self, rank: int, at: int) -> None:
        """It was told ``at`` (ns). Ranks only grow."""
        self._ranks.append(rank)
        self._times.append(at)

    def take(self, after: int) -> int | None:
        """The first reading (ns) behind the rank ``after`` that nobody has had; None if none."""
        place = bisect_right(self._ranks, after, lo=self._first)
        while place in self._had:
            place += 1
        if place == len(self._ranks):
            return None
        self._had.add(place)
        while self._first in self._had:
            self._had.discard(self._first)
            self._first += 1
        return self._times[place]
