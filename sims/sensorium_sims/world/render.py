"""Pictures of scenes, at any size, with exact masks, boxes, depth and edges.

Shapes are filled at a multiple of the size and averaged down, so an alpha is the share of a pixel
that a thing covers. A pixel belongs to the nearest thing that covers half of it or more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import BadInput
from sensorium_sims.world.libraries import cv2
from sensorium_sims.world.outlines import RING_HOLE, placed
from sensorium_sims.world.scene import Background, Scene, Thing
from sensorium_sims.world.surfaces import DARK_TINT, surface, wall
from sensorium_sims.world.vocabulary import RGB

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]
Bool = NDArray[np.bool_]
WALL_M = 4.0
SHADOW = 0.24
"""Share of the light that a full shadow takes."""
SHIFT = 6
"""Bits behind the point in the coordinates given to OpenCV."""


class Stencil(NamedTuple):
    """Where a thing falls: its top left pixel, and its coverage (h, w) there, 0 to 1."""

    x: int
    y: int
    alpha: F32


@dataclass(frozen=True)
class Picture:
    """A rendered scene: ``image`` (H, W, 3) uint8 RGB, and on demand what is where in it."""

    scene: Scene
    image: U8
    time: float
    stencils: tuple[Stencil | None, ...] = field(repr=False)
    order: tuple[int, ...] = ()
    """Things from the farthest to the nearest."""

    @cached_property
    def ids(self) -> NDArray[np.int16]:
        """(H, W): 1 + the index of the thing that is seen, 0 for the wall."""
        ids = np.zeros(self.image.shape[:2], np.int16)
        for index in self.order:
            stencil = self.stencils[index]
            if stencil is not None:
                x, y, alpha = stencil
                part = ids[y : y + alpha.shape[0], x : x + alpha.shape[1]]
                part[alpha >= 0.5] = index + 1
        return ids

    def mask(self, thing: int) -> Bool:
        """(H, W): what is seen of a thing."""
        mask: Bool = self.ids == thing + 1
        return mask

    def whole(self, thing: int) -> Bool:
        """(H, W): all that a thing covers, seen or hidden behind a nearer one."""
        mask = np.zeros(self.image.shape[:2], bool)
        stencil = self.stencils[thing]
        if stencil is not None:
            x, y, alpha = stencil
            mask[y : y + alpha.shape[0], x : x + alpha.shape[1]] = alpha >= 0.5
        return mask

    def box(self, thing: int) -> tuple[int, int, int, int] | None:
        """x0, y0, x1, y1 in pixels of what is seen, x1 and y1 just outside; None if nothing is."""
        rows, columns = np.nonzero(self.mask(thing))
        if not len(rows):
            return None
        return (
            int(columns.min()),
            int(rows.min()),
            int(columns.max()) + 1,
            int(rows.max()) + 1,
        )

    @cached_property
    def depth(self) -> F32:
        """(H, W) metres to the camera. The wall leans: 4.2 m at its top, 3.8 m at its foot."""
        height, width = self.image.shape[:2]
        lean = np.linspace(WALL_M + 0.2, WALL_M - 0.2, height, dtype=np.float32)
        depth = np.repeat(lean[:, None], width, axis=1)
        for index, thing in enumerate(self.scene.things):
            depth[self.ids == index + 1] = thing.depth
        return depth

    @cached_property
    def edges(self) -> U8:
        """(H, W) of 0 and 255: pixels whose right or lower neighbour is of something else."""
        edges = np.zeros(self.ids.shape, np.uint8)
        edges[:, :-1][self.ids[:, 1:] != self.ids[:, :-1]] = 255
        edges[:-1][self.ids[1:] != self.ids[:-1]] = 255
        return edges


def render(scene: Scene, size: int = 64, time: float = 0.0) -> Picture:
    """The scene at a time, ``size`` x ``size`` pixels, from 16 up."""
    if size < 16:
        raise BadInput(f"size is {size} pixels: a picture needs 16 or more")
    canvas = _wall(scene.background, size).copy()
    order = sorted(range(len(scene.things)), key=lambda i: -scene.things[i].depth)
    stencils: list[Stencil | None] = [None] * len(scene.things)
    for index in order:
        thing = scene.things[index]
        stencils[index] = stencil = _stencil(thing, size, time)
        if stencil is not None:
            _cast_shadow(canvas, stencil, thing, size)
            _paint(canvas, stencil, thing, size, time)
    image = np.clip(canvas + 0.5, 0, 255).astype(np.uint8)
    return Picture(scene, image, time, tuple(stencils), tuple(order))


@lru_cache(maxsize=8)
def _wall(background: Background, size: int) -> F32:
    """The frames of a film share it."""
    return wall(background, size)


def _stencil(thing: Thing, size: int, time: float) -> Stencil | None:
    fine = 4 if size <= 256 else 2
    x, y = thing.at(time)
    polygons = placed(thing.shape, x * size, y * size, thing.diameter * size, thing.angle)
    low = np.floor(polygons[0].min(axis=0)).astype(int).clip(0, size)
    high = np.ceil(polygons[0].max(axis=0)).astype(int).clip(0, size)
    width, height = (high - low).tolist()
    if width <= 0 or height <= 0:
        return None
    mask = np.zeros((height * fine, width * fine), np.uint8)
    # OpenCV's coordinates are those of the middles of pixels, and it also fills the pixels that an
    # outline only touches: outlines go half a fine pixel inwards, holes outwards.
    middle = np.array((x, y)) * size
    reach = thing.diameter * size / 2 * fine
    points = [
        np.round(
            ((middle + (polygon - middle) * (1 + sign * 0.5 / reach) - low) * fine - 0.5)
            * (1 << SHIFT)
        ).astype(np.int32)
        for polygon, sign in zip(polygons, (-1, 1 / RING_HOLE), strict=False)
    ]
    cv2.fillPoly(mask, points, 255, lineType=cv2.LINE_8, shift=SHIFT)
    alpha = cv2.resize(mask, (width, height), interpolation=cv2.INTER_AREA)
    return Stencil(int(low[0]), int(low[1]), alpha.astype(np.float32) * np.float32(1 / 255))


def _cast_shadow(canvas: F32, stencil: Stencil, thing: Thing, size: int) -> None:
    """On the wall, down and to the right; farther off and softer the farther from the wall."""
    away = WALL_M - thing.depth
    offset = max(1, round(size * (0.008 + 0.012 * away)))
    soft = max(1, round(size * (0.006 + 0.008 * away)))
    x, y, alpha = stencil
    blurred = cv2.blur(
        cv2.copyMakeBorder(alpha, soft, soft, soft, soft, cv2.BORDER_CONSTANT, value=0.0),
        (2 * soft + 1, 2 * soft + 1),
        borderType=cv2.BORDER_CONSTANT,
    )
    x0, y0 = x + offset - soft, y + offset - soft
    left, top = max(0, -x0), max(0, -y0)
    part = canvas[max(0, y0) : y0 + blurred.shape[0], max(0, x0) : x0 + blurred.shape[1]]
    shade = blurred[top : top + part.shape[0], left : left + part.shape[1]]
    part *= (1 - SHADOW * shade)[:, :, None]


def _paint(canvas: F32, stencil: Stencil, thing: Thing, size: int, time: float) -> None:
    x, y, alpha = stencil
    height, width = alpha.shape
    light, white = _surface_under(thing, stencil, size, time)
    if thing.material != "matte":
        white = white * _inside(alpha, size)
    colour = np.array(RGB[thing.colour], np.float32)
    paint = light[:, :, None] * colour
    bright = float(colour.max()) / 255
    white = white * np.float32(DARK_TINT + (1 - DARK_TINT) * bright)
    paint += white[:, :, None] * (255 - paint)
    part = canvas[y : y + height, x : x + width]
    part += alpha[:, :, None] * (paint - part)


def _inside(alpha: F32, size: int) -> F32:
    """The coverage without a rim: patterns and highlights leave the outline in plain colour."""
    rim = 2 * max(1, round(size * 0.014)) + 1
    kernel = np.ones((rim, rim), np.uint8)
    return np.asarray(
        cv2.erode(alpha, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0.0), np.float32
    )


def _surface_under(thing: Thing, stencil: Stencil, size: int, time: float) -> tuple[F32, F32]:
    """The thing's surface cut to its stencil, which the picture's edge may have cut."""
    side = max(2, math.ceil(thing.diameter * size * 1.12))
    light, white = surface(thing.material, side)
    cx, cy = thing.at(time)
    x0 = stencil.x - math.floor(cx * size - side / 2)
    y0 = stencil.y - math.floor(cy * size - side / 2)
    height, width = stencil.alpha.shape
    rows = np.clip(np.arange(y0, y0 + height), 0, side - 1)
    columns = np.clip(np.arange(x0, x0 + width), 0, side - 1)
    return light[rows][:, columns], white[rows][:, columns]
