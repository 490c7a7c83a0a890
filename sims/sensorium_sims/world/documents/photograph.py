"""A page as a camera sees it: turned, seen at an angle, badly lit, blurred, noisy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sensorium_sims.world.documents.page import Box, Page
from sensorium_sims.world.libraries import cv2
from sensorium_sims.world.sampling import Rng


@dataclass(frozen=True, slots=True)
class Photo:
    """``image`` (H, W, 3) uint8 of ``page``; ``matrix`` (3, 3) takes its points into the image."""

    image: NDArray[np.uint8]
    matrix: NDArray[np.float64]
    page: Page

    def quad(self, box: Box) -> NDArray[np.float64]:
        """Where a box of the page lies: (4, 2) x and y, from its top left corner clockwise."""
        x0, y0, x1, y1 = box
        corners = np.array([[(x0, y0), (x1, y0), (x1, y1), (x0, y1)]], np.float64)
        return np.asarray(cv2.perspectiveTransform(corners, self.matrix)[0], np.float64)


def photograph(
    page: Page, rng: Rng, *, turn: float = 6.0, tilt: float = 0.05, noise: float = 5.0
) -> Photo:
    """``turn`` up to so many degrees, corners moved by up to ``tilt`` of the page's size, noise in
    grey levels. The page stays whole within the picture, before a desk."""
    height, width = page.image.shape[:2]
    around = round(0.08 * max(height, width))
    size = (width + 2 * around, height + 2 * around)
    matrix = _view(width, height, size, rng, turn, tilt)
    desk = rng.uniform(50, 160) + rng.uniform(-1, 1) * np.array([24.0, 0.0, -24.0])
    image: NDArray[np.float32] = cv2.warpPerspective(
        page.image, matrix, size, flags=cv2.INTER_AREA, borderValue=tuple(desk)
    ).astype(np.float32)
    axis_x = np.linspace(-1, 1, size[0], dtype=np.float32)
    axis_y = np.linspace(-1, 1, size[1], dtype=np.float32)
    slope = rng.uniform(-0.14, 0.14, 2)
    light = 0.9 + slope[0] * axis_x[None, :] + slope[1] * axis_y[:, None]
    image *= light[:, :, None].astype(np.float32)
    image = np.asarray(cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.35, 0.8))), np.float32)
    image += noise * rng.standard_normal(image.shape, dtype=np.float32)
    shot = np.clip(image + 0.5, 0, 255).astype(np.uint8)
    quality = int(rng.integers(55, 92))
    _, packed = cv2.imencode(".jpg", shot, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return Photo(np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8), matrix, page)


def _view(
    width: int, height: int, size: tuple[int, int], rng: Rng, turn: float, tilt: float
) -> NDArray[np.float64]:
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float64)
    angle = np.deg2rad(rng.uniform(-turn, turn))
    rotation = np.array([(np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))])
    moved = (corners - corners.mean(axis=0)) @ rotation
    moved += rng.uniform(-tilt, tilt, (4, 2)) * (width, height)
    low, high = moved.min(axis=0), moved.max(axis=0)
    room = np.array(size) * 0.97
    moved = (moved - (low + high) / 2) * min(1.0, *(room / (high - low))) + np.array(size) / 2
    matrix = cv2.getPerspectiveTransform(corners.astype(np.float32), moved.astype(np.float32))
    return np.asarray(matrix, np.float64)
