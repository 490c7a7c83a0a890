from __future__ import annotations

import sys
from html.parser import HTMLParser

import numpy as np
import pytest

from sensorium.errors import BadInput, MissingDependency
from sensorium_sims.world.documents import (
    HELD_OUT,
    KINDS,
    TEMPLATES,
    ask_page,
    photograph,
    sample_page,
)
from sensorium_sims.world.documents.page import Page
from sensorium_sims.world.documents.pen import Pen, font


def pages(unseen: bool = False) -> list[Page]:
    rng = np.random.default_rng(7)
    return [sample_page(rng, kind, unseen=unseen) for kind in KINDS for _ in range(3)]


@pytest.fixture(scope="module")
def seen() -> list[Page]:
    return pages()


@pytest.fixture(scope="module")
def strange() -> list[Page]:
    return pages(unseen=True)


def test_every_word_stands_in_its_box_and_nowhere_else(seen: list[Page]) -> None:
    for page in seen:
        if page.template == "banner":
            continue  # white on blue: ink is not dark there
        dark = page.image.min(axis=2) < 128
        covered = np.zeros(dark.shape, bool)
        for word in page.words:
            x0, y0, x1, y1 = word.box
            columns = np.flatnonzero(dark[y0:y1, x0:x1].any(axis=0))
            assert len(columns) >= 1, word
            assert np.ptp(columns) >= 0.5 * (x1 - x0) - 3, word
            covered[y0:y1, x0:x1] = True
        if page.kind == "columns":  # the others have ruled lines
            assert not (dark & ~covered).any()


def test_words_of_a_line_run_from_left_to_right(seen: list[Page], strange: list[Page]) -> None:
    for page in [*seen, *strange]:
        for one, other in zip(page.words, page.words[1:], strict=False):
            if one.line == other.line:
                assert one.box[2] <= other.box[0] + 2
                assert one.region == other.region
        for word in page.words:
            x0, y0, x1, y1 = page.regions[word.region].box
            assert x0 <= word.box[0] < word.box[2] <= x1
            assert y0 <= word.box[1] < word.box[3] <= y1


def test_columns_are_read_one_after_the_other(seen: list[Page]) -> None:
    for page in seen:
        if page.kind != "columns":
            continue
        body = [r.box for r in page.regions if r.kind in ("heading", "text") and r.box[2] < 580]
        lefts = [box[0] for box in body if box[2] - box[0] < 300]
        switch = next(i for i, left in enumerate(lefts) if left > 200)
        assert max(lefts[:switch]) < 200 < min(lefts[switch:])


def test_fields_say_what_their_words_say(seen: list[Page], strange: list[Page]) -> None:
    for page in [*seen, *strange]:
        for field in page.fields:
            printed = " ".join(page.words[i].text for i in field.value_words)
            assert printed == field.value
            key = " ".join(page.words[i].text for i in field.key_words)
            assert key.rstrip(":") == field.key
        if page.kind in ("invoice", "form"):
            assert len(page.fields) >= 6


def test_tags_mark_keys_and_values(seen: list[Page]) -> None:
    invoice = next(page for page in seen if page.kind == "invoice")
    tags = invoice.tags()
    assert len(tags) == len(invoice.words)
    total = next(field for field in invoice.fields if field.label == "total")
    assert tags[total.value_words[0]] == "B-total"
    assert tags[total.key_words[0]] == "B-key"
    assert tags[0] == "O"


class Counter(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.width: list[int] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.width.append(0)
        if tag == "td":
            self.width[-1] += int(dict(attrs).get("colspan") or 1)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_a_table_s_html_has_its_cells(seen: list[Page], strange: list[Page]) -> None:
    spanned = False
    for page in [*seen, *strange]:
        for table in page.tables:
            reader = Counter()
            reader.feed(table.html)
            assert len(set(reader.width)) == 1
            assert reader.texts == [cell.text for cell in table.cells if cell.text]
            spanned |= any(cell.columns == 2 for cell in table.cells)
            for cell in table.cells:
                assert " ".join(page.words[i].text for i in cell.words) == cell.text
                for index in cell.words:
                    box = page.words[index].box
                    assert cell.box[0] <= box[0]
                    assert box[2] <= cell.box[2] + 1
    assert spanned


def test_invoices_add_up() -> None:
    rng = np.random.default_rng(3)
    for _ in range(8):
        page = sample_page(rng, "invoice")
        amounts = {
            field.label: round(float(field.value.replace(",", "")) * 100)
            for field in page.fields
            if field.label in ("subtotal", "tax", "total")
        }
        cells = [c for c in page.tables[0].cells if c.column == 3 and not c.header]
        assert (
            sum(round(float(c.text.replace(",", "")) * 100) for c in cells) == amounts["subtotal"]
        )
        assert amounts["subtotal"] + amounts["tax"] == amounts["total"]


def test_held_out_templates_are_held_out(seen: list[Page], strange: list[Page]) -> None:
    for kind in KINDS:
        assert HELD_OUT[kind] not in TEMPLATES[kind]
        assert {page.template for page in seen if page.kind == kind} <= set(TEMPLATES[kind])
        assert {page.template for page in strange if page.kind == kind} == {HELD_OUT[kind]}


def test_an_answer_is_printed_where_it_is_said_to_be(seen: list[Page]) -> None:
    rng = np.random.default_rng(0)
    for page in seen:
        for _ in range(5):
            question = ask_page(page, rng)
            assert " ".join(page.words[i].text for i in question.things) == question.answer


def test_a_photo_takes_boxes_along(seen: list[Page]) -> None:
    page = next(page for page in seen if page.kind == "form")
    photo = photograph(page, np.random.default_rng(1), noise=1.0)
    assert photo.image.shape != page.image.shape
    for word in page.words:
        quad = photo.quad(word.box)
        assert (quad >= 0).all()
        assert (quad < np.array(photo.image.shape[1::-1])).all()
        low, high = np.floor(quad.min(0)).astype(int), np.ceil(quad.max(0)).astype(int)
        patch = photo.image[low[1] : high[1], low[0] : high[0]].mean(axis=2)
        assert patch.min() < patch.max() - 50, "no ink where the word should be"
    again = photograph(page, np.random.default_rng(1), noise=1.0)
    assert (again.image == photo.image).all()


def test_scale_makes_the_same_page_larger() -> None:
    small = sample_page(np.random.default_rng(5), "form")
    large = sample_page(np.random.default_rng(5), "form", scale=2.0)
    assert large.image.shape == (1600, 1200, 3)
    assert large.text == small.text
    for one, other in zip(small.words, large.words, strict=True):
        assert np.abs(np.array(one.box) * 2 - other.box).max() < 16


def test_bad_wishes_are_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(BadInput, match="no documents of kind 'letter'"):
        sample_page(rng, "letter")  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="scale is 9"):
        sample_page(rng, scale=9)
    with pytest.raises(BadInput, match="no font 'comic'"):
        font("comic", 12)
    with pytest.raises(BadInput, match="open a region"):
        Pen("aileron").write(0, 0, "a")
    monkeypatch.setitem(sys.modules, "font_lato", None)
    font.cache_clear()
    with pytest.raises(MissingDependency, match="pip install font-lato"):
        font("lato", 12)
