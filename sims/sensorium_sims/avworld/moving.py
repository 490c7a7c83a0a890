"""Moving: headings of 30 degrees, half a metre a step, and what stands in the way."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensorium_sims.avworld.maps import Map

F64 = NDArray[np.float64]

HEADINGS = 12
FORWARD_M = 0.5
AGENT_M = 0.2
THING_M = 0.3
"""Radii: the agent and things are round and solid."""
TOUCH_M = AGENT_M + THING_M
CELL_M = 0.25
"""Grid of :func:`distances`."""
_HALVES = (0.5, 1.0)  # points of a step that are looked at: nearer together than walls are thick

COS = [math.cos(2 * math.pi * h / HEADINGS) for h in range(HEADINGS)]
SIN = [math.sin(2 * math.pi * h / HEADINGS) for h in range(HEADINGS)]


class Ground:
    """Where one can stand in a map."""

    def __init__(self, world: Map) -> None:
        self._boxes = np.concatenate(
            [
                np.stack(
                    [
                        world.upright[:, 0],
                        world.upright[:, 1],
                        world.upright[:, 0],
                        world.upright[:, 2],
                    ],
                    1,
                ),
                np.stack(
                    [world.level[:, 1], world.level[:, 0], world.level[:, 2], world.level[:, 0]], 1
                ),
            ]
        )  # each wall as a box without thickness: x0, y0, x1, y1
        self._walls = self._boxes.tolist()
        self._size = world.size
        columns, rows = (math.ceil(side / CELL_M) for side in self._size)
        self.xs = (np.arange(columns) + 0.5) * CELL_M
        self.ys = (np.arange(rows) + 0.5) * CELL_M
        x, y = np.meshgrid(self.xs, self.ys)
        self._far = self._wall_distance(x, y)
        self.free = self._far > AGENT_M

    def step(
        self, x: float, y: float, heading: int, things: list[tuple[float, float]]
    ) -> tuple[float, float] | None:
        """Where a step forward leads, or None when something stands in the way."""
        for share in _HALVES:
            to_x = x + COS[heading] * FORWARD_M * share
            to_y = y + SIN[heading] * FORWARD_M * share
            if self._at_wall(to_x, to_y):
                return None
            for at_x, at_y in things:
                apart = math.hypot(at_x - to_x, at_y - to_y)
                if apart < TOUCH_M and apart < math.hypot(at_x - x, at_y - y):
                    return None
        return to_x, to_y

    def _at_wall(self, x: float, y: float) -> bool:
        width, depth = self._size
        if not (0 < x < width and 0 < y < depth):
            return True
        for x0, y0, x1, y1 in self._walls:
            dx = x0 - x if x < x0 else x - x1 if x > x1 else 0.0
            dy = y0 - y if y < y0 else y - y1 if y > y1 else 0.0
            if dx * dx + dy * dy < AGENT_M * AGENT_M:
                return True
        return False

    def _wall_distance(self, x: F64, y: F64) -> F64:
        boxes = self._boxes[:, :, None, None]
        dx = np.maximum(np.maximum(boxes[:, 0] - x, x - boxes[:, 2]), 0)
        dy = np.maximum(np.maximum(boxes[:, 1] - y, y - boxes[:, 3]), 0)
        nearest: F64 = np.hypot(dx, dy).min(axis=0)
        return nearest

    def room_for(self, x: float, y: float, margin: float) -> bool:
        """Whether every wall is at least ``margin`` away."""
        return bool(self._wall_distance(np.array([[x]]), np.array([[y]]))[0, 0] >= margin)

    def distances(
        self, goal: NDArray[np.bool_], things: list[tuple[float, float]], room_m: float = 0.0
    ) -> F64:
        """Length of the shortest way from each cell to any goal cell, around things, in m.

        Keeps ``room_m`` farther from things than one must: gaps that are as wide as the agent
        are hard to walk through in whole steps.

        Over the sixteen directions of a king's and a knight's move, so at most 2.7 % more than
        the true length. Infinity where nobody can stand or no way leads.
        """
        free = self.free.copy()
        x, y = self.xs[None, :], self.ys[:, None]
        for at_x, at_y in things:
            free &= (x - at_x) ** 2 + (y - at_y) ** 2 > (TOUCH_M + room_m) ** 2
        return spread(np.where(goal & free, 0.0, np.inf), free)

    def value(self, field: F64, x: float, y: float) -> float:
        """A field of :meth:`distances` at a point, between those of the four cells around it that
        one can stand in, or at the nearest such cell; infinity where there is none."""
        column, row = x / CELL_M - 0.5, y / CELL_M - 0.5
        c = min(max(int(column), 0), field.shape[1] - 2)
        r = min(max(int(row), 0), field.shape[0] - 2)
        u, v = min(max(column - c, 0.0), 1.0), min(max(row - r, 0.0), 1.0)
        total = weight = 0.0
        shares = ((1 - u) * (1 - v), u * (1 - v), (1 - u) * v, u * v)
        for held, share in zip(field[r : r + 2, c : c + 2].ravel().tolist(), shares, strict=True):
            if held < math.inf and share > 0:
                total, weight = total + held * share, weight + share
        if weight > 0.05:
            return total / weight
        return self._nearest(field, row, column)

    @staticmethod
    def _nearest(field: F64, row: float, column: float) -> float:
        """Of the cell that is nearest of those around, and the way to it."""
        found = (math.inf, math.inf)
        for r in range(max(round(row) - 2, 0), min(round(row) + 3, field.shape[0])):
            for c in range(max(round(column) - 2, 0), min(round(column) + 3, field.shape[1])):
                if field[r, c] < math.inf:
                    far = math.hypot(r - row, c - column) * CELL_M
                    found = min(found, (far, float(field[r, c])))
        return found[0] + found[1]


_KING = [(0, 1), (1, 0), (1, 1), (1, -1)]
_KNIGHT = [(1, 2), (2, 1), (1, -2), (2, -1)]


def spread(field: F64, free: NDArray[np.bool_]) -> F64:
    """Shortest distances (m) from the zeros of ``field`` over ``free`` cells of :data:`CELL_M`:
    every cell asks its neighbours again and again, all at once, until nothing changes."""
    pad = 2
    blocked = ~np.pad(free, pad)
    wide = np.pad(field, pad, constant_values=np.inf)
    moves = []
    for dr, dc in _KING + _KNIGHT:
        for sign in (1, -1):
            between = _between(dr * sign, dc * sign)
            barred = ~free
            for r, c in between:
                barred |= _shifted(blocked, r, c, pad)
            cost = np.where(barred, np.inf, math.hypot(dr, dc) * CELL_M)
            moves.append((dr * sign, dc * sign, cost))
    inner = wide[pad:-pad, pad:-pad]
    while True:
        before = inner.copy()
        for dr, dc, cost in moves:
            np.minimum(inner, _shifted(wide, dr, dc, pad) + cost, out=inner)
        if np.array_equal(before, inner):
            return inner.copy()


def _between(dr: int, dc: int) -> list[tuple[int, int]]:
    """Cells that a move passes through."""
    if abs(dr) + abs(dc) == 1:
        return []
    if abs(dr) == abs(dc):
        return [(0, dc), (dr, 0)]
    small_r, small_c = round(math.copysign(1, dr)), round(math.copysign(1, dc))
    return (
        [(0, small_c), (small_r, small_c)] if abs(dc) == 2 else [(small_r, 0), (small_r, small_c)]
    )


def _shifted(array: NDArray[Any], dr: int, dc: int, pad: int) -> NDArray[Any]:
    rows, columns = array.shape
    return array[pad + dr : rows - pad + dr, pad + dc : columns - pad + dc]
