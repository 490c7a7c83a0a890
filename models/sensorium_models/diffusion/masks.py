"""The mask of what a phrase names: patches that stand out, told apart by CLIP.

What is not wall falls into patches; each is shown to CLIP by itself, and the patch that fits the
phrase best among all the shapes and colours of the world is the one that is meant.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import BadInput
from sensorium_models.clip.model import Clip, ClipOptions
from sensorium_models.diffusion.prompts import Named, in_world_words, parse
from sensorium_models.vision.images import resize
from sensorium_sims.world.judge import LARGE, segments
from sensorium_sims.world.vocabulary import COLOURS, SHAPES, article

U8 = NDArray[np.uint8]
Bool = NDArray[np.bool_]
SIDE = 64
MARGIN = 0.8
"""Of wall around a patch that is shown to CLIP, as a share of its longest side."""
SURE = 0.3
"""The least chance that a patch is what the phrase names."""
GROWN = 0.05
"""How far beyond a thing its room goes, as a share of the picture: its shadow goes, too."""
LEAST_SIDE = 32
RIM = 2
"""Pixels on either side of a mask's edge that are to be of one tone."""


@dataclass(frozen=True)
class Found:
    """A patch (H, W) of a picture and what CLIP takes it for, ``chance`` being of the phrase."""

    mask: Bool
    name: str
    chance: float


class PhraseMasks:
    """Finds what phrases name; ``weights`` of a CLIP as in its options."""

    def __init__(self, weights: str = "") -> None:
        self._weights = weights

    @cached_property
    def _clip(self) -> Clip:
        model = Clip(ClipOptions(weights=self._weights))
        model.load("cpu")
        return model

    @cached_property
    def _labels(self) -> tuple[list[tuple[str, str]], NDArray[np.float32]]:
        pairs: list[tuple[str, str]] = [(shape, colour) for shape in SHAPES for colour in COLOURS]
        texts = [article(f"{colour} {shape}") for shape, colour in pairs]
        found = self._clip.infer([{"text": text} for text in texts])
        return pairs, np.stack([one["embedding"] for one in found])

    def find(self, image: U8, phrase: str) -> Found:
        """The patch of a picture (H, W, 3) uint8 that fits a phrase (``the red ball``) best.

        Raises BadInput for a phrase that names no shape or colour of the world, for a picture in
        which nothing stands out, and where nothing fits: then it says what there is.
        """
        wanted = named_by(phrase)
        patches = patches_of(image)
        if not patches:
            raise BadInput(f"cannot find {phrase!r}: nothing stands out from the wall")
        pairs, texts = self._labels
        views = self._clip.infer([{"image": _shown(image, mask)} for mask in patches])
        found = []
        for mask, view in zip(patches, views, strict=True):
            logits = view["scale"] * (texts @ view["embedding"])
            chances = np.exp(logits - logits.max())
            chances /= chances.sum()
            fits = [
                wanted.shape in ("", shape) and wanted.colour in (None, colour)
                for shape, colour in pairs
            ]
            shape, colour = pairs[int(chances.argmax())]
            large = _diameter(mask) >= LARGE
            right_size = wanted.size in (None, "large" if large else "small")
            chance = float(chances[np.array(fits)].sum()) * (1.0 if right_size else 0.1)
            found.append(Found(mask, f"{colour} {shape}", chance))
        best = max(found, key=lambda one: one.chance)
        if best.chance < SURE:
            there = ", ".join(one.name for one in found)
            raise BadInput(f"cannot find {phrase!r} in the picture; what it shows: {there}")
        return best


def named_by(phrase: str) -> Named:
    """What a phrase names; its shape is "" where it is called a thing or an object."""
    if not phrase.strip():
        raise BadInput("the phrase is empty: say what is to be found, such as 'the red circle'")
    text = in_world_words(phrase)
    things = parse(text)
    if things:
        return things[0]
    words = text.split()
    colours = [word for word in words if word in COLOURS]
    if colours and {"thing", "object", "one", "shape"} & set(words):
        return Named("", colours[0])
    raise BadInput(
        f"{phrase!r} names nothing of the world: say a shape ({', '.join(SHAPES)}), and perhaps a"
        f" colour ({', '.join(COLOURS)}); or give the mask as a picture"
    )


def patches_of(image: U8) -> list[Bool]:
    """Masks (H, W) of what stands out from the wall of a picture of any proportions."""
    height, width = image.shape[:2]
    if min(height, width) < LEAST_SIDE:
        raise BadInput(f"the picture is {width}x{height}: {LEAST_SIDE} pixels a side are needed")
    side = min(256, max(height, width))
    found = segments(resize(image, side, side))
    return [resize(mask.astype(np.uint8) * 255, height, width) > 127 for mask in found]


def room_for(mask: Bool, others: Sequence[Bool] = ()) -> Bool:
    """Where a new thing may be drawn in place of an old one: the square around it and its shadow.

    Pixels of the ``others``, and next to them, stay.
    """
    import cv2

    height, width = mask.shape
    rows, columns = np.nonzero(mask)
    grown = round(GROWN * max(height, width)) + 1
    half = (max(np.ptp(rows), np.ptp(columns)) + 1) // 2 + grown
    middle = [(rows.min() + rows.max()) // 2, (columns.min() + columns.max()) // 2]
    top, left = (max(0, at - half) for at in middle)
    room: Bool = np.zeros_like(mask)
    room[top : middle[0] + half + 1, left : middle[1] + half + 1] = True
    kernel = np.ones((3, 3), np.uint8)
    for other in others:
        room &= ~(cv2.dilate(other.astype(np.uint8), kernel) > 0)
    whole: Bool = room | mask
    return whole


def _shown(image: U8, mask: Bool) -> U8:
    """A patch alone before the wall, in a square of :data:`SIDE` pixels."""
    rows, columns = np.nonzero(mask)
    wall: Any = np.median(image[~mask] if (~mask).any() else image.reshape(-1, 3), axis=0)
    alone = np.where(mask[:, :, None], image, wall.astype(np.uint8))
    height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
    side = round(max(height, width) * (1 + 2 * MARGIN))
    canvas = np.empty((side, side, 3), np.uint8)
    canvas[:] = wall.astype(np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    part = alone[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    canvas[top : top + height, left : left + width] = part
    return resize(canvas, SIDE, SIDE)


def _diameter(mask: Bool) -> float:
    rows, columns = np.nonzero(mask)
    longest = max(int(np.ptp(rows)), int(np.ptp(columns))) + 1
    return longest / int(max(mask.shape))


def blended(old: U8, new: U8, mask: Bool) -> U8:
    """``old`` with what ``new`` shows in the mask (H, W); outside no bit changes.

    What is new is shifted in each channel so that its rim has the tone of what lies around it: the
    median of the rim, so that a thing that reaches there counts for little.
    """
    import cv2

    plain = mask.astype(np.uint8)
    kernel = np.ones((2 * RIM + 1, 2 * RIM + 1), np.uint8)
    inner = mask & (cv2.erode(plain, kernel) == 0)
    outer = ~mask & (cv2.dilate(plain, kernel) > 0)
    if not inner.any() or not outer.any():
        return np.where(mask[:, :, None], new, old)
    shift = np.median(old[outer], axis=0) - np.median(new[inner], axis=0)
    toned = np.clip(np.rint(new + shift), 0, 255).astype(np.uint8)
    return np.where(mask[:, :, None], toned, old)
