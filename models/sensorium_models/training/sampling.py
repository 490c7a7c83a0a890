"""Which rows a batch holds: in passes over all, or balanced over classes or groups."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import BadInput

Rows = NDArray[np.int64]


class Sampler(Protocol):
    """Chooses rows. Nothing is remembered: rows follow from seed and position alone."""

    def take(self, seed: int, start: int, size: int) -> Rows:
        """(size,) the rows at the positions ``start`` to ``start + size`` of training."""


class Passes:
    """All ``count`` rows in a new order each pass, none twice before all came once."""

    def __init__(self, count: int) -> None:
        if count < 1:
            raise BadInput("there is nothing to learn from: 0 rows")
        self.count = count

    def take(self, seed: int, start: int, size: int) -> Rows:
        """See :class:`Sampler`."""
        places = np.arange(start, start + size)
        rows = np.empty(size, np.int64)
        for once in np.unique(places // self.count):
            here = places // self.count == once
            rows[here] = _order(seed, int(once), self.count)[places[here] % self.count]
        return rows


@lru_cache(maxsize=4)
def _order(seed: int, once: int, count: int) -> Rows:
    return np.random.default_rng([seed, once, 11]).permutation(count).astype(np.int64)


@lru_cache(maxsize=1024)
def _order_in(seed: int, once: int, group: int, count: int) -> Rows:
    order = np.random.default_rng([seed, once, 17, group]).permutation(count)
    return order.astype(np.int64)


class Balanced:
    """Every class (or group) equally often, however many rows it has.

    Each run of as many rows as there are classes holds one of each. Within a class rows come in
    passes: none comes twice before the others of its class.
    """

    def __init__(self, groups: Sequence[Hashable]) -> None:
        if not len(groups):
            raise BadInput("there is nothing to learn from: 0 rows")
        members: dict[Hashable, list[int]] = {}
        for row, group in enumerate(groups):
            members.setdefault(group, []).append(row)
        self._members = [np.array(rows, np.int64) for rows in members.values()]

    def take(self, seed: int, start: int, size: int) -> Rows:
        """See :class:`Sampler`."""
        kinds = len(self._members)
        rows = np.empty(size, np.int64)
        for at, place in enumerate(range(start, start + size)):
            turn = place // kinds
            group = int(np.random.default_rng([seed, turn, 13]).permutation(kinds)[place % kinds])
            members = self._members[group]
            once, within = divmod(turn, len(members))
            rows[at] = members[_order_in(seed, once, group, len(members))[within]]
        return rows
