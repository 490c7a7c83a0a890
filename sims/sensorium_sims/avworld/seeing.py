"""What the camera sees: one ray a column, textured floor, things as flat pictures with depth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from sensorium_sims.avworld.maps import Map
from sensorium_sims.avworld.vocabulary import COLOURS, Look

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]

SIZE = 64
"""Pixels, both ways."""
EYE_M = 0.5
WALL_M = 1.2
"""Low walls, so that near ones still show their upper edge."""
THING_M = 0.6
NEAR_M = 0.15
_HALF = SIZE / 2
_FOCUS = _HALF  # 90 degrees of view
_ASIDE = ((np.arange(SIZE) + 0.5 - _HALF) / _FOCUS).astype(np.float32)  # right is positive
_TINTS = np.array(
    [
        (150, 120, 95), (105, 130, 150), (125, 150, 110), (150, 140, 90),
        (140, 105, 135), (95, 145, 140), (160, 110, 110), (120, 120, 160),
    ],
    np.float32,
)  # fmt: skip
_CENTRES = np.arange(SIZE, dtype=np.float32)[:, None] + np.float32(0.5)
_FLOOR_ROWS = np.arange(SIZE // 2, SIZE)
_FLOOR_M = (EYE_M * _FOCUS / (_FLOOR_ROWS + 0.5 - _HALF)).astype(np.float32)[:, None]
_FLOOR_LIGHT = (1 / (1 + 0.12 * _FLOOR_M)).astype(np.float32)
_SKY = np.linspace(70, 105, SIZE // 2, dtype=np.float32)[:, None, None] * np.array(
    [0.9, 0.95, 1.1], np.float32
)
_CHECKER = np.array([[92, 86, 80], [112, 106, 98]], np.float32)


class Eye:
    """Draws what a camera in one map sees."""

    def __init__(self, world: Map) -> None:
        up, level = world.upright, world.level
        self._up = tuple(up[:, i : i + 1].astype(np.float32) for i in range(3))
        self._level = tuple(level[:, i : i + 1].astype(np.float32) for i in range(3))
        self._rooms = world.rooms.astype(np.float32)
        self._tints = _TINTS[world.tints]
        width, depth = world.size
        # Tint by quarter metres: cheaper than asking which room each ray ends in.
        xs, ys = np.arange(0, width + 1, 0.25) + 0.125, np.arange(0, depth + 1, 0.25) + 0.125
        columns = np.searchsorted(np.unique(self._rooms[:, 2]), xs)
        rows = np.searchsorted(np.unique(self._rooms[:, 3]), ys)
        shape = len(np.unique(self._rooms[:, 3])), len(np.unique(self._rooms[:, 2]))
        grid = np.arange(len(self._rooms)).reshape(shape)
        self._room_of = grid[
            np.minimum(rows, shape[0] - 1)[:, None], np.minimum(columns, shape[1] - 1)
        ]

    def look(
        self, x: float, y: float, heading: float, things: Sequence[tuple[Look, float, float]]
    ) -> U8:
        """(SIZE, SIZE, 3) uint8 from a place and a heading (radians); things are (look, x, y)."""
        cos, sin = math.cos(heading), math.sin(heading)
        dx, dy = cos + _ASIDE * sin, sin - _ASIDE * cos  # depth 1 ahead, one for each column
        depth, light = self._walls(x, y, dx, dy)
        picture = np.empty((SIZE, SIZE, 3), np.float32)
        picture[: SIZE // 2] = _SKY
        self._floor(picture, x, y, dx, dy)
        half = _FOCUS / depth
        above, below = _HALF - (WALL_M - EYE_M) * half, _HALF + EYE_M * half
        inside = (above < _CENTRES) & (below > _CENTRES)
        ends = depth - 0.05  # a little before the wall: still in the room that it belongs to
        row = ((y + dy * ends) * 4).astype(np.intp).clip(0, self._room_of.shape[0] - 1)
        column = ((x + dx * ends) * 4).astype(np.intp).clip(0, self._room_of.shape[1] - 1)
        colour = self._tints[self._room_of[row, column]] * light[:, None]
        np.copyto(picture, colour[None], where=inside[:, :, None])
        for look, across, ahead in _ahead(x, y, cos, sin, things):
            _draw(picture, depth, look, across, ahead)
        return picture.astype(np.uint8)

    def depth(self, x: float, y: float, heading: float) -> F32:
        """(SIZE,) metres ahead to the wall in each column: privileged, to learn seeing by."""
        cos, sin = math.cos(heading), math.sin(heading)
        return self._walls(x, y, cos + _ASIDE * sin, sin - _ASIDE * cos)[0]

    def _walls(self, x: float, y: float, dx: F32, dy: F32) -> tuple[F32, F32]:
        """Depth of the wall in each column, and how light it is there."""
        with np.errstate(divide="ignore", invalid="ignore"):
            at, low, high = self._up
            far_up = (at - x) / dx
            cross = y + far_up * dy
            hit = (far_up > 0) & (cross >= low) & (cross <= high)
            upright = np.where(hit, far_up, np.inf).min(axis=0)
            at, low, high = self._level
            far = (at - y) / dy
            cross = x + far * dx
            hit = (far > 0) & (cross >= low) & (cross <= high)
            level = np.where(hit, far, np.inf).min(axis=0)
        depth = np.minimum(np.minimum(upright, level), 60.0)
        along = np.where(upright <= level, y + depth * dy, x + depth * dx)
        stripe = np.where((along * 2).astype(np.int32) % 2 == 0, 1.0, 0.88)
        light = np.where(upright <= level, 0.82, 1.0) * stripe / (1 + 0.07 * depth)
        return np.maximum(depth, NEAR_M).astype(np.float32), light.astype(np.float32)

    def _floor(self, picture: F32, x: float, y: float, dx: F32, dy: F32) -> None:
        tile = (np.floor(x + _FLOOR_M * dx) + np.floor(y + _FLOOR_M * dy)).astype(np.int32) & 1
        np.multiply(_CHECKER[tile], _FLOOR_LIGHT[:, :, None], out=picture[SIZE // 2 :])


def _ahead(
    x: float, y: float, cos: float, sin: float, things: Sequence[tuple[Look, float, float]]
) -> list[tuple[Look, float, float]]:
    """Things in front of the camera, the farthest first: (look, metres to the right, depth)."""
    seen = []
    for look, at_x, at_y in things:
        ahead = (at_x - x) * cos + (at_y - y) * sin
        across = (at_x - x) * sin - (at_y - y) * cos
        if ahead > NEAR_M and abs(across) < ahead + THING_M:
            seen.append((look, across, ahead))
    return sorted(seen, key=lambda thing: -thing[2])


def _draw(picture: F32, depth: F32, look: Look, across: float, ahead: float) -> None:
    scale = _FOCUS / ahead
    wide = THING_M * scale
    left = _HALF + across * scale - wide / 2
    top = _HALF + (EYE_M - THING_M) * scale
    first, last = max(0, math.ceil(left - 0.5)), min(SIZE, math.ceil(left + wide - 0.5))
    above, below = max(0, math.ceil(top - 0.5)), min(SIZE, math.ceil(top + wide - 0.5))
    if first >= last or above >= below:
        return
    shape = _shape(look.kind)
    grain = len(shape) / wide
    columns = (
        ((np.arange(first, last) + 0.5 - left) * grain).astype(np.intp).clip(0, len(shape) - 1)
    )
    rows = ((np.arange(above, below) + 0.5 - top) * grain).astype(np.intp).clip(0, len(shape) - 1)
    shades = shape[rows[:, None], columns]
    visible = (shades > 0) & (depth[first:last] > ahead)
    colour = np.array(COLOURS[look.colour], np.float32) / (1 + 0.07 * ahead)
    np.copyto(
        picture[above:below, first:last], shades[:, :, None] * colour, where=visible[:, :, None]
    )


@lru_cache(maxsize=16)
def _shape(kind: str) -> F32:
    """(32, 32): how light a thing of this type is at each place; 0 where it is not."""
    count = 32
    y, x = (np.mgrid[0:count, 0:count] + 0.5) / count * 2 - 1  # -1 to 1, y down
    far = np.hypot(x, y)
    if kind == "box":
        shade = np.where(np.maximum(abs(x), abs(y)) < 0.82, 1.0, 0.6)
        shade = np.where((abs(x) < 0.08) | (abs(y + 0.3) < 0.07), 0.6, shade)
    elif kind == "ball":
        shade = np.where(far < 1, 1.05 - 0.55 * np.hypot(x + 0.35, y + 0.35), 0)
    elif kind == "cone":
        shade = np.where(abs(x) < (y + 1) / 2, 0.95 - 0.4 * np.clip(x + 0.2, 0, 1), 0)
    elif kind == "star":
        angle = np.arctan2(x, -y)
        edge = 0.62 + 0.38 * np.cos(5 * angle)
        shade = np.where(far < edge, 1.0, 0)
    else:  # a key: ring, shaft and two teeth
        ring = abs(np.hypot(x, y + 0.5) - 0.33) < 0.15
        shaft = (abs(x) < 0.11) & (y > -0.2)
        teeth = (x > 0) & (x < 0.5) & ((abs(y - 0.85) < 0.12) | (abs(y - 0.45) < 0.12))
        shade = np.where(ring | shaft | teeth, 1.0, 0)
    return np.clip(shade, 0, 1).astype(np.float32)
