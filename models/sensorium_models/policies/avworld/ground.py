"""The chart's ground: what is wall, what is free, what is unknown, and ways over it.

Places are metres from where the episode began, x ahead and y left of how it began. Pictures lay
evidence on a grid of quarter metres; plans keep as far from walls and things as the body needs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensorium_sims.avworld.moving import CELL_M, COS, FORWARD_M, HEADINGS, SIN, TOUCH_M, spread
from sensorium_sims.avworld.seeing import SIZE

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Bools = NDArray[np.bool_]
Place = tuple[float, float]

CELLS = 128
"""Each way: 32 m, with the beginning in the middle."""
_MIDDLE = CELLS // 2
REACH_M = 7.0
"""Farther walls are not put on the chart."""
_ASIDE = (np.arange(SIZE) + 0.5) / (SIZE / 2) - 1
_ALONG = np.arange(0.1, REACH_M, CELL_M / 2)
_SHADE = np.where(_ALONG < 2.5, 3, np.where(_ALONG < 4.5, 2, 1)).astype(np.int16)
MOST = 60
"""Evidence for wall (positive) or free (negative) does not grow beyond."""
BARRED = 12
CLEAR_M = 0.27
"""A cell whose middle is nearer to a wall cell's middle cannot be stood in."""


@dataclass(slots=True)
class Ground:
    """Evidence on a grid; 0 is unknown."""

    odds: NDArray[np.int8] = field(default_factory=lambda: np.zeros((CELLS, CELLS), np.int8))

    def look(self, x: float, y: float, heading: int, depth: F32) -> None:
        """Lay down what one picture says: ``depth`` (64,) metres ahead to the wall."""
        cos, sin = COS[heading], SIN[heading]
        dx, dy = cos + _ASIDE * sin, sin - _ASIDE * cos
        flat = self.odds.ravel()
        clear = _ALONG[None, :] < np.minimum(depth, REACH_M)[:, None] - 0.15
        free = _cells(x + dx[:, None] * _ALONG, y + dy[:, None] * _ALONG)
        fresh = np.zeros(CELLS * CELLS, np.int16)
        np.maximum.at(fresh, free[clear], np.broadcast_to(_SHADE, free.shape)[clear])
        ends = depth < REACH_M
        near = depth[ends]
        walls = _cells(x + dx[ends] * near, y + dy[ends] * near)
        solid = np.zeros_like(fresh)
        np.maximum.at(
            solid, walls, np.where(near < 2.5, 8, np.where(near < 4.5, 5, 2)).astype(np.int16)
        )
        change = np.where(solid > 0, solid, -fresh)
        flat[:] = np.clip(flat + change, -MOST, MOST)

    def stand(self, x: float, y: float) -> None:
        """Where somebody stands is free."""
        rows, columns = _disc(x, y, 0.3)
        self.odds[rows, columns] = np.minimum(self.odds[rows, columns], -20)

    def bar(self, x: float, y: float, heading: int) -> None:
        """A step forward was barred: something stands there."""
        column, row = cell_of(x + 0.45 * COS[heading], y + 0.45 * SIN[heading])
        self.odds[row, column] = max(int(self.odds[row, column]), BARRED)

    def in_sight(self, x: float, y: float, to_x: float, to_y: float) -> bool:
        """Whether no known wall stands between two places."""
        far = math.hypot(to_x - x, to_y - y)
        count = max(2, int(far / (CELL_M / 2)))
        shares = np.linspace(0, 1, count)[1:-1]
        if not len(shares):
            return True
        cells = _cells(x + (to_x - x) * shares, y + (to_y - y) * shares)
        return not bool((self.odds.ravel()[cells] > 2).any())


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A cut-out of the ground for one moment: where one can stand, and how far everything is."""

    row: int
    column: int
    """Of the cut-out's first cell on the whole grid."""
    standable: Bools
    unknown: Bools
    away: F64
    """Metres to walk from the agent to each cell; infinity where no way leads."""

    def cell(self, x: float, y: float) -> tuple[int, int]:
        """Row and column of a place within the cut-out, moved to its edge where it is outside."""
        column, row = cell_of(x, y)
        rows, columns = self.away.shape
        return min(max(row - self.row, 0), rows - 1), min(max(column - self.column, 0), columns - 1)

    def place(self, row: int, column: int) -> Place:
        """The middle of a cell."""
        return (
            (column + self.column - _MIDDLE + 0.5) * CELL_M,
            (row + self.row - _MIDDLE + 0.5) * CELL_M,
        )

    def discs(self, x: float, y: float, near: float, far: float = 0.0) -> Bools:
        """Cells whose middles lie between ``far`` and ``near`` metres from a place."""
        rows, columns = np.indices(self.away.shape)
        at_x = (columns + self.column - _MIDDLE + 0.5) * CELL_M - x
        at_y = (rows + self.row - _MIDDLE + 0.5) * CELL_M - y
        apart = at_x**2 + at_y**2
        return np.asarray((apart <= near * near) & (apart >= far * far))

    def field(self, goal: Bools) -> F64:
        """Metres to walk from each cell to the nearest goal cell."""
        return spread(np.where(goal & self.standable, 0.0, np.inf), self.standable)


def survey(ground: Ground, x: float, y: float, things: list[Place]) -> Plan:
    """Where one can stand, and the way to everywhere from (x, y)."""
    known = ground.odds != 0
    rows, columns = np.flatnonzero(known.any(1)), np.flatnonzero(known.any(0))
    top, bottom = max(int(rows[0]) - 2, 0), min(int(rows[-1]) + 3, CELLS)
    left, right = max(int(columns[0]) - 2, 0), min(int(columns[-1]) + 3, CELLS)
    odds = ground.odds[top:bottom, left:right]
    wall, free = odds > 2, odds < 0
    standable = free & ~_grown(wall)
    plan = Plan(top, left, standable, odds == 0, np.empty(odds.shape))
    for at_x, at_y in things:
        standable &= ~plan.discs(at_x, at_y, TOUCH_M + 0.05)
    begin = plan.discs(x, y, CELL_M * 0.8)
    standable |= begin & ~wall
    away = spread(np.where(begin & standable, 0.0, np.inf), standable)
    plan.away[:] = away
    return plan


def value(field: F64, plan: Plan, x: float, y: float) -> float:
    """A field at a place, between those of the cells around it that have a value."""
    column, row = x / CELL_M + _MIDDLE - 0.5 - plan.column, y / CELL_M + _MIDDLE - 0.5 - plan.row
    c = min(max(math.floor(column), 0), field.shape[1] - 2)
    r = min(max(math.floor(row), 0), field.shape[0] - 2)
    u, v = min(max(column - c, 0.0), 1.0), min(max(row - r, 0.0), 1.0)
    total = weight = 0.0
    shares = ((1 - u) * (1 - v), u * (1 - v), (1 - u) * v, u * v)
    for held, share in zip(field[r : r + 2, c : c + 2].ravel().tolist(), shares, strict=True):
        if held < math.inf and share > 0:
            total, weight = total + held * share, weight + share
    return total / weight if weight > 0.05 else math.inf


def can_step(ground: Ground, things: list[Place], x: float, y: float, heading: int) -> bool:
    """Whether, by the chart, nothing bars a step forward."""
    for share in (0.5, 1.0):
        to_x = x + COS[heading] * FORWARD_M * share
        to_y = y + SIN[heading] * FORWARD_M * share
        column, row = cell_of(to_x, to_y)
        if ground.odds[row, column] > 2:
            return False
        for at_x, at_y in things:
            apart = math.hypot(at_x - to_x, at_y - to_y)
            if apart < TOUCH_M and apart < math.hypot(at_x - x, at_y - y):
                return False
    return True


def towards(
    ground: Ground, plan: Plan, field: F64, things: list[Place],
    x: float, y: float, heading: int, barred: set[tuple[float, float, int]],
) -> int | None:  # fmt: skip
    """How many twelfths to turn before the step that leads nearest; None where no step does."""
    here, best, turn = value(field, plan, x, y), math.inf, None
    for turns in sorted(range(-5, 7), key=abs):
        facing = (heading + turns) % HEADINGS
        if (round(x, 2), round(y, 2), facing) in barred or not can_step(
            ground, things, x, y, facing
        ):
            continue
        to = x + COS[facing] * FORWARD_M, y + SIN[facing] * FORWARD_M
        left = value(field, plan, *to)
        cost = left / FORWARD_M + 0.1 * abs(turns)
        if left < min(here - 0.05, math.inf) and cost < best:
            best, turn = cost, turns
    return turn


def cell_of(x: float, y: float) -> tuple[int, int]:
    """Column and row on the whole grid."""
    column = math.floor(x / CELL_M) + _MIDDLE
    row = math.floor(y / CELL_M) + _MIDDLE
    return min(max(column, 0), CELLS - 1), min(max(row, 0), CELLS - 1)


def _cells(x: NDArray[Any], y: NDArray[Any]) -> NDArray[np.intp]:
    columns = np.clip(np.floor(x / CELL_M).astype(np.intp) + _MIDDLE, 0, CELLS - 1)
    rows = np.clip(np.floor(y / CELL_M).astype(np.intp) + _MIDDLE, 0, CELLS - 1)
    return rows * CELLS + columns


def _disc(x: float, y: float, radius: float) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    column, row = cell_of(x, y)
    rows, columns = np.mgrid[-2:3, -2:3]
    middle_x = (column + columns - _MIDDLE + 0.5) * CELL_M - x
    middle_y = (row + rows - _MIDDLE + 0.5) * CELL_M - y
    inside = middle_x**2 + middle_y**2 <= radius * radius
    return (
        np.clip(row + rows[inside], 0, CELLS - 1),
        np.clip(column + columns[inside], 0, CELLS - 1),
    )


def _grown(wall: Bools) -> Bools:
    """Cells of walls and those beside them, nearer than :data:`CLEAR_M`."""
    grown = wall.copy()
    grown[1:] |= wall[:-1]
    grown[:-1] |= wall[1:]
    grown[:, 1:] |= wall[:, :-1]
    grown[:, :-1] |= wall[:, 1:]
    return grown
