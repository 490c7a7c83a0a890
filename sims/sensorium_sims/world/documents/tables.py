"""Tables: the drawing of any, and pages that are one."""

from __future__ import annotations

from dataclasses import dataclass

from sensorium_sims.world.documents import contents
from sensorium_sims.world.documents.page import Cell, Table
from sensorium_sims.world.documents.pen import Ink, Pen
from sensorium_sims.world.sampling import Rng

ROW = 24


@dataclass(frozen=True, slots=True)
class Style:
    """Lines around cells, bands behind every other row, a colour behind the header."""

    ruled: bool = False
    banded: bool = False
    header: Ink | None = (232, 232, 236)
    header_ink: Ink | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """A text over several columns: an entry of a header row."""

    text: str
    columns: int


def draw_table(
    pen: Pen,
    x: float,
    y: float,
    widths: list[float],
    rows: list[list[str]],
    *,
    style: Style,
    groups: list[Span] | None = None,
) -> float:
    """Draw ``rows`` (the first is the header), note the table, return the y below it.

    ``groups`` is a row of wider headings above the header. Numbers stand on the right.
    """
    lines: list[list[Span]] = [[Span(text, 1) for text in row] for row in rows]
    headers = 1
    if groups:
        lines.insert(0, groups)
        headers = 2
    right = x + sum(widths)
    cells: list[Cell] = []
    with pen.region("table"):
        for number, line in enumerate(lines):
            top, header = y + number * ROW, number < headers
            if header and style.header:
                pen.fill(x, top, right, top + ROW, style.header)
            elif style.banded and number % 2:
                pen.fill(x, top, right, top + ROW, (240, 243, 248))
            cells += _row(pen, x, top, widths, line, number, header, style)
    bottom = y + len(lines) * ROW
    pen.line(x, y, right, y)
    pen.line(x, y + headers * ROW, right, y + headers * ROW)
    pen.line(x, bottom, right, bottom)
    if style.ruled:
        for number in range(1, len(lines)):
            pen.line(x, y + number * ROW, right, y + number * ROW)
    pen.tables.append(Table(tuple(cells), pen.scaled(x, y, right, bottom)))
    return bottom


def _row(
    pen: Pen,
    x: float,
    top: float,
    widths: list[float],
    line: list[Span],
    number: int,
    header: bool,
    style: Style,
) -> list[Cell]:
    cells, column, left = [], 0, x
    for span in line:
        width = sum(widths[column : column + span.columns])
        numeric = span.text[:1].isdigit() or (header and column > 0)
        middle = span.columns > 1
        at = left + (width / 2 if middle else width - 8 if numeric else 8)
        words: tuple[int, ...] = ()
        if span.text:
            words = pen.write(
                at, top + 5, span.text, size=12, bold=header,
                align="centre" if middle else "right" if numeric else "left",
                ink=style.header_ink if header else None,
            )  # fmt: skip
        box = pen.scaled(left, top, left + width, top + ROW)
        cells.append(
            Cell(number, column, span.text, box, words, columns=span.columns, header=header)
        )
        if style.ruled:
            pen.frame(left, top, left + width, top + ROW)
        column, left = column + span.columns, left + width
    return cells


def draw_table_page(pen: Pen, rng: Rng, template: str) -> None:
    """``ruled``, ``banded``, ``open`` or ``grouped`` (headings over pairs of columns)."""
    with pen.region("title"):
        pen.write(50, 50, f"Table {rng.integers(1, 9)}. {contents.sentence(rng)}", size=13)
    count = int(rng.integers(4, 14))
    years = [str(2014 + int(rng.integers(4)) + i) for i in range(4)]
    places = [contents.TOWNS[i] for i in rng.permutation(len(contents.TOWNS))]
    goods = [contents.GOODS[i] for i in rng.permutation(len(contents.GOODS))]
    names = (places + goods)[:count]
    rows = [["Name", *years]]
    for name in names:
        values = rng.integers(0, 5000, 4) / (10 if rng.random() < 0.3 else 1)
        cells = ["" if rng.random() < 0.06 else f"{value:g}" for value in values]
        rows.append([name, *cells])
    groups = None
    if template == "grouped":
        groups = [Span("", 1), Span("Planned", 2), Span("Measured", 2)]
    style = Style(
        ruled=template == "ruled",
        banded=template == "banded",
        header=None if template in ("open", "grouped") else (232, 232, 236),
    )
    y = draw_table(pen, 50, 90, [160, 85, 85, 85, 85], rows, style=style, groups=groups)
    with pen.region("text"):
        pen.paragraph(50, y + 24, 500, contents.prose(rng, 3), size=12)
