"""Questions about a page: the printed words that answer, and where they stand.

The question's words are held against the printed keys, the names of fields and their other names,
and the heads and first cells of tables. What is not printed is not answered.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

import numpy as np

from sensorium_models.documents.layout import Layout
from sensorium_models.documents.words import Box, PageWord, around
from sensorium_sims.world.documents.page import Table

ENOUGH = 0.55
"""A worse fit of question and page is no answer."""
OTHER_NAMES: dict[str, tuple[str, ...]] = {
    "number": ("invoice number", "invoice no", "number of the invoice", "invoice id"),
    "date": ("date", "invoice date", "issued", "date of the invoice", "when issued", "when dated"),
    "due": ("due date", "due", "payable by", "deadline", "when due", "when pay", "when paid"),
    "customer": ("customer", "client", "bill to", "billed to", "who customer", "who pays", "buyer"),
    "tax": ("tax", "vat", "sales tax", "how much tax", "how much vat"),
    "subtotal": ("subtotal", "net amount", "sum before tax", "net"),
    "total": ("total", "amount due", "total due", "grand total", "total amount", "how much pay",
              "how much owe", "how much cost", "how much", "amount to pay", "invoice total"),
    "name": ("name", "who", "applicant", "full name"),
    "birth": ("date of birth", "birthday", "born", "birth date", "when born"),
    "street": ("street", "address", "street address", "where live"),
    "town": ("town", "city", "postcode", "place"),
    "phone": ("telephone", "phone", "phone number", "telephone number"),
    "email": ("e-mail", "email", "email address", "e-mail address", "mail"),
    "employer": ("employer", "company", "where work", "firm"),
    "reference": ("reference", "reference number", "ref"),
    "signed": ("signed on", "signed", "date of signature", "when signed", "signature date"),
}  # fmt: skip
"""What people call the fields that the bundled network knows."""
_IDLE = frozenset(
    [
        "what",
        "whats",
        "is",
        "was",
        "are",
        "the",
        "a",
        "an",
        "on",
        "in",
        "at",
        "of",
        "for",
        "to",
        "this",
        "that",
        "it",
        "its",
        "page",
        "document",
        "invoice",
        "form",
        "receipt",
        "bill",
        "table",
        "here",
        "please",
        "tell",
        "me",
        "give",
        "us",
        "say",
        "says",
        "does",
        "do",
        "did",
        "i",
        "we",
        "you",
        "my",
        "our",
        "have",
        "has",
        "must",
        "be",
        "should",
        "which",
        "stated",
        "printed",
        "written",
        "given",
        "there",
        "by",
        "s",
    ]
)
_ITEM = re.compile(r"\b(?:the |what )?(?P<head>[\w#./ -]+?) (?:of|for) (?:the )?(?P<row>.+)", re.I)


@dataclass(frozen=True, slots=True)
class Answer:
    """``text`` as printed, its ``box`` and words, ``source`` (field, cell, title) and a score."""

    text: str
    box: Box
    score: float
    source: str
    words: tuple[int, ...]


def answer(question: str, words: Sequence[PageWord], layout: Layout) -> Answer | None:
    """The best answer that the page holds, or None."""
    asked = _plain(question)
    if not asked:
        return None
    found = [*_fields(asked, layout, words), *_cells(asked, layout, words)]
    found += _titles(asked, layout)
    if not found:
        return None
    fit, sure, source, places = max(found, key=lambda one: (one[0], one[1]))
    if fit < ENOUGH or not places:
        return None
    boxes = np.array([words[at].box for at in places], np.float64)
    text = " ".join(words[at].text for at in places)
    return Answer(text, around(boxes), min(fit, 1.0) * sure, source, tuple(places))


Candidate = tuple[float, float, str, tuple[int, ...]]
"""How well it fits, how sure its words are, where it is from, and its words."""


def _fields(asked: str, layout: Layout, words: Sequence[PageWord]) -> Iterator[Candidate]:
    for pair in layout.pairs:
        if not pair.value:
            continue
        key = _plain(" ".join(words[at].text for at in pair.key))
        fits = [likeness(asked, key)] if key else []
        fits += [0.97 * likeness(asked, _plain(name)) for name in OTHER_NAMES.get(pair.label, ())]
        if pair.label not in OTHER_NAMES:
            fits.append(0.9 * likeness(asked, _plain(pair.label)))
        yield max(fits), pair.score, "field", pair.value


def _cells(asked: str, layout: Layout, words: Sequence[PageWord]) -> Iterator[Candidate]:
    """``the price of Desk lamp``: the head of its column and the first cell of its row."""
    for block in layout.blocks:
        if block.table is None:
            continue
        table = layout.tables[block.table]
        heads, names = _edges(table)
        for cell in table.cells:
            if cell.header or cell.column == 0 or not cell.words:
                continue
            head, name = _plain(heads.get(cell.column, "")), _plain(names.get(cell.row, ""))
            if not head or not name:
                continue
            both = likeness(asked, f"{head} {name}")
            if _within(name, asked) and _within(head, asked):
                both = max(both, 0.98)
            yield 1.01 * both, block.score, "cell", cell.words


def _edges(table: Table) -> tuple[dict[int, str], dict[int, str]]:
    """The heads by column (of the last header row) and the first cells by row."""
    last = max((cell.row for cell in table.cells if cell.header), default=-1)
    heads = {cell.column: cell.text for cell in table.cells if cell.header and cell.row == last}
    names = {cell.row: cell.text for cell in table.cells if not cell.header and cell.column == 0}
    return heads, names


def _titles(asked: str, layout: Layout) -> Iterator[Candidate]:
    for block in layout.blocks:
        if block.kind == "title":
            fit = max(likeness(asked, name) for name in ("title", "headline", "about", "heading"))
            yield fit, block.score, "title", block.words
            return


def likeness(one: str, other: str) -> float:
    """Of two plain phrases, 0 to 1: how far their words agree, misread letters forgiven."""
    a, b = one.split(), other.split()
    if not a or not b:
        return 0.0
    if one == other:
        return 1.0
    rest, hits = list(b), 0.0
    for word in a:
        best = max(rest, key=lambda r: _letters(word, r), default="")
        alike = _letters(word, best) if best else 0.0
        if alike >= 0.7:
            hits += alike
            rest.remove(best)
    return 2 * hits / (len(a) + len(b))


def _letters(one: str, other: str) -> float:
    if one == other:
        return 1.0
    if one.isdigit() or other.isdigit():
        return 0.0
    return SequenceMatcher(None, one, other).ratio()


def _within(phrase: str, text: str) -> bool:
    return f" {phrase} " in f" {text} "


def _plain(text: str) -> str:
    """Its telling words in lower case, in their order."""
    words = re.findall(r"[^\W_]+(?:[-.][^\W_]+)*|#", text.lower().replace("\u2019", "'"))
    kept = [word for word in words if word not in _IDLE]
    return " ".join(kept or words)
