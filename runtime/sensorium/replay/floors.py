"""Time that does not go back, where the clock of the recording did."""

from __future__ import annotations

from bisect import bisect_right


class Floors:
    """For the ranks from which on time was behind what it had been: how far it had come."""

    def __init__(self) -> None:
        self._ranks: list[int] = []
        self._floors: list[int] = []

    def raise_to(self, rank: int, floor: int) -> None:
        """From ``rank`` on it is no earlier than ``floor`` (ns). Ranks and floors only grow."""
        if not self._floors or self._floors[-1] < floor:
            self._ranks.append(rank)
            self._floors.append(floor)

    def lift(self, rank: int, at: int) -> int:
        """``at`` (ns), or the floor that there is at ``rank`` if that is later."""
        if not self._ranks:
            return at
        place = bisect_right(self._ranks, rank) - 1
        return at if place < 0 else max(at, self._floors[place])
