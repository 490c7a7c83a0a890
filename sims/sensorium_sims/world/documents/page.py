"""A page and its truth: words, regions in reading order, fields and tables.

Boxes are x0, y0, x1, y1 in pixels; words and regions are named by their place in the page's lists.
"""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Box = tuple[int, int, int, int]
RegionKind = Literal["title", "heading", "text", "field", "table", "checkbox", "footer"]


@dataclass(frozen=True, slots=True)
class Word:
    """One word as printed, on ``line`` (counted over the page), in ``region``."""

    text: str
    box: Box
    line: int
    region: int


@dataclass(frozen=True, slots=True)
class Region:
    """A block of the page. Regions are listed in reading order."""

    kind: RegionKind
    box: Box


@dataclass(frozen=True, slots=True)
class Field:
    """A printed ``key`` and its ``value``: ``label`` is its name in the schema."""

    label: str
    key: str
    value: str
    key_words: tuple[int, ...]
    value_words: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell, over ``rows`` x ``columns`` places of the grid from (``row``, ``column``) on."""

    row: int
    column: int
    text: str
    box: Box
    words: tuple[int, ...] = ()
    rows: int = 1
    columns: int = 1
    header: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Cells by row, then column."""

    cells: tuple[Cell, ...]
    box: Box

    @property
    def html(self) -> str:
        """As in PubTabNet: thead and tbody, spans as attributes."""
        parts = []
        for tag, header in (("thead", True), ("tbody", False)):
            rows: dict[int, list[str]] = {}
            for cell in self.cells:
                if cell.header == header:
                    spans = f' colspan="{cell.columns}"' if cell.columns > 1 else ""
                    spans += f' rowspan="{cell.rows}"' if cell.rows > 1 else ""
                    text = html.escape(cell.text)
                    rows.setdefault(cell.row, []).append(f"<td{spans}>{text}</td>")
            lines = "".join(f"<tr>{''.join(row)}</tr>" for _, row in sorted(rows.items()))
            parts.append(f"<{tag}>{lines}</{tag}>")
        return f"<table>{''.join(parts)}</table>"


@dataclass(frozen=True, slots=True)
class Page:
    """``image`` (H, W, 3) uint8; ``words`` stand in reading order."""

    kind: str
    template: str
    image: NDArray[np.uint8]
    words: tuple[Word, ...]
    regions: tuple[Region, ...]
    fields: tuple[Field, ...] = ()
    tables: tuple[Table, ...] = ()

    @property
    def text(self) -> str:
        """All words in reading order, a line a line."""
        lines: dict[int, list[str]] = {}
        for word in self.words:
            lines.setdefault(word.line, []).append(word.text)
        return "\n".join(" ".join(words) for words in lines.values())

    def tags(self) -> list[str]:
        """One IOB2 tag a word, as FUNSD and CORD: ``B-`` or ``I-`` and the field's label for its
        value, ``B-key`` or ``I-key`` for a printed key, ``O`` for the rest."""
        tags = ["O"] * len(self.words)
        for field in self.fields:
            for name, words in (("key", field.key_words), (field.label, field.value_words)):
                for place, word in enumerate(words):
                    tags[word] = ("I-" if place else "B-") + name
        return tags
