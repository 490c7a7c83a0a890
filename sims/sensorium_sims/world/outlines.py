"""Outlines of the shapes: closed polygons whose longest side is 2, centred on their box."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from sensorium_sims.world.vocabulary import SHAPES, Shape

F64 = NDArray[np.float64]
RING_HOLE = 0.52
"""Inner radius of a ring, of its outer one."""


def _round(n: int = 48) -> F64:
    turn = np.linspace(0, 2 * np.pi, n, endpoint=False)
    return np.stack([np.cos(turn), np.sin(turn)], axis=1)


def _star() -> F64:
    turn = np.arange(10) * np.pi / 5 - np.pi / 2
    radius = np.where(np.arange(10) % 2 == 0, 1.0, 0.42)
    return np.stack([radius * np.cos(turn), radius * np.sin(turn)], axis=1)


def _heart() -> F64:
    t = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    x = 16 * np.sin(t) ** 3
    y = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    return np.stack([x, -y], axis=1)


def _moon() -> F64:
    tip = math.radians(58)
    outer = np.linspace(tip, 2 * np.pi - tip, 40)
    rim = np.stack([np.cos(outer), np.sin(outer)], axis=1)
    # The inner arc runs through the same two tips on a circle moved to the right.
    centre = 0.62
    radius = math.hypot(math.cos(tip) - centre, math.sin(tip))
    reach = math.pi - math.atan2(math.sin(tip), centre - math.cos(tip))
    inner = np.linspace(2 * np.pi - reach, reach, 30)[1:-1]
    return np.concatenate(
        [rim, np.stack([centre + radius * np.cos(inner), radius * np.sin(inner)], axis=1)]
    )


def _cross() -> F64:
    arm = 0.36
    corner = [(arm, -1), (arm, -arm), (1, -arm)]
    turns = [(1, 0, 0, 1), (0, -1, 1, 0), (-1, 0, 0, -1), (0, 1, -1, 0)]
    return np.array([(a * x + b * y, c * x + d * y) for a, b, c, d in turns for x, y in corner])


_POLYGONS: dict[Shape, F64] = {
    "circle": _round(),
    "square": np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)], float),
    "triangle": np.array([(0, -1), (1.1, 1), (-1.1, 1)], float),
    "diamond": np.array([(0, -1), (0.62, 0), (0, 1), (-0.62, 0)], float),
    "star": _star(),
    "heart": _heart(),
    "cross": _cross(),
    "ring": _round(),
    "moon": _moon(),
    "arrow": np.array(
        [
            (0, -1),
            (0.85, -0.05),
            (0.34, -0.05),
            (0.34, 1),
            (-0.34, 1),
            (-0.34, -0.05),
            (-0.85, -0.05),
        ]
    ),
}


@lru_cache(maxsize=len(SHAPES))
def outline(shape: Shape) -> tuple[F64, ...]:
    """The polygons (N, 2) of a shape; a second one is a hole."""
    points = _POLYGONS[shape]
    low, high = points.min(axis=0), points.max(axis=0)
    centred = (points - (low + high) / 2) * (2 / (high - low).max())
    centred.setflags(write=False)
    return (centred, centred * RING_HOLE) if shape == "ring" else (centred,)


def placed(shape: Shape, x: float, y: float, diameter: float, angle: float) -> tuple[F64, ...]:
    """The polygons of a shape turned by ``angle`` degrees, in the unit of x, y and diameter."""
    turn = math.radians(angle)
    cos, sin = math.cos(turn) * diameter / 2, math.sin(turn) * diameter / 2
    matrix = np.array([(cos, sin), (-sin, cos)])
    return tuple(points @ matrix + (x, y) for points in outline(shape))


@lru_cache(maxsize=len(SHAPES))
def reach(shape: Shape) -> float:
    """Distance from the centre to the farthest corner, as a share of the diameter."""
    return float(np.hypot(*outline(shape)[0].T).max() / 2)
