"""Lips: where they are in a picture with a face, and which picture shows them at each moment.

The face is found by BlazeFace. Its lips are those of the 468-point face mesh (Kartynnik et al.,
2019); without a mesh they lie around the mouth that BlazeFace itself points at, and where that
tells nothing (a profile), in the lower third of the face's box.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import BadInput

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]
SIDE = 24
"""Pixels of a side of the lips, as the network takes them."""
RATE = 25.0
STALE_S = 0.1
"""A picture stands for moments at most so far away."""
HALF = 0.62
"""Half a side of the square around the lips, in distances between the eyes."""
BELOW, BELOW_MESH = 0.09, 0.045
"""Of its middle from BlazeFace's mouth, and from the middle of the mesh's lips."""
SURE = 0.5
"""A mesh that is less sure to lie on a face is not gone by."""
RIGHT_EYE, LEFT_EYE, MOUTH = 0, 1, 3
MESH_LIPS = (
    61,
    146,
    91,
    181,
    84,
    17,
    314,
    405,
    321,
    375,
    291,
    409,
    270,
    269,
    267,
    0,
    37,
    39,
    40,
    185,
)
"""The outer rim of the lips, and"""
MESH_RIGHT_EYE, MESH_LEFT_EYE = (33, 133), (362, 263)
"""the corners of the eyes, in the mesh's order of points."""
Place = tuple[float, float, float]
"""Middle x, y and half a side of a square, in pixels."""


class Lips(TypedDict):
    """The lips of the largest face."""

    lips: U8 | None
    """(24, 24, 3) RGB; None where no face is."""
    box: tuple[float, float, float, float] | None
    """x0, y0, x1, y1 in pixels of the picture."""
    score: float
    """Of the face, in [0, 1]."""


def largest(faces: Any) -> int | None:
    """Which of ``faces`` (a BlazeFace answer) is the largest; None where there is none."""
    if not faces["scores"]:
        return None
    boxes = np.asarray(faces["boxes"], np.float64)
    return int(((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])).argmax())


def mesh_place(points: F32) -> Place:
    """Where the lips of a mesh (468, 2) are; the square holds them however wide they open."""
    rim = points[list(MESH_LIPS)].astype(np.float64)
    low, high = rim.min(0), rim.max(0)
    right = points[list(MESH_RIGHT_EYE)].mean(0, dtype=np.float64)
    left = points[list(MESH_LEFT_EYE)].mean(0, dtype=np.float64)
    apart, down = _eyes(right, left)
    x, y = (low + high) / 2 + BELOW_MESH * apart * down
    return float(x), float(y), max(HALF * apart, 0.55 * float((high - low).max()))


def face_place(box: F32, keypoints: F32) -> Place:
    """Where the lips of a face are by BlazeFace alone: its ``box`` (4,), ``keypoints`` (6, 2)."""
    x0, y0, x1, y1 = (float(v) for v in box)
    apart, down = _eyes(keypoints[RIGHT_EYE], keypoints[LEFT_EYE])
    x, y = keypoints[MOUTH] + BELOW * apart * down
    if apart < 0.2 * (x1 - x0) or not (x0 <= x <= x1 and y0 <= y <= y1 + 0.1 * (y1 - y0)):
        return (x0 + x1) / 2, y1 - (y1 - y0) / 6, (y1 - y0) / 4  # the lower third
    return float(x), float(y), HALF * apart


def _eyes(right: NDArray[Any], left: NDArray[Any]) -> tuple[float, NDArray[Any]]:
    """How far apart eyes are, and the unit vector from them to the chin."""
    across = np.asarray(left, np.float64) - right
    apart = float(np.hypot(*across))
    return apart, np.array([-across[1], across[0]]) / max(apart, 1e-6)


def lips_of(picture: U8, faces: Any, mesh: Any = None) -> Lips:
    """Cut the lips of the largest of ``faces`` (a BlazeFace answer) out of ``picture``.

    ``mesh``: the answer of :class:`~sensorium_models.vision.facemesh.FaceMesh` for that face.
    """
    best = largest(faces)
    if best is None:
        return {"lips": None, "box": None, "score": 0.0}
    if mesh is not None and mesh["score"] >= SURE:
        x, y, half = mesh_place(np.asarray(mesh["points"], np.float32))
    else:
        x, y, half = face_place(
            np.asarray(faces["boxes"][best], np.float32),
            np.asarray(faces["keypoints"][best], np.float32),
        )
    if half < 2:
        return {"lips": None, "box": None, "score": 0.0}
    box = (x - half, y - half, x + half, y + half)
    return {"lips": cut(picture, (x, y), half), "box": box, "score": faces["scores"][best]}


def at_moments(
    lips: U8 | None, times: Sequence[float] | None, count: int
) -> tuple[F32, NDArray[np.bool_]]:
    """Lips (count, 24, 24) from 0 to 1 for each moment of 40 ms, and of which there are any.

    A moment shows the picture nearest to its middle, within 100 ms. Raises BadInput.
    """
    shown, seen = np.zeros((count, SIDE, SIDE), np.float32), np.zeros(count, bool)
    if lips is None or not len(lips):
        return shown, seen
    pictures = np.asarray(lips)
    if pictures.dtype != np.uint8 or pictures.shape[1:] not in ((SIDE, SIDE), (SIDE, SIDE, 3)):
        raise BadInput(
            f"lips are (T, {SIDE}, {SIDE}) or (T, {SIDE}, {SIDE}, 3) uint8, not"
            f" {pictures.shape} {pictures.dtype}"
        )
    if pictures.ndim == 4:
        pictures = grey(pictures)
    given = (np.arange(len(pictures)) + 0.5) / RATE if times is None else np.asarray(times, float)
    if given.shape != (len(pictures),) or not np.isfinite(given).all():
        raise BadInput(f"{len(pictures)} pictures of lips want as many times, not {given.shape}")
    order = np.argsort(given, kind="stable")
    given, pictures = given[order], pictures[order]
    middles = (np.arange(count) + 0.5) / RATE
    after = np.clip(np.searchsorted(given, middles), 1, max(1, len(given) - 1))
    before = after - 1
    after = np.minimum(after, len(given) - 1)
    nearer = np.where(middles - given[before] <= given[after] - middles, before, after)
    seen = np.abs(given[nearer] - middles) <= STALE_S + 1e-9
    shown[seen] = pictures[nearer[seen]].astype(np.float32) / 255
    return shown, seen


def grey(lips: U8) -> U8:
    """(T, S, S) of (T, S, S, 3) RGB."""
    weights = np.array([0.299, 0.587, 0.114], np.float32)
    return np.asarray(np.clip(lips @ weights + 0.5, 0, 255), np.uint8)


def cut(picture: U8, centre: tuple[float, float], half: float) -> U8:
    """(24, 24, 3): the square around ``centre`` (x, y) of half a side ``half``, in pixels."""
    import cv2

    scale = 2 * half / SIDE
    corner = (centre[0] - half + scale / 2 - 0.5, centre[1] - half + scale / 2 - 0.5)
    if scale > 1.5:  # average what would be skipped
        shrunk = cv2.resize(picture, None, fx=1 / scale, fy=1 / scale,
                            interpolation=cv2.INTER_AREA)  # fmt: skip
        fx, fy = shrunk.shape[1] / picture.shape[1], shrunk.shape[0] / picture.shape[0]
        return _cut(
            np.asarray(shrunk, np.uint8),
            (centre[0] * fx - SIDE / 2, centre[1] * fy - SIDE / 2),
            1.0,
        )
    return _cut(picture, corner, scale)


def _cut(picture: U8, corner: tuple[float, float], scale: float) -> U8:
    """(24, 24, 3) from pixel ``corner`` on, ``scale`` pixels a step; the rim is repeated."""
    import cv2

    matrix = np.array([(scale, 0, corner[0]), (0, scale, corner[1])])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(
        cv2.warpAffine(picture, matrix, (SIDE, SIDE), flags=flags, borderMode=cv2.BORDER_REPLICATE),
        np.uint8,
    )
