"""Pictures in, boxes out: what the vision models share.

A picture is uint8 (H, W, 3), RGB, rows from the top. A box is float32 ``x0, y0, x1, y1`` in
pixels, where x runs right and y down and (0, 0) is the outer corner of the first pixel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np
import numpy.typing as npt

from sensorium.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Mapping

Image = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


class ImageRequest(TypedDict):
    """What every vision model is asked."""

    image: Image


class Objects(TypedDict):
    """Things found in a picture, best first: ``boxes`` is (N, 4), scores lie in 0..1."""

    labels: list[str]
    scores: list[float]
    boxes: Floats


def image_of(request: Mapping[str, Any]) -> Image:
    """The picture of a request.

    Raises :class:`~sensorium.errors.BadInput` unless it is uint8 (H, W, 3) with H, W >= 1.
    """
    image = request.get("image")
    if not isinstance(image, np.ndarray):
        raise BadInput(f"expected a request with a uint8 array 'image', got {type(image).__name__}")
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise BadInput(
            f"expected an image of uint8 (H, W, 3) in RGB, got {image.dtype} {image.shape}: "
            "repeat a grey channel three times, drop an alpha channel, scale floats to 0..255"
        )
    return image


def resize(image: Image, height: int, width: int) -> Image:
    """``image`` at another size: averaged when it shrinks, linear when it grows."""
    import cv2

    if image.shape[:2] == (height, width):
        return image
    shrinks = height * width < image.shape[0] * image.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    resized: Image = cv2.resize(image, (width, height), interpolation=method)  # type: ignore[assignment]
    return resized


def centre_square(image: Image, shorter: int, size: int) -> Image:
    """The middle ``size`` x ``size`` pixels once the shorter side measures ``shorter``.

    Filtered as torchvision does it (bilinear, widened when it shrinks), because classifiers are
    sensitive to the filter; only the part that stays is computed.
    """
    import PIL.Image

    height, width = image.shape[:2]
    side = min(height, width) * size / shorter
    left, top = (width - side) / 2, (height - side) / 2
    box = (left, top, left + side, top + side)
    resample = PIL.Image.Resampling.BILINEAR
    return np.array(PIL.Image.fromarray(image).resize((size, size), resample, box))


@dataclass(frozen=True, slots=True)
class Letterbox:
    """How a picture was fitted into a square canvas without changing its proportions.

    ``scale_x``, ``scale_y`` are canvas pixels per picture pixel (they differ by the rounding of
    the fitted size to whole pixels), ``left`` and ``top`` the margins in canvas pixels,
    ``width`` and ``height`` the size of the picture.
    """

    scale_x: float
    scale_y: float
    left: int
    top: int
    width: int
    height: int

    def to_image(self, points: npt.ArrayLike) -> Floats:
        """Points (..., 2k) ``x, y, x, y...`` of the canvas, as points of the picture."""
        points = np.asarray(points, np.float32)
        offset, scale = self._affine(points.shape[-1] // 2)
        mapped: Floats = (points - offset) / scale
        return mapped

    def to_canvas(self, points: npt.ArrayLike) -> Floats:
        """The inverse of :meth:`to_image`."""
        points = np.asarray(points, np.float32)
        offset, scale = self._affine(points.shape[-1] // 2)
        mapped: Floats = points * scale + offset
        return mapped

    def _affine(self, points: int) -> tuple[Floats, Floats]:
        offset = np.array([self.left, self.top] * points, np.float32)
        return offset, np.array([self.scale_x, self.scale_y] * points, np.float32)

    def boxes_to_image(self, boxes: npt.ArrayLike) -> Floats:
        """Boxes (N, 4) of the canvas, as boxes of the picture cut off at its edges."""
        limits = np.array([self.width, self.height] * 2, np.float32)
        clipped: Floats = np.clip(self.to_image(boxes), 0, limits)
        return clipped


def letterbox(image: Image, size: int, fill: int = 0) -> tuple[Image, Letterbox]:
    """``image`` fitted into the middle of a ``size`` x ``size`` canvas of grey level ``fill``."""
    height, width = image.shape[:2]
    scale = size / max(height, width)
    inner_height = min(max(round(height * scale), 1), size)
    inner_width = min(max(round(width * scale), 1), size)
    top, left = (size - inner_height) // 2, (size - inner_width) // 2
    canvas = np.full((size, size, 3), fill, np.uint8)
    canvas[top : top + inner_height, left : left + inner_width] = resize(
        image, inner_height, inner_width
    )
    place = Letterbox(inner_width / width, inner_height / height, left, top, width, height)
    return canvas, place


def overlaps(box: Floats, boxes: Floats) -> Floats:
    """Intersection over union of ``box`` (4,) with each of ``boxes`` (N, 4); 0 for empty ones."""
    low = np.maximum(box[:2], boxes[:, :2])
    high = np.minimum(box[2:], boxes[:, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=1)
    areas = np.prod(np.clip(boxes[:, 2:] - boxes[:, :2], 0, None), axis=1)
    area = np.prod(np.clip(box[2:] - box[:2], 0, None))
    union = area + areas - shared
    ratios: Floats = np.where(union > 0, shared / np.maximum(union, 1e-9), 0).astype(np.float32)
    return ratios


def suppress_duplicates(boxes: Floats, scores: Floats, max_overlap: float) -> list[int]:
    """Indices of the boxes that stay, best first (greedy non-maximum suppression).

    ``boxes`` is (N, 4), ``scores`` (N,). A box stays unless it overlaps a better one that stayed
    by more than ``max_overlap``.
    """
    waiting = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while len(waiting):
        best, waiting = int(waiting[0]), waiting[1:]
        kept.append(best)
        waiting = waiting[overlaps(boxes[best], boxes[waiting]) <= max_overlap]
    return kept
