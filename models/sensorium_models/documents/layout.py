"""From words that are labelled to a page: fields, tables, blocks of text, figures, their order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sensorium_models.documents.labels import KEY, is_value
from sensorium_models.documents.order import reading_order
from sensorium_models.documents.tables import table_of
from sensorium_models.documents.tagging import Tag
from sensorium_models.documents.words import Box, PageWord, around
from sensorium_sims.world.documents.page import Table

KINDS = {"title": "title", "heading": "heading", "checkbox": "checkbox", "footer": "footer"}
"""Kinds of block by the name of their words; all others are paragraphs."""
FAR = 40.0
"""Line heights: a value is not looked for farther from its key."""


@dataclass(frozen=True, slots=True)
class Block:
    """A region: ``title``, ``heading``, ``paragraph``, ``key_value``, ``table``, ``checkbox``,
    ``footer`` or ``figure``, with the places of its words in reading order."""

    kind: str
    box: Box
    score: float
    words: tuple[int, ...] = ()
    table: int | None = None
    """Place in the page's tables."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A field: ``label`` is what the network calls it, ``key`` and ``value`` words as printed."""

    label: str
    key: tuple[int, ...]
    value: tuple[int, ...]
    score: float


@dataclass(frozen=True, slots=True)
class Layout:
    """A page put together. Blocks are in reading order."""

    blocks: tuple[Block, ...] = ()
    pairs: tuple[Pair, ...] = ()
    tables: tuple[Table, ...] = field(default_factory=tuple)

    @property
    def order(self) -> list[int]:
        """Places of all words in reading order."""
        return [at for block in self.blocks for at in block.words]


Entity = tuple[str, tuple[int, ...]]


def entities_of(tags: Sequence[Tag], lines: Sequence[Sequence[int]]) -> list[Entity]:
    """Runs of words of one name within segments of lines; each key or value, or other stretch."""
    found: list[tuple[str, list[int]]] = []
    for line in lines:
        before = ""
        for at in line:
            tag = tags[at]
            splits = tag.begins and (tag.name == KEY or is_value(tag.name))
            if tag.name != before or splits:
                found.append((tag.name, []))
            found[-1][1].append(at)
            before = tag.name
    return [(name, tuple(places)) for name, places in found]


def lay_out(
    words: Sequence[PageWord], tags: Sequence[Tag], lines: Sequence[Sequence[int]],
    figures: Sequence[tuple[Box, float]] = (),
) -> Layout:  # fmt: skip
    """Put a page together from its words, what each is, and its lines' segments."""
    if not words:
        return Layout(tuple(Block("figure", box, score) for box, score in figures))
    boxes = np.array([word.box for word in words], np.float64)
    height = float(np.median(boxes[:, 3] - boxes[:, 1]))
    blocks: list[Block] = []
    tables = _tables(words, tags, lines, boxes, height)
    used: set[int] = set()
    for number, table in enumerate(tables):
        held = tuple(at for cell in table.cells for at in cell.words)
        used |= set(held)
        blocks.append(Block("table", around(boxes[list(held)]), _sure(tags, held), held, number))
    entities = [(name, tuple(at for at in places if at not in used))
                for name, places in entities_of(tags, lines)]  # fmt: skip
    entities = [(name, places) for name, places in entities if places]
    pairs = pair_up(entities, boxes, tags, height)
    for pair in pairs:
        held = pair.key + pair.value
        used |= set(held)
        blocks.append(Block("key_value", around(boxes[list(held)]), pair.score, held))
    rest = [(name, places) for name, places in entities if not used & set(places)]
    blocks += _stacks(rest, boxes, tags, height)
    blocks += [Block("figure", box, score) for box, score in figures]
    order = reading_order(np.array([block.box for block in blocks]), height)
    return Layout(tuple(blocks[at] for at in order), tuple(pairs), tuple(tables))


def _sure(tags: Sequence[Tag], places: Sequence[int]) -> float:
    return float(np.mean([tags[at].score for at in places])) if places else 0.0


def _tables(
    words: Sequence[PageWord], tags: Sequence[Tag], lines: Sequence[Sequence[int]],
    boxes: NDArray[np.floating], height: float,
) -> list[Table]:  # fmt: skip
    """Words that are cells, in groups parted by white space; and what lies within."""
    cells = [at for line in lines for at in line if tags[at].name in ("cell", "head")]
    groups: list[list[int]] = []
    for at in sorted(cells, key=lambda at: float(boxes[at, 1])):
        if groups and boxes[at, 1] - max(boxes[b, 3] for b in groups[-1]) < 3 * height:
            groups[-1].append(at)
        else:
            groups.append([at])
    found = []
    for group in groups:
        x0, y0, x1, y1 = around(boxes[group])
        middle = (boxes[:, :2] + boxes[:, 2:]) / 2
        inside = (
            (middle[:, 0] > x0) & (middle[:, 0] < x1) & (middle[:, 1] > y0) & (middle[:, 1] < y1)
        )
        held = sorted(set(group) | {int(at) for at in np.flatnonzero(inside)})
        heads = {at for at in held if tags[at].name == "head"}
        table = table_of(words, held, heads)
        if table is not None:
            found.append(table)
    return found


def pair_up(
    entities: Sequence[Entity], boxes: NDArray[np.floating], tags: Sequence[Tag], height: float
) -> list[Pair]:
    """Each value with the key that stands closest: before it on its line, or right above it.

    A key that none is found for has an empty value; a value without a key an empty key.
    """
    keys = [places for name, places in entities if name == KEY]
    values = [(name, places) for name, places in entities if is_value(name)]
    costs = sorted(
        (cost, k, v)
        for k, key in enumerate(keys)
        for v, (_, value) in enumerate(values)
        if (cost := _apart(around(boxes[list(key)]), around(boxes[list(value)]), height)) < FAR
    )
    taken_keys: dict[int, int] = {}
    taken_values: set[int] = set()
    for _, k, v in costs:
        if k not in taken_keys and v not in taken_values:
            taken_keys[k] = v
            taken_values.add(v)
    found = []
    for k, key in enumerate(keys):
        name, value = values[taken_keys[k]] if k in taken_keys else ("", ())
        found.append(Pair(name, key, value, _sure(tags, key + value)))
    found += [
        Pair(name, (), value, _sure(tags, value))
        for v, (name, value) in enumerate(values)
        if v not in taken_values
    ]
    return found


def _apart(key: Box, value: Box, height: float) -> float:
    """How far a value is from a key, in line heights; infinite where it is no value of it."""
    level = min(key[3], value[3]) - max(key[1], value[1]) > 0.4 * height
    if level:
        gap = (value[0] - key[2]) / height
        return gap if gap > -0.5 else np.inf
    down = (value[1] - key[3]) / height
    over = min(key[2], value[2]) - max(key[0], value[0])
    aligned = over > 0 or abs(key[0] - value[0]) < height
    if not aligned or not -0.4 < down < 2.5:
        return np.inf
    return max(down, 0.0) * 2 + abs(key[0] - value[0]) / height / 2


def _stacks(
    entities: Sequence[Entity], boxes: NDArray[np.floating], tags: Sequence[Tag], height: float
) -> list[Block]:
    """Segments of one kind below one another as blocks: paragraphs, titles, headings."""
    by_line = [(KINDS.get(name, "paragraph"), places) for name, places in entities]
    by_line.sort(key=lambda line: float(boxes[list(line[1]), 1].min()))
    stacks: list[tuple[str, list[int], Box]] = []
    for kind, places in by_line:
        box = around(boxes[list(places)])
        for number in range(len(stacks) - 1, -1, -1):
            other, held, last = stacks[number]
            tall = max(min(box[3] - box[1], last[3] - last[1]), 0.5 * height)
            close = -0.6 * tall < box[1] - last[3] < 0.9 * tall
            over = min(box[2], last[2]) > max(box[0], last[0])
            beside = min(box[3], last[3]) - max(box[1], last[1]) > 0.5 * tall
            near = beside and 0 <= box[0] - last[2] < 2.5 * tall
            if other == kind and kind != "checkbox" and ((close and over) or near):
                stacks[number] = (kind, [*held, *places], box if not near else around(
                    np.array([box, last])))  # fmt: skip
                break
        else:
            stacks.append((kind, list(places), box))
    return [
        Block(kind, around(boxes[held]), _sure(tags, held), tuple(held)) for kind, held, _ in stacks
    ]
