"""Reading order of blocks: a recursive cut of the page along its white space (Nagy & Seth, 1984).

A block of rows whose fields stand level with each other is read by rows, one of columns that go
their own ways by columns.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.5
"""Of a line's height: tops that differ by less are level."""


def reading_order(boxes: NDArray[np.floating], line: float) -> list[int]:
    """The order in which blocks (N, 4) are read; ``line`` is the height of a line of text."""
    return _read(boxes, list(range(len(boxes))), max(line, 1e-6))


def _read(boxes: NDArray[np.floating], places: list[int], line: float) -> list[int]:
    if len(places) < 2:
        return places
    rows = _parts(boxes, places, axis=1)
    columns = _parts(boxes, places, axis=0, least=0.6 * line)
    if len(columns) > 1 and not (len(rows) > 1 and _are_rows(boxes, columns, line)):
        return [at for column in columns for at in _read(boxes, column, line)]
    if len(rows) > 1:
        above, below = _widest(boxes, rows)
        return [*_read(boxes, above, line), *_read(boxes, below, line)]
    return sorted(places, key=lambda at: (round(float(boxes[at, 1]) / line), float(boxes[at, 0])))


def _parts(
    boxes: NDArray[np.floating], places: Sequence[int], axis: int, least: float = 0.0
) -> list[list[int]]:
    """Blocks parted by white space along an axis (0: x, 1: y), in its order."""
    order = sorted(places, key=lambda at: float(boxes[at, axis]))
    parts, end = [[order[0]]], float(boxes[order[0], axis + 2])
    for at in order[1:]:
        if boxes[at, axis] >= end + least:
            parts.append([])
        parts[-1].append(at)
        end = max(end, float(boxes[at, axis + 2]))
    return parts


def _are_rows(boxes: NDArray[np.floating], columns: Sequence[Sequence[int]], line: float) -> bool:
    """Whether the blocks of columns stand level: those of each but the longest with its blocks."""
    longest = max(columns, key=len)
    tops = np.array([boxes[at, 1] for at in longest])
    others = [at for column in columns if column is not longest for at in column]
    level = [np.abs(tops - boxes[at, 1]).min() < LEVEL * line for at in others]
    return len(longest) > 1 and sum(level) > 0.75 * len(level)


def _widest(
    boxes: NDArray[np.floating], rows: Sequence[Sequence[int]]
) -> tuple[list[int], list[int]]:
    """Rows of blocks parted in two at the widest white space between them."""
    gaps = [
        float(min(boxes[at, 1] for at in below) - max(boxes[at, 3] for at in above))
        for above, below in itertools.pairwise(rows)
    ]
    cut = int(np.argmax(gaps)) + 1
    return [at for row in rows[:cut] for at in row], [at for row in rows[cut:] for at in row]
