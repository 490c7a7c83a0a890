"""From a photograph of a page to the page: its corners found, its tilt taken out.

The desk is what the picture's border shows; the page is the largest thing before it. A picture
without a desk (a scan, a screenshot) is only turned until its lines of text are level.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensorium_models.documents.words import Box

SIDES = (1400.0, 2000.0)
"""The longer side of a page after rectifying: small pages are enlarged up to the first, large ones
brought down to the second. Text readers want letters of 15 pixels or so."""
LEAST = 0.25
"""Of the picture: a smaller thing on the desk is not taken for the page."""
TURNED = 15.0
"""Degrees: the most that a scan is turned back."""


@dataclass(frozen=True)
class Flat:
    """``image`` (H, W, 3) of the page alone, level; ``matrix`` (3, 3) takes points of the picture
    into it. ``found`` says whether corners of a page were found."""

    image: NDArray[np.uint8]
    matrix: NDArray[np.float64]
    found: bool

    def back(self, box: Box) -> Box:
        """A box of the page as the upright box around it in the picture."""
        x0, y0, x1, y1 = box
        corners = np.array([(x0, y0, 1), (x1, y0, 1), (x1, y1, 1), (x0, y1, 1)], np.float64)
        points = corners @ np.linalg.inv(self.matrix).T
        points = points[:, :2] / points[:, 2:]
        low, high = points.min(0), points.max(0)
        return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def flatten(image: NDArray[np.uint8]) -> Flat:
    """The page in a picture (H, W, 3); the picture as it is where nothing is to be done."""
    height, width = image.shape[:2]
    if min(height, width) < 64:
        return Flat(image, np.eye(3), False)
    corners = page_corners(image)
    if corners is not None:
        matrix, size = _onto_page(corners)
        page = _warp(image, matrix, size)
        turn = tilt(page)
        found = True
    else:
        matrix, size, page, found = np.eye(3), (width, height), image, False
        turn = tilt(image)
        if not found and abs(turn) > TURNED:
            turn = 0.0
    longest = max(size)
    scale = min(max(longest, SIDES[0]), SIDES[1]) / longest
    if abs(turn) < 0.1 and abs(scale - 1) < 0.02 and not found:
        return Flat(image, matrix, found)
    centre = np.array(size) / 2
    level = _turn(turn, centre)
    grown = np.diag([scale, scale, 1.0]) @ level @ matrix
    out = (max(1, round(size[0] * scale)), max(1, round(size[1] * scale)))
    return Flat(_warp(image, grown, out), grown, found)


def page_corners(image: NDArray[np.uint8]) -> NDArray[np.float64] | None:
    """(4, 2) corners from the top left clockwise, or None where no page lies on a desk."""
    import cv2

    scale = 500 / max(image.shape[:2])
    shrunk = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    small: NDArray[np.float32] = np.asarray(cv2.GaussianBlur(shrunk, (0, 0), 1.2), np.float32)
    height, width = small.shape[:2]
    away = np.abs(small - _desk(small)).max(2)
    border = np.concatenate([away[0], away[-1], away[:, 0], away[:, -1]])
    light = small.mean(2)
    rim = np.median(np.concatenate([light[0], light[-1], light[:, 0], light[:, -1]]))
    if np.percentile(border, 80) > 12 or rim > np.percentile(light, 75) - 15:
        return None  # no even desk all around, or one as bright as paper
    mask = (away > max(18.0, 3 * float(np.percentile(border, 80)))).astype(np.uint8)
    mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not outlines:
        return None
    outline = max(outlines, key=cv2.contourArea)
    if cv2.contourArea(outline) < LEAST * height * width:
        return None
    quad = _four(cv2.convexHull(outline))
    return None if quad is None else quad / scale


def _desk(small: NDArray[np.float32]) -> NDArray[np.float32]:
    """The desk behind the page: a plane of light for each colour, fitted to the border."""
    height, width = small.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    rim = np.zeros((height, width), bool)
    rim[:3], rim[-3:], rim[:, :3], rim[:, -3:] = True, True, True, True
    axes = np.stack([np.ones_like(x), x / width, y / height], -1)
    plane = np.linalg.lstsq(axes[rim], small[rim], rcond=None)[0]
    return np.asarray(axes @ plane, np.float32)


def _four(hull: Any) -> NDArray[np.float64] | None:
    """The four corners of a convex outline, or None where it is no quadrangle."""
    import cv2

    around = cv2.arcLength(hull, True)
    for share in (0.02, 0.03, 0.04, 0.06):
        corners = cv2.approxPolyDP(hull, share * around, True).reshape(-1, 2).astype(np.float64)
        if len(corners) == 4:
            return _clockwise(_refined(corners, hull.reshape(-1, 2).astype(np.float64)))
    return None


def _refined(corners: NDArray[np.float64], hull: NDArray[np.float64]) -> NDArray[np.float64]:
    """Corners where lines fitted to the middle of each side meet."""
    sides = []
    for a, b in zip(corners, np.roll(corners, -1, 0), strict=True):
        along = (b - a) / np.linalg.norm(b - a)
        normal = np.array([-along[1], along[0]])
        off = (hull - a) @ normal
        share = ((hull - a) @ along) / np.linalg.norm(b - a)
        near = hull[(np.abs(off) < 5) & (share > 0.02) & (share < 0.98)]
        if len(near) < 2:
            return corners
        x, y = near.T
        flat = abs(along[0]) > abs(along[1])
        slope, base = np.polyfit(x, y, 1) if flat else np.polyfit(y, x, 1)
        sides.append((slope, -1.0, base) if flat else (-1.0, slope, base))
    lines = np.array(sides)
    points = np.cross(np.roll(lines, 1, 0), lines)
    if (np.abs(points[:, 2]) < 1e-9).any():
        return corners
    met = points[:, :2] / points[:, 2:]
    return met if np.abs(met - corners).max() < 12 else corners


def _clockwise(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    middle = corners.mean(0)
    order = np.argsort(np.arctan2(*(corners - middle).T[::-1]))  # from the left, over the top
    corners = corners[order]
    return np.roll(corners, -int(corners.sum(1).argmin()), 0)


def _onto_page(corners: NDArray[np.float64]) -> tuple[NDArray[np.float64], tuple[int, int]]:
    import cv2

    sides = np.linalg.norm(corners - np.roll(corners, -1, 0), axis=1)
    width, height = (sides[0] + sides[2]) / 2, (sides[1] + sides[3]) / 2
    target = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    matrix = cv2.getPerspectiveTransform(corners.astype(np.float32), target)
    return np.asarray(matrix, np.float64), (max(1, round(width)), max(1, round(height)))


def tilt(image: NDArray[np.uint8]) -> float:
    """Degrees by which the lines of text fall to the right (clockwise), from -15 to 15.

    The turn at which the rows of the picture differ most in how much ink they hold (Postl, 1986).
    """
    import cv2

    scale = min(1.0, 800 / max(image.shape[:2]))
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    if min(grey.shape) < 32:
        return 0.0
    paper = cv2.GaussianBlur(grey, (0, 0), 15)
    ink = ((paper.astype(np.int16) - grey) > 25).astype(np.float32)
    y, x = np.nonzero(ink)
    if len(y) < 50:
        return 0.0
    middle = grey.shape[1] / 2

    def contrast(degrees: float) -> float:
        rows = np.round(y - (x - middle) * np.tan(np.deg2rad(degrees))).astype(np.int64)
        counts = np.bincount(rows - rows.min(), minlength=1).astype(np.float64)
        return float(((counts[1:] - counts[:-1]) ** 2).sum())

    best = max(np.arange(-TURNED, TURNED + 0.1, 1.0), key=contrast)
    best = max(best + np.arange(-1, 1.01, 0.2), key=contrast)
    return float(max(best + np.arange(-0.2, 0.21, 0.05), key=contrast))


def _turn(degrees: float, centre: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turns points about a centre so that what falls to the right by ``degrees`` is level."""
    angle = np.deg2rad(-degrees)
    matrix = np.eye(3)
    matrix[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    matrix[:2, 2] = centre - matrix[:2, :2] @ centre
    return matrix


def _warp(
    image: NDArray[np.uint8], matrix: NDArray[np.float64], size: tuple[int, int]
) -> NDArray[np.uint8]:
    import cv2

    grows = abs(np.linalg.det(matrix[:2, :2])) > 1
    warped = cv2.warpPerspective(
        image, matrix, size, flags=cv2.INTER_CUBIC if grows else cv2.INTER_AREA,
        borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    return np.asarray(warped, np.uint8)
