"""What a picture of the world shows, read off its pixels alone.

No network and no renderer: the wall is the commonest colour, a thing is a patch that is not the
wall in light or shade, its colour that of its strongest pixels, its shape the outline it overlaps
best. It reads pictures of any origin, so it can judge those a model made. Where it fails:

- things of one colour group that touch are one thing; a thing half hidden has a wrong shape;
- what is under 0.15 or over 0.55 of the side is found, but its shape may be wrong;
- a wall that is dark or strongly coloured hides things;
- blur beyond 1.5 % of the side, and JPEG (its colours bleed), wear corners and holes down.

A patch that fits no outline (overlap under :data:`LEAST_FIT`) has the shape None.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import BadInput
from sensorium_sims.world.libraries import cv2
from sensorium_sims.world.outlines import placed
from sensorium_sims.world.vocabulary import COLOURS, RGB, SHAPES, Colour, Shape, Size

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
Bool = NDArray[np.bool_]
GRID = 40
"""Outlines are compared on GRID x GRID cells."""
ANGLES = tuple(range(-16, 17, 4))
LEAST_FIT = 0.65
LEAST_SIDE = 0.1
"""What is smaller than this share of the picture is dirt."""
LARGE = 0.33
"""From this diameter on a thing is large."""
LARGEST_SIDE = 0.75
"""What is larger than this is no single thing."""
TINTED = 0.12
"""Least spread of the channels, beside the wall's, of what is not wall."""
DARK = 0.32
"""Least darkening of what is not wall: a shadow takes less."""
FAINT = 0.2
"""A patch whose strongest tint is less, and that is not dark, is a stain: no colour is so pale."""
NOISY = 10.0
"""From this many grey levels of noise on, a picture is smoothed first."""
RIM = 0.3
"""Less tint than this share of a patch's strongest is its blurred rim."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One thing in a picture; places as in a scene. ``fit`` is the overlap with its outline."""

    shape: Shape | None
    colour: Colour
    size: Size
    x: float
    y: float
    diameter: float
    fit: float
    box: tuple[int, int, int, int]


def look(image: U8) -> list[Seen]:
    """The things in an RGB picture (H, W, 3) uint8, square, 32 pixels or more; largest first."""
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise BadInput(f"a picture is (H, W, 3) uint8, not {image.shape} {image.dtype}")
    if image.shape[0] != image.shape[1] or image.shape[0] < 32:
        raise BadInput(f"the judge reads squares of 32 pixels or more, not {image.shape[:2]}")
    image = _quiet(image)
    tint, dark = _contrast(image)
    seen = [_read(image, mask, tint, dark) for mask in segments(image)]
    return sorted(seen, key=lambda thing: -thing.diameter)


def segments(image: U8) -> list[Bool]:
    """Masks (H, W) of the patches that are not wall."""
    tint, dark = _contrast(image)
    least = max(3, round(LEAST_SIDE * len(image)))
    found = []
    for rough in _parts((tint > TINTED) | (dark > DARK), least):
        # A strong colour's blurred rim is weaker than its own light bands: leave it out.
        strongest = float(np.quantile(tint[rough], 0.8))
        if strongest < FAINT and np.median(dark[rough]) < DARK:
            continue
        rim = RIM * strongest
        for part in _parts(rough & ((tint > max(TINTED, rim)) | (dark > DARK)), least):
            groups = _hue_groups(image, part)
            split = [p for group in groups for p in _parts(group, least) if _solid(p)]
            found.extend(split if len(split) > 1 else [part])
    return found


def _quiet(image: U8) -> U8:
    """The picture without its noise, if it has much."""
    green = image[:, :, 1].astype(np.float32)
    crossed = green[:-1, :-1] - green[1:, :-1] - green[:-1, 1:] + green[1:, 1:]
    # The median knows no edges. 0.6745 makes it a deviation, 2 is that of four pixels' sum.
    noise = float(np.median(np.abs(crossed))) / 0.6745 / 2
    if noise < NOISY:
        return image
    return np.asarray(cv2.medianBlur(cv2.medianBlur(image, 3), 3), np.uint8)


def _contrast(image: U8) -> tuple[F32, F32]:
    """How far each pixel's tint is from the wall's, and how much darker it is, (H, W) each."""
    pixels = image.reshape(-1, 3)
    spread = pixels.max(axis=1).astype(int) - pixels.min(axis=1)
    light = pixels[(spread < 40) & (pixels.max(axis=1) > 150)]
    wall = np.median(light if len(light) > 8 else pixels, axis=0).astype(np.float32)
    ratio = image / np.maximum(wall, 1)
    high = ratio.max(axis=2)
    return high - ratio.min(axis=2), 1 - high


def _parts(mask: Bool, least: int) -> list[Bool]:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        mask.astype(np.uint8), connectivity=4
    )
    large = [
        index
        for index in range(1, count)
        if max(stats[index, cv2.CC_STAT_WIDTH], stats[index, cv2.CC_STAT_HEIGHT]) >= least
        and stats[index, cv2.CC_STAT_AREA] >= least * least / 5
    ]
    return [labels == index for index in large]


def _solid(part: Bool) -> bool:
    """Not just a fringe of a pixel or two, as where colours bleed."""
    inner = cv2.erode(part.astype(np.uint8), np.ones((3, 3), np.uint8))
    return bool(inner.sum() >= 0.15 * part.sum())


def _hue_groups(image: U8, part: Bool) -> list[Bool]:
    """The part cut where things of other hues touch; one mask when it is of one hue.

    Tints and highlights keep the hue, so hue alone decides; brown is a dark orange.
    """
    high = image.max(axis=2)
    coloured = part & (_saturation(image) > 0.3)
    dark = part & ~coloured & (high < 110)
    turn = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)[:, :, 0].astype(int)  # half degrees
    apart = np.abs(turn[coloured][:, None] - _hues()[None])
    nearest = np.minimum(apart, 180 - apart).argmin(axis=1)
    counts = np.append(np.bincount(nearest, minlength=len(_hues())), dark.sum())
    chosen = np.flatnonzero(counts > 0.15 * counts.sum())
    masks = []
    for value in chosen:
        mask = np.zeros(part.shape, np.uint8)
        if value == len(_hues()):
            mask[dark] = 1
        else:
            mask[coloured] = nearest == value
        masks.append(cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8)) > 0)
    return masks if len(masks) > 1 else [part]


@lru_cache(maxsize=1)
def _hues() -> NDArray[np.int64]:
    """Hue (half degrees) of each colour that has one of its own."""
    own = [RGB[name] for name in COLOURS if name not in ("black", "brown")]
    pixels = np.array([own], np.uint8)
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2HSV)[0, :, 0], np.int64)


def _saturation(image: U8) -> F32:
    high = image.max(axis=2).astype(np.float32)
    return np.asarray((high - image.min(axis=2)) / np.maximum(high, 1), np.float32)


@lru_cache(maxsize=1)
def _palette() -> tuple[F32, NDArray[np.int64]]:
    """Lab values (N, 3) of each colour in more and less light, and whose they are (N,)."""
    lights = (0.82, 0.91, 1.0, 1.1, 1.22)
    rgb = np.array([RGB[name] for name in COLOURS], np.float32)
    lit = np.clip(rgb[:, None] * np.array(lights, np.float32)[:, None], 0, 255)
    return _lab(lit.reshape(-1, 3)), np.repeat(np.arange(len(COLOURS)), len(lights))


def _lab(rgb: NDArray[np.generic]) -> F32:
    unit = np.ascontiguousarray(rgb, np.float32)[None] / 255
    return np.asarray(cv2.cvtColor(unit, cv2.COLOR_RGB2LAB)[0], np.float32)


def _nearest(rgb: NDArray[np.generic]) -> NDArray[np.int64]:
    """The colours (N,) of pixels (N, 3), as places in COLOURS."""
    known, owner = _palette()
    gap = ((_lab(rgb)[:, None] - known[None]) ** 2).sum(axis=2)
    return np.asarray(owner[gap.argmin(axis=1)])


def _read(image: U8, mask: Bool, tint: F32, dark: F32) -> Seen:
    rows, columns = np.nonzero(mask)
    box = (int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1)
    side = len(image)
    shape, fit, share = _shape(_cover(mask, tint, dark), box)
    x0, y0, x1, y1 = box
    diameter = max(x1 - x0, y1 - y0) / side / share
    return Seen(
        shape=shape if fit >= LEAST_FIT and diameter <= LARGEST_SIDE else None,
        colour=_colour(image, mask),
        size="large" if diameter >= LARGE else "small",
        x=(x0 + x1) / 2 / side,
        y=(y0 + y1) / 2 / side,
        diameter=diameter,
        fit=fit,
        box=box,
    )


def _colour(image: U8, mask: Bool) -> Colour:
    """That of the half of the pixels with most colour: patterns, highlights and rims are paler."""
    inner = cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    pixels = image[inner if inner.sum() >= 12 else mask]
    depth = 255.0 - pixels.min(axis=1)
    strong = pixels[depth >= np.quantile(depth, 0.5)]
    votes = np.bincount(_nearest(strong), minlength=len(COLOURS))
    return COLOURS[int(votes.argmax())]


@lru_cache(maxsize=1)
def _templates() -> tuple[F32, list[tuple[Shape, float]]]:
    """Outlines (N, GRID * GRID) fitted to their box, and of each the shape and how much of its
    diameter the longest side of its box is."""
    rows, facts = [], []
    fine = 4 * GRID
    for shape in SHAPES:
        for angle in ANGLES:
            polygons = placed(shape, 0.0, 0.0, 1.0, angle)
            low, high = polygons[0].min(axis=0), polygons[0].max(axis=0)
            extent = float((high - low).max())
            middle = (low + high) / 2
            canvas = np.zeros((fine, fine), np.uint8)
            points = [((p - middle) / extent + 0.5) * fine - 0.5 for p in polygons]
            cv2.fillPoly(canvas, [np.round(p * 64).astype(np.int32) for p in points], 255, shift=6)
            cell = cv2.resize(canvas, (GRID, GRID), interpolation=cv2.INTER_AREA)
            rows.append(cell.astype(np.float32).ravel() / 255)
            facts.append((shape, extent))
    return np.array(rows), facts


def _cover(mask: Bool, tint: F32, dark: F32) -> F32:
    """How much of each pixel of the mask its thing covers, by its contrast; blurred holes and
    corners, which the mask fills, are pale."""
    share = np.maximum(tint / np.quantile(tint[mask], 0.8), dark / 0.75)
    return np.asarray(np.where(mask, np.clip((share - 0.15) / 0.3, 0, 1), 0), np.float32)


def _shape(cover: F32, box: tuple[int, int, int, int]) -> tuple[Shape, float, float]:
    """The best outline, its overlap (soft intersection over union) and its extent."""
    x0, y0, x1, y1 = box
    side = max(x1 - x0, y1 - y0)
    square = np.zeros((side, side), np.float32)
    left, top = (side - (x1 - x0)) // 2, (side - (y1 - y0)) // 2
    square[top : top + y1 - y0, left : left + x1 - x0] = cover[y0:y1, x0:x1]
    way = cv2.INTER_AREA if side > GRID else cv2.INTER_LINEAR
    cell = cv2.resize(square, (GRID, GRID), interpolation=way).ravel()
    known, facts = _templates()
    both = np.minimum(known, cell).sum(axis=1)
    either = np.maximum(known, cell).sum(axis=1)
    best = int((both / either).argmax())
    return facts[best][0], float(both[best] / either[best]), facts[best][1]
