"""Pictures on a page: what is neither paper nor writing nor a coloured band behind writing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sensorium_models.documents.words import Box, PageWord

LEAST = 0.012
"""Of the page: anything smaller is no figure."""
FULL = 0.45
"""Of its box that a figure must fill with what is not paper."""


def find_figures(image: NDArray[np.uint8], words: Sequence[PageWord]) -> list[tuple[Box, float]]:
    """Boxes of figures on a page (H, W, 3), each with how much of the box is full, 0 to 1."""
    import cv2

    height, width = image.shape[:2]
    if min(height, width) < 64:
        return []
    scale = 400 / max(height, width)
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    paper = np.median(small.reshape(-1, 3), axis=0)
    away = np.abs(small.astype(np.float32) - paper).max(2)
    mask = (away > 28).astype(np.uint8)
    covered = np.zeros(mask.shape, bool)
    for word in words:
        x0, y0, x1, y1 = (round(v * scale) for v in word.box)
        covered[max(0, y0 - 1) : y1 + 1, max(0, x0 - 1) : x1 + 1] = True
    mask[covered] = 0
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((4, 4), np.uint8))
    mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))
    count, _, stats, _ = cv2.connectedComponentsWithStats(mask)
    found = []
    for x, y, w, h, area in stats[1:count]:
        full = float(area) / (w * h)
        written = float(covered[y : y + h, x : x + w].mean())
        if w * h >= LEAST * mask.size and full >= FULL and min(w, h) > 20 and written < 0.08:
            box = (x / scale, y / scale, (x + w) / scale, (y + h) / scale)
            found.append((tuple(map(float, box)), min(1.0, full)))
    return found  # type: ignore[return-value]
