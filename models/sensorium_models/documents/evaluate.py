"""How well pages are read: fields, questions, tables, reading order, regions, with controls."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sensorium_models.documents.answers import answer
from sensorium_models.documents.labels import KEY, is_value
from sensorium_models.documents.layout import entities_of
from sensorium_models.documents.reader import Reading, read_page
from sensorium_models.documents.tagging import Tagger
from sensorium_models.documents.words import PageWord, segments
from sensorium_models.metrics.overlap import box_iou
from sensorium_models.metrics.reading import F1, anls, entity_f1
from sensorium_models.metrics.tables import teds
from sensorium_sims.world.documents import KINDS, Page, ask_page, photograph, sample_page

SEED = 40
"""Of what is evaluated; training draws otherwise altogether."""
SCALE = 1.5
"""Of pages that are photographed: 900 x 1200 pixels."""
REGIONS = {"title": "title", "heading": "heading", "text": "paragraph", "field": "key_value",
           "table": "table", "checkbox": "checkbox", "footer": "footer"}  # fmt: skip
"""Kinds of block by the world's kinds of region."""


@dataclass
class Found:
    """What was measured, page by page. Scores lie in 0..1."""

    said: list[set[Any]] = field(default_factory=list)
    true: list[set[Any]] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    right: list[list[str]] = field(default_factory=list)
    boxes: list[bool] = field(default_factory=list)
    """Of right answers: whether the box meets the true one by half."""
    teds: list[float] = field(default_factory=list)
    order: list[float] = field(default_factory=list)
    by_lines: list[float] = field(default_factory=list)
    """The control: the order of a reader without any notion of columns."""
    regions: list[F1] = field(default_factory=list)

    def fields(self) -> F1:
        """Entity F1 of keys and values."""
        return entity_f1(self.said, self.true)


def pages(count: int, *, unseen: bool, seed: int = SEED, scale: float = 1.0) -> Iterable[Page]:
    """Pages of every kind in turn, that nothing was learnt from."""
    for at in range(count):
        rng = np.random.default_rng([seed, int(unseen), at])
        yield sample_page(rng, KINDS[at % len(KINDS)], unseen=unseen, scale=scale)


def with_true_words(tagger: Tagger, shown: Sequence[Page]) -> tuple[Found, Found, Found]:
    """Words as they are printed: as it is; with words in any order; without their places."""
    plain, mixed, blind = Found(), Found(), Found()
    for number, page in enumerate(shown):
        rng = np.random.default_rng([SEED, 1, number])
        words = [PageWord(word.text, tuple(map(float, word.box))) for word in page.words]  # type: ignore[arg-type]
        size = (page.image.shape[1], page.image.shape[0])
        reading = read_page(tagger, words, size)
        _note_fields(plain, reading, page)
        _note_fields(mixed, read_page(tagger, words, size, shuffle=rng), page)
        _note_fields(blind, read_page(tagger, words, size, blind=True), page)
        for question in [ask_page(page, rng) for _ in range(2)]:
            found = answer(question.text, words, reading.layout)
            hit = found is not None and set(found.words) == set(question.things)
            plain.answers.append(found.text if found else "")
            plain.right.append([question.answer])
            plain.boxes.append(hit)
        plain.teds += _tables([t.html for t in reading.layout.tables], page)
        plain.order.append(neighbours(reading.layout.order, len(words)))
        lines = [at for line in segments(np.array([w.box for w in words])) for at in line]
        plain.by_lines.append(neighbours(lines, len(words)))
        plain.regions.append(_regions(reading, page))
    return plain, mixed, blind


def with_real_reader(model: Any, shown: Sequence[Page]) -> Found:
    """Photographs (turned, tilted, lit, blurred, noisy) through the model as an agent uses it."""
    found = Found()
    for number, page in enumerate(shown):
        rng = np.random.default_rng([SEED, 2, number])
        photo = photograph(page, rng)
        questions = [ask_page(page, rng) for _ in range(2)]
        (read,) = model.infer(
            [{"image": photo.image, "questions": [question.text for question in questions]}]
        )
        found.said.append(
            {(one["label"], _squeezed(one["value"])) for one in read["fields"] if one["value"]}
            | {(KEY, _squeezed(one["key"])) for one in read["fields"] if one["key"]}
        )
        found.true.append(
            {(one.label, _squeezed(one.value)) for one in page.fields}
            | {(KEY, _squeezed(one.key)) for one in page.fields}
        )
        for question, said in zip(questions, read["answers"], strict=True):
            found.answers.append(said["text"] if said else "")
            found.right.append([question.answer])
            true = [photo.quad(page.words[at].box) for at in question.things]
            corners = np.concatenate(true)
            box = np.array([[*corners.min(0), *corners.max(0)]])
            near = said is not None and box_iou(np.array([said["box"]]), box)[0, 0] >= 0.5
            found.boxes.append(bool(near))
        found.teds += _tables([table["html"] for table in read["tables"]], page)
    return found


def _note_fields(found: Found, reading: Reading, page: Page) -> None:
    found.said.append(
        {
            (name, frozenset(places))
            for name, places in entities_of(reading.tags, reading.lines)
            if name == KEY or is_value(name)
        }
    )
    true = {(one.label, frozenset(one.value_words)) for one in page.fields}
    found.true.append(true | {(KEY, frozenset(one.key_words)) for one in page.fields})


def _squeezed(text: str) -> str:
    """Blanks, case and a key's colon do not count: a text reader has its own ways with them."""
    return "".join(text.split()).casefold().rstrip(":")


def _tables(found: Sequence[str], page: Page) -> list[float]:
    """TEDS of each true table with the likest found one; 0 where there is none."""
    return [max((teds(html, true.html) for html in found), default=0.0) for true in page.tables]


def neighbours(order: Sequence[int], count: int) -> float:
    """Of words that follow each other in truth (0, 1, 2, …), the share that still do."""
    follows = dict(itertools.pairwise(order))
    return sum(follows.get(at) == at + 1 for at in range(count - 1)) / max(count - 1, 1)


def _regions(reading: Reading, page: Page) -> F1:
    """Blocks that meet a true region of their kind by half, each once."""
    true = [(REGIONS[region.kind], region.box) for region in page.regions]
    blocks = [block for block in reading.layout.blocks if block.kind != "figure"]
    left, right = list(range(len(true))), 0
    for block in blocks:
        for at in left:
            kind, box = true[at]
            if kind == block.kind and box_iou(np.array([block.box]), np.array([box]))[0, 0] >= 0.5:
                left.remove(at)
                right += 1
                break
    return F1(right, len(blocks), len(true))


def total(parts: Sequence[F1]) -> F1:
    """Counts of several pages together."""
    return F1(sum(p.right for p in parts), sum(p.found for p in parts), sum(p.true for p in parts))


def scored(found: Found) -> Any:
    """ANLS of its answers."""
    return anls(found.answers, found.right)


def mixed_up(found: Found) -> Any:
    """The control of answers: those given, beside what is right for the question before."""
    return anls(found.answers, [*found.right[-1:], *found.right[:-1]])
