"""Overlap of boxes, masks and spans of time, and the scores made of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import BadInput
from sensorium_models.metrics.rates import Mean, Rate, mean, rate

F64 = NDArray[np.float64]


def box_iou(one: NDArray[np.generic], other: NDArray[np.generic]) -> F64:
    """Intersection over union (N, M) of boxes (N, 4) and (M, 4): x0, y0, x1, y1."""
    a, b = _boxes(one)[:, None], _boxes(other)[None]
    low, high = np.maximum(a[..., :2], b[..., :2]), np.minimum(a[..., 2:], b[..., 2:])
    both = np.prod(np.maximum(high - low, 0), axis=-1)
    either = np.prod(a[..., 2:] - a[..., :2], axis=-1) + np.prod(b[..., 2:] - b[..., :2], axis=-1)
    return np.asarray(both / np.maximum(either - both, 1e-12))


def _boxes(boxes: NDArray[np.generic]) -> F64:
    array = np.atleast_2d(np.asarray(boxes, np.float64))
    if array.shape[1] != 4 or (array[:, 2:] < array[:, :2]).any():
        raise BadInput("boxes are rows of x0, y0, x1, y1 with x1 >= x0 and y1 >= y0")
    return array


def mask_iou(one: NDArray[np.generic], other: NDArray[np.generic]) -> float:
    """Of two boolean masks of one shape; two empty ones agree: 1."""
    a, b = np.asarray(one, bool), np.asarray(other, bool)
    if a.shape != b.shape:
        raise BadInput(f"masks of shapes {a.shape} and {b.shape} do not compare")
    either = int((a | b).sum())
    return int((a & b).sum()) / either if either else 1.0


def grounding(
    found: NDArray[np.generic], true: NDArray[np.generic], threshold: float = 0.5
) -> tuple[Rate, Mean]:
    """Acc@``threshold`` and mean IoU of one found box (N, 4) a phrase (Kazemzadeh et al., 2014)."""
    a, b = _boxes(found), _boxes(true)
    if len(a) != len(b):
        raise BadInput(f"{len(a)} found boxes for {len(b)} phrases")
    overlaps = [float(box_iou(x, y)[0, 0]) for x, y in zip(a, b, strict=True)]
    return rate(overlap >= threshold for overlap in overlaps), mean(overlaps)


def span_iou(one: Sequence[float], other: Sequence[float]) -> float:
    """Of two spans of time (start, stop)."""
    for start, stop in (one, other):
        if stop < start:
            raise BadInput(f"a span of time ends before it starts: {start} to {stop}")
    both = max(0.0, min(one[1], other[1]) - max(one[0], other[0]))
    either = (one[1] - one[0]) + (other[1] - other[0]) - both
    return both / either if either > 0 else float(one[0] == other[0])


def temporal_grounding(
    found: Sequence[Sequence[float]],
    true: Sequence[Sequence[float]],
    thresholds: Sequence[float] = (0.5, 0.7),
) -> dict[float, Rate]:
    """R@1 at each IoU, of the first span found for each phrase (Gao et al., "TALL", 2017)."""
    if len(found) != len(true):
        raise BadInput(f"{len(found)} found spans for {len(true)} phrases")
    overlaps = [span_iou(x, y) for x, y in zip(found, true, strict=True)]
    return {limit: rate(overlap >= limit for overlap in overlaps) for limit in thresholds}
