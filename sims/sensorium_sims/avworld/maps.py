"""Maps: rectangular rooms beside each other, with doors in the walls between them.

x runs east and y north, in metres; walls have no thickness. Rooms are convex and empty of walls,
so the shortest way for a sound from one room to another is a chain of straight lines from door to
door, worked out once per map.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]

DOOR_M = 1.2
SIDE_M = (3.6, 5.2)
"""Shortest and longest side of a room."""
SEEN_MAPS = 512
"""Maps 0 to 511 are for training; unseen ones begin at :data:`UNSEEN_FROM`."""
UNSEEN_FROM = 1_000_000
UNSEEN_MAPS = 128
SHAPES = {1: (1, 1), 2: (1, 2), 4: (2, 2), 6: (2, 3)}
"""Rows and columns of rooms, by how many there are."""


@dataclass(frozen=True, eq=False)
class Map:
    """One layout. Made by :func:`make_map`."""

    rooms: F64
    """(R, 4): x0, y0, x1, y1 of each room."""
    doors: F64
    """(D, 2): middle of each door."""
    door_rooms: NDArray[np.int64]
    """(D, 2): the two rooms of each door."""
    upright: F64
    """(V, 3): walls that run north: x, y0, y1."""
    level: F64
    """(H, 3): walls that run east: y, x0, x1."""
    between: F64
    """(D, D): length of the way from door to door, m."""
    hops: NDArray[np.int64]
    """(D, D): how many doors lie on that way, both ends counted."""
    tints: NDArray[np.int64]
    """(R,): which of the wall colours each room has."""

    @property
    def size(self) -> tuple[float, float]:
        """Width and depth of all rooms together, m."""
        return float(self.rooms[:, 2].max()), float(self.rooms[:, 3].max())

    def room_at(self, x: float, y: float) -> int:
        """The room that holds a point, or -1."""
        for number, (x0, y0, x1, y1) in enumerate(self.rooms.tolist()):
            if x0 <= x <= x1 and y0 <= y <= y1:
                return number
        return -1

    def doors_of(self, room: int) -> NDArray[np.int64]:
        """Indices of the doors of a room."""
        return np.flatnonzero((self.door_rooms == room).any(axis=1))


@lru_cache(maxsize=1024)
def make_map(seed: int, rooms: int) -> Map:
    """The map of a seed with 1, 2, 4 or 6 rooms; the same call gives the same map."""
    rng = np.random.default_rng([seed, rooms])
    rows, columns = SHAPES[rooms]
    xs = np.concatenate([[0.0], np.cumsum(rng.uniform(*SIDE_M, columns))])
    ys = np.concatenate([[0.0], np.cumsum(rng.uniform(*SIDE_M, rows))])
    corners = [(xs[c], ys[r], xs[c + 1], ys[r + 1]) for r in range(rows) for c in range(columns)]
    doors: list[tuple[float, float]] = []
    pairs: list[tuple[int, int]] = []
    for first, second in _openings(rows, columns, rng):
        pairs.append((first, second))
        doors.append(_door(corners[first], corners[second], rng))
    places = np.array(doors, np.float64).reshape(-1, 2)
    links = np.array(pairs, np.int64).reshape(-1, 2)
    between, hops = _ways(places, links)
    upright, level = _walls(xs, ys, places)
    return Map(
        np.array(corners), places, links, upright, level, between, hops,
        rng.permutation(8)[:rooms].astype(np.int64),
    )  # fmt: skip


def _openings(rows: int, columns: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Which neighbours have a door: enough to reach every room, and some more."""
    walls = [
        (r * columns + c, other)
        for r in range(rows)
        for c in range(columns)
        for other in (
            *([r * columns + c + 1] if c + 1 < columns else []),
            *([(r + 1) * columns + c] if r + 1 < rows else []),
        )
    ]
    group = list(range(rows * columns))
    chosen = []
    for index in rng.permutation(len(walls)):
        first, second = walls[int(index)]
        if group[first] != group[second]:
            old, new = group[second], group[first]
            group = [new if g == old else g for g in group]
            chosen.append((first, second))
        elif rng.random() < 0.5:
            chosen.append((first, second))
    return sorted(chosen)


def _door(
    first: tuple[float, ...], second: tuple[float, ...], rng: np.random.Generator
) -> tuple[float, float]:
    margin = DOOR_M / 2 + 0.4
    if first[2] == second[0]:  # beside each other: the wall runs north
        return float(first[2]), float(rng.uniform(first[1] + margin, first[3] - margin))
    return float(rng.uniform(first[0] + margin, first[2] - margin)), float(first[3])


def _walls(xs: F64, ys: F64, doors: F64) -> tuple[F64, F64]:
    upright = [wall for x in xs for wall in _cut(x, ys[0], ys[-1], doors, 0)]
    level = [wall for y in ys for wall in _cut(y, xs[0], xs[-1], doors, 1)]
    return np.array(upright), np.array(level)


def _cut(
    at: float, begin: float, end: float, doors: F64, axis: int
) -> list[tuple[float, float, float]]:
    """One line of wall without its doors."""
    gaps = sorted(float(door[1 - axis]) for door in doors if door[axis] == at)
    edges = [begin, *(e for gap in gaps for e in (gap - DOOR_M / 2, gap + DOOR_M / 2)), end]
    return [(float(at), float(a), float(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _ways(doors: F64, links: NDArray[np.int64]) -> tuple[F64, NDArray[np.int64]]:
    """Shortest ways between all doors (Floyd and Warshall)."""
    count = len(doors)
    length = np.full((count, count), np.inf)
    hops = np.ones((count, count), np.int64)
    for a in range(count):
        for b in range(count):
            if a == b or set(links[a].tolist()) & set(links[b].tolist()):
                length[a, b] = float(np.hypot(*(doors[a] - doors[b])))
                hops[a, b] = 1 if a == b else 2
    for via in range(count):
        through = length[:, via, None] + length[None, via, :]
        better = through < length
        length = np.where(better, through, length)
        hops = np.where(better, hops[:, via, None] + hops[None, via, :] - 1, hops)
    return length, hops
