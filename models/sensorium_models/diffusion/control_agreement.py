"""How far a picture agrees with the control that it was led by."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import BadInput
from sensorium_models.diffusion.control import canny, depth

U8 = NDArray[np.uint8]
TOLERANCE = 1
"""Pixels by which an edge may be off."""
BEFORE = 20
"""Grey levels above the median of a depth from which on something stands before the wall."""


def agreement(image: U8, control: U8, kind: str) -> float:
    """0 to 1, of a picture (H, W, 3) and its control of the same size.

    ``canny``: F1 of the picture's own edges. ``depth``: IoU of what stands before the wall.
    """
    if kind == "canny":
        return edge_f1(canny(image)[:, :, 0] > 0, control[:, :, 0] > 0)
    if kind == "depth":
        near, wanted = (_before(plane[:, :, 0]) for plane in (depth(image), control))
        either = int((near | wanted).sum())
        return int((near & wanted).sum()) / either if either else 1.0
    raise BadInput(f"agreement with {kind!r} cannot be measured; with canny and depth it can")


def edge_f1(found: NDArray[np.bool_], wanted: NDArray[np.bool_], within: int = TOLERANCE) -> float:
    """F1 of edge pixels (H, W), each right if one of the other picture is ``within`` pixels of it,
    diagonals counted as 1. 1 where both have none, 0 where one has none."""
    if not found.any() or not wanted.any():
        return float(not found.any() and not wanted.any())
    precision = float(_grown(wanted, within)[found].mean())
    recall = float(_grown(found, within)[wanted].mean())
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _before(plane: U8) -> NDArray[np.bool_]:
    """The wall is most of a picture, and leans by less than :data:`BEFORE`."""
    before: NDArray[np.bool_] = plane > np.median(plane) + BEFORE
    return before


def _grown(edges: NDArray[np.bool_], within: int) -> NDArray[np.bool_]:
    import cv2

    kernel = np.ones((2 * within + 1, 2 * within + 1), np.uint8)
    grown: NDArray[np.bool_] = cv2.dilate(edges.astype(np.uint8), kernel) > 0
    return grown
