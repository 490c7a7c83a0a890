"""Pages out of a seed, and questions about them. One template of each kind is held out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

from sensorium.errors import BadInput
from sensorium_sims.world.documents.forms import draw_columns, draw_form
from sensorium_sims.world.documents.invoices import draw_invoice
from sensorium_sims.world.documents.page import Page
from sensorium_sims.world.documents.pen import Pen
from sensorium_sims.world.documents.tables import draw_table_page
from sensorium_sims.world.questions import Question
from sensorium_sims.world.sampling import Rng

Kind = Literal["invoice", "form", "table", "columns"]
KINDS: tuple[Kind, ...] = get_args(Kind)
TEMPLATES: dict[Kind, tuple[str, ...]] = {
    "invoice": ("classic", "banner", "ledger"),
    "form": ("lines", "boxes"),
    "table": ("ruled", "banded", "open"),
    "columns": ("two", "two-wide-title"),
}
"""What training shows."""
HELD_OUT: dict[Kind, str] = {
    "invoice": "letter",
    "form": "grid",
    "table": "grouped",
    "columns": "sidebar",
}
"""Only ``unseen`` pages have these, and the typeface below."""
FAMILIES = ("aileron", "lato", "caladea")
HELD_OUT_FAMILY = "source-serif"
_DRAW: dict[Kind, Callable[[Pen, Rng, str], None]] = {
    "invoice": draw_invoice,
    "form": draw_form,
    "table": draw_table_page,
    "columns": draw_columns,
}


def sample_page(
    rng: Rng, kind: Kind | None = None, *, unseen: bool = False, scale: float = 1.0
) -> Page:
    """A page of 600 x 800 pixels times ``scale``, of one kind or of any.

    ``unseen`` pages are of a template and a typeface that no other page has.
    """
    if kind is not None and kind not in KINDS:
        raise BadInput(f"no documents of kind {kind!r}; there are: {', '.join(KINDS)}")
    if not 0.5 <= scale <= 4:
        raise BadInput(f"scale is {scale}: pages can be read from 0.5 on and drawn up to 4")
    chosen: Kind = kind or KINDS[int(rng.integers(len(KINDS)))]
    known = TEMPLATES[chosen]
    template = HELD_OUT[chosen] if unseen else known[int(rng.integers(len(known)))]
    family = HELD_OUT_FAMILY if unseen else FAMILIES[int(rng.integers(len(FAMILIES)))]
    tone = int(rng.integers(246, 256))
    pen = Pen(family, scale=scale, paper=(tone, tone, tone - int(rng.integers(0, 6))))
    _DRAW[chosen](pen, rng, template)
    return pen.done(chosen, template)


def ask_page(page: Page, rng: Rng) -> Question:
    """A question whose answer is printed on the page; ``things`` are the words it rests on."""
    cells = _asked_cells(page)
    total = len(page.fields) + len(cells)
    if total == 0:
        heading = next(r for r, region in enumerate(page.regions) if region.kind == "title")
        words = [i for i, word in enumerate(page.words) if word.region == heading]
        title = " ".join(page.words[i].text for i in words)
        return Question("What is the title?", title, "title", tuple(words))
    place = int(rng.integers(total))
    if place < len(page.fields):
        field = page.fields[place]
        return Question(f"What is the {field.key.lower()}?", field.value, "field",
                        field.value_words)  # fmt: skip
    return cells[place - len(page.fields)]


def _asked_cells(page: Page) -> list[Question]:
    """``What is the price of Desk lamp?``, for each filled cell beside a name."""
    asked = []
    for table in page.tables:
        body = [cell for cell in table.cells if not cell.header]
        last = max(cell.row for cell in table.cells if cell.header)
        heads = {c.column: c.text for c in table.cells if c.header and c.row == last}
        names = {cell.row: cell.text for cell in body if cell.column == 0}
        for cell in body:
            if cell.column and cell.text:
                text = f"What is the {heads[cell.column].lower()} of {names[cell.row]}?"
                asked.append(Question(text, cell.text, "cell", cell.words))
    return asked
