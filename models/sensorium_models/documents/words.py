"""Words with places: out of the lines of a text reader, and in the order of their lines."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Box = tuple[float, float, float, float]
"""x0, y0, x1, y1."""
GAP = 1.2
"""Of a line's height: words of one line that stand farther apart are in two segments of it."""
_PARTS = re.compile(r"\S+")
_GLUED = re.compile(r"(?<=[^\W\d]:)(?=[^\s/])")  # "Tax:118.30", but not "http://"


@dataclass(frozen=True, slots=True)
class PageWord:
    """One word as printed or read."""

    text: str
    box: Box
    score: float = 1.0
    """How sure its reader is, 0 to 1."""


def words_of(
    lines: Sequence[str], scores: Sequence[float], quads: NDArray[np.float32]
) -> list[PageWord]:
    """The words of lines that a text reader found, each in its share of the line's width.

    ``quads`` is (N, 4, 2): corners from the text's top left clockwise. A value that was read as one
    with its key ("Tax:118.30") is cut off it.
    """
    found = []
    for text, score, quad in zip(lines, scores, quads, strict=True):
        spaced = _GLUED.sub(" ", text)
        widths = np.cumsum([0.0, *(_width(letter) for letter in spaced)])
        left, right = (quad[0] + quad[3]) / 2, (quad[1] + quad[2]) / 2
        half = np.abs(quad[3] - quad[0])[1] / 2
        for part in _PARTS.finditer(spaced):
            shares = widths[[part.start(), part.end()]] / max(widths[-1], 1e-9)
            a, b = (left + share * (right - left) for share in shares)
            box = (a[0], min(a[1], b[1]) - half, b[0], max(a[1], b[1]) + half)
            found.append(PageWord(part.group(), tuple(map(float, box)), float(score)))  # type: ignore[arg-type]
    return found


def _width(letter: str) -> float:
    """About how wide a letter is, in most typefaces."""
    if letter in " .,:;'|!ijlIt()[]-f":
        return 0.55
    return 1.5 if letter in "mwMW@" else 1.25 if letter.isupper() else 1.0


def segments(boxes: NDArray[np.floating]) -> list[list[int]]:
    """Words (N, 4) put together into segments of lines, top to bottom, then left to right.

    Words are on one line when they overlap in height by half; within a segment no gap is wider
    than ``GAP`` line heights.
    """
    if not len(boxes):
        return []
    middles = (boxes[:, 1] + boxes[:, 3]) / 2
    heights = np.maximum(boxes[:, 3] - boxes[:, 1], 1e-6)
    found: list[list[int]] = []
    for line in _lines(middles, heights):
        line.sort(key=lambda at: float(boxes[at, 0]))
        part = [line[0]]
        for at in line[1:]:
            height = float(np.median(heights[[*part, at]]))
            if boxes[at, 0] - boxes[part[-1], 2] > GAP * height:
                found.append(part)
                part = []
            part.append(at)
        found.append(part)
    return found


def _lines(middles: NDArray[np.floating], heights: NDArray[np.floating]) -> list[list[int]]:
    lines: list[list[int]] = []
    centre = -np.inf
    for at in np.argsort(middles, kind="stable"):
        if lines and middles[at] - centre < 0.5 * heights[[*lines[-1], at]].mean():
            lines[-1].append(int(at))
            centre = float(middles[lines[-1]].mean())
        else:
            lines.append([int(at)])
            centre = float(middles[at])
    return lines


def around(boxes: NDArray[np.floating]) -> Box:
    """The smallest box that holds boxes (N, 4)."""
    low, high = boxes[:, :2].min(0), boxes[:, 2:].max(0)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])
