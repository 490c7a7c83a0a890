"""What a word of a page may be: the IOB2 tags that the bundled network knows, and their meaning."""

from __future__ import annotations

from sensorium_sims.world.documents.page import Page

FIELDS = (
    "number", "date", "due", "customer", "tax", "subtotal", "total",
    "name", "birth", "street", "town", "phone", "email", "employer", "reference", "signed",
)  # fmt: skip
"""What values of a page are named: of invoices first, then of forms."""
KEY = "key"
PLACES = ("title", "heading", "text", "cell", "head", "checkbox", "footer")
"""Of words in no field: where they stand. ``head`` is a cell of a table's header."""
LABELS = ("O", *(f"{p}-{name}" for name in (KEY, *FIELDS, *PLACES) for p in "BI"))
_PUBLISHED = {"question": KEY, "header": "title", "answer": "value", "other": "O"}
"""FUNSD's names for ours."""


def name_of(tag: str) -> str:
    """What a tag of any checkpoint calls its word, in the words used here; "O" for nothing."""
    prefix, _, name = tag.partition("-")
    name = (name if prefix in ("B", "I", "E", "S") and name else tag).lower()
    return _PUBLISHED.get(name, "O" if name == "o" else name)


def begins(tag: str) -> bool:
    """Whether a tag says that something begins at its word."""
    return tag[:2] in ("B-", "S-")


def is_value(name: str) -> bool:
    """Whether words called so are the value of a field."""
    return name not in ("O", KEY, *PLACES)


def page_tags(page: Page) -> list[str]:
    """The tags of a drawn page: those of its fields, and where all other words stand."""
    tags = page.tags()
    cells = {}
    for table in page.tables:
        for cell in table.cells:
            for place, held in enumerate(cell.words):
                cells[held] = ("I-" if place else "B-") + ("head" if cell.header else "cell")
    before = -1
    for at, word in enumerate(page.words):
        if tags[at] == "O":
            kind = page.regions[word.region].kind
            tags[at] = cells.get(at, ("I-" if word.region == before else "B-") + kind)
        before = word.region
    return tags
