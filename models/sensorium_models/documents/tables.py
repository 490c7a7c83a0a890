"""From the words of a table to its cells: rows, columns, header, headings over several columns."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray

from sensorium_models.documents.words import GAP, PageWord, around
from sensorium_sims.world.documents.page import Cell, Table

Span = tuple[float, float]
Phrase = list[int]
"""Places of the words of one cell, left to right."""


def table_of(words: Sequence[PageWord], places: Sequence[int], heads: set[int]) -> Table | None:
    """The table that ``places`` of ``words`` make; ``heads`` are those that seem to be its header.

    None where they make no table: fewer than two rows or two columns.
    """
    boxes = np.array([words[at].box for at in places], np.float64).reshape(-1, 4)
    rows = [[[places[at] for at in phrase] for phrase in row] for row in phrases_by_row(boxes)]
    every = np.array([word.box for word in words], np.float64).reshape(-1, 4)
    count = _header_rows(rows, heads, words)
    body = [phrase for row in rows[max(count - 1, 0) :] for phrase in row]
    columns = _columns([_span(every, phrase) for phrase in body])
    if len(rows) < 2 or len(columns) < 2:
        return None
    cells: list[Cell] = []
    for number, row in enumerate(rows):
        spans = [_span(every, phrase) for phrase in row]
        above = number < count - 1
        taken = _over(spans, columns) if above else [(c, c) for c in _nearest(spans, columns)]
        cells += _cells(words, every, row, taken, number, len(columns), number < count)
    box = around(boxes)
    return Table(tuple(cells), tuple(round(x) for x in box))  # type: ignore[arg-type]


def phrases_by_row(boxes: NDArray[np.floating]) -> list[list[Phrase]]:
    """Words (N, 4) as rows of phrases: a wide gap parts two phrases of a row."""
    middles, heights = (boxes[:, 1] + boxes[:, 3]) / 2, boxes[:, 3] - boxes[:, 1]
    height = max(float(np.median(heights)), 1e-6)
    rows: list[list[int]] = []
    for at in np.argsort(middles, kind="stable"):
        if rows and middles[at] - np.mean(middles[rows[-1]]) < 0.6 * height:
            rows[-1].append(int(at))
        else:
            rows.append([int(at)])
    found = []
    for row in rows:
        row.sort(key=lambda at: float(boxes[at, 0]))
        phrases = [[row[0]]]
        for before, at in pairwise(row):
            if boxes[at, 0] - boxes[before, 2] > 0.8 * GAP * height:
                phrases.append([])
            phrases[-1].append(at)
        found.append(phrases)
    return found


def _header_rows(rows: list[list[Phrase]], heads: set[int], words: Sequence[PageWord]) -> int:
    """How many rows from the top are header."""
    marked = [
        sum(at in heads for phrase in row for at in phrase) * 2 >= sum(map(len, row))
        for row in rows
    ]
    if any(marked[:3]):
        return max(at for at, is_head in enumerate(marked[:3]) if is_head) + 1
    return 1


def _span(boxes: NDArray[np.floating], phrase: Phrase) -> Span:
    return float(boxes[phrase, 0].min()), float(boxes[phrase, 2].max())


def _columns(spans: Sequence[Span]) -> list[Span]:
    """Spans that overlap are of one column."""
    found: list[Span] = []
    for low, high in sorted(spans):
        if found and low < found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], high))
        else:
            found.append((low, high))
    return found


def _nearest(spans: Sequence[Span], columns: Sequence[Span]) -> list[int]:
    """The column of each phrase of a row; no two the same where there are enough."""
    chosen: list[int] = []
    for low, high in spans:
        apart = [max(a - high, low - b, 0.0) for a, b in columns]
        least = chosen[-1] + 1 if chosen and chosen[-1] + 1 < len(columns) else 0
        chosen.append(least + int(np.argmin(apart[least:])))
    return chosen


def _over(spans: Sequence[Span], columns: Sequence[Span]) -> list[tuple[int, int]]:
    """The columns (first, last) that each heading stands over: those whose middle is nearest.

    Of all ways to give each heading columns of its own, in order.
    """
    count = len(columns)
    pieces = [(a, b) for a in range(count) for b in range(a, count)]
    if len(spans) * 2 > count + 1 or len(pieces) ** min(len(spans), 3) > 200_000:
        return [(c, c) for c in _nearest(spans, columns)]
    middles = [sum(span) / 2 for span in spans]

    def cost(ways: tuple[tuple[int, int], ...]) -> float:
        if any(a[1] >= b[0] for a, b in pairwise(ways)):
            return np.inf
        apart = sum(
            abs((columns[a][0] + columns[b][1]) / 2 - m)
            for (a, b), m in zip(ways, middles, strict=True)
        )
        bare = count - sum(b - a + 1 for a, b in ways)
        return apart + 0.02 * bare * (columns[-1][1] - columns[0][0])

    ways: list[tuple[tuple[int, int], ...]] = list(combinations(pieces, len(spans)))
    costs = [cost(way) for way in ways]
    return list(ways[int(np.argmin(costs))])


def _cells(
    words: Sequence[PageWord], boxes: NDArray[np.floating], row: list[Phrase],
    taken: Sequence[tuple[int, int]], number: int, columns: int, header: bool,
) -> list[Cell]:  # fmt: skip
    by_first: dict[int, tuple[int, Phrase]] = {}
    for (first, last), phrase in zip(taken, row, strict=True):
        held = by_first.get(first, (last, []))[1]
        by_first[first] = (last, held + phrase)
    found, column = [], 0
    while column < columns:
        last, phrase = by_first.get(column, (column, []))
        text = " ".join(words[at].text for at in phrase)
        box = tuple(round(x) for x in around(boxes[phrase])) if phrase else (0, 0, 0, 0)
        found.append(Cell(number, column, text, box, tuple(phrase),  # type: ignore[arg-type]
                          columns=last - column + 1, header=header))  # fmt: skip
        column = last + 1
    return found
