"""Documents: reading pages, the published architecture, bad input, the planner's words."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from transformers import (
    BertConfig,
    BertModel,
    LayoutLMv3Config,
    LayoutLMv3ForTokenClassification,
    PreTrainedTokenizerFast,
)

from sensorium.errors import BadInput, ModelUnavailable
from sensorium_models.documents.checkpoint import load
from sensorium_models.documents.evaluate import pages, with_true_words
from sensorium_models.documents.model import DocumentOptions, Documents
from sensorium_models.documents.network import document_tokenizer
from sensorium_models.documents.order import reading_order
from sensorium_models.documents.rectify import flatten
from sensorium_models.documents.tagging import Tagger, windows
from sensorium_models.documents.words import words_of
from sensorium_models.language.facts import Fact
from sensorium_models.language.questions import asks_page
from sensorium_models.language.realise import realise
from sensorium_sims.world.documents import photograph, sample_page


def published(folder: Path, labels: list[str]) -> Path:
    config: Any = LayoutLMv3Config(
        vocab_size=len(document_tokenizer()), hidden_size=24, num_hidden_layers=1,
        num_attention_heads=2, intermediate_size=32, coordinate_size=4, shape_size=4,
        input_size=32, patch_size=16, max_position_embeddings=66,
        id2label=dict(enumerate(labels)), label2id={n: i for i, n in enumerate(labels)},
    )  # fmt: skip
    LayoutLMv3ForTokenClassification(config).save_pretrained(folder)
    tokenizer: PreTrainedTokenizerFast = document_tokenizer()
    tokenizer.save_pretrained(folder)
    return folder


def test_the_published_architecture_with_eyes_loads_by_the_same_setting(tmp_path: Path) -> None:
    source = published(tmp_path, ["O", "B-QUESTION", "I-QUESTION", "B-ANSWER", "I-ANSWER"])
    tagger = Tagger(load(str(source)))
    places = np.tile(np.array([[10, 10, 50, 20]]), (90, 1))  # more than one window of 64 tokens
    found = tagger.tag(["total"] * 90, places, np.zeros((40, 30, 3), np.uint8))
    assert len(found) == 90
    assert {tag.name for tag in found} <= {"O", "key", "value"}
    assert all(0 < tag.score <= 1 for tag in found)


def test_another_class_of_checkpoint_is_named(tmp_path: Path) -> None:
    config = BertConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=1,
                        intermediate_size=8, vocab_size=9)  # fmt: skip
    BertModel(config).save_pretrained(tmp_path)
    with pytest.raises(ModelUnavailable, match=r"holds BertModel .*LayoutLMv3ForTokenClass"):
        load(str(tmp_path))


def test_the_bundled_network_reads_held_out_templates() -> None:
    plain, _, _ = with_true_words(Tagger(load()), list(pages(8, unseen=True, seed=3)))
    assert plain.fields().f1 > 0.85
    assert np.mean(plain.teds) > 0.95
    assert np.mean(plain.order) > np.mean(plain.by_lines)


def test_windows_overlap_and_hold_every_word() -> None:
    spans = windows([3] * 50, 40)
    assert set(range(50)) == {at for start, stop in spans for at in range(start, stop)}
    assert all(3 * (stop - start) <= 40 for start, stop in spans)
    assert all(b[0] < a[1] for a, b in itertools.pairwise(spans))


def test_columns_are_read_down_and_rows_across() -> None:
    columns = [(0, 0, 40, 30), (0, 35, 40, 90), (60, 0, 99, 50), (60, 55, 99, 90)]
    assert reading_order(np.array(columns), 10) == [0, 1, 2, 3]
    rows = [(0, 0, 40, 10), (60, 0, 99, 10), (0, 30, 40, 40), (60, 30, 99, 40)]
    assert reading_order(np.array(rows), 10) == [0, 1, 2, 3]


def test_a_photographed_page_is_made_flat() -> None:
    rng = np.random.default_rng(8)
    photo = photograph(sample_page(rng, "form", scale=1.2), rng)
    flat = flatten(photo.image)
    height, width = photo.page.image.shape[:2]
    corners = np.array([(0, 0, 1), (width, height, 1)]) @ (flat.matrix @ photo.matrix).T
    corners = corners[:, :2] / corners[:, 2:]
    assert flat.found
    high, wide = flat.image.shape[:2]
    assert np.abs(corners - [(0, 0), (wide, high)]).max() < 0.015 * high


def test_a_value_read_as_one_with_its_key_is_cut_off() -> None:
    quad = np.array([[[0, 0], [90, 0], [90, 10], [0, 10]]], np.float32)
    found = words_of(["Tax:118.30"], [0.9], quad)
    assert [word.text for word in found] == ["Tax:", "118.30"]
    assert found[0].box[2] <= found[1].box[0]


@pytest.mark.parametrize(
    ("question", "asks"),
    [
        ("What is the total?", True),
        ("when is it due?", True),
        ("What is the price of Desk lamp?", True),
        ("who is the customer on this invoice?", True),
        ("What is the capital of France?", False),
        ("how many cats are there?", False),
        ("what does this page say?", False),
    ],
)
def test_questions_about_a_page_are_told_apart(question: str, asks: bool) -> None:
    assert asks_page(question) is asks


def test_the_planner_says_what_the_page_says_or_that_it_does_not() -> None:
    assert realise("what is the total?", [Fact("answer", "1.50", 0.9, 0)]) == "The total is 1.50."
    nothing = [Fact("answer", "", 0.0, 0)]
    assert realise("what is the total?", nothing) == "I cannot find that on the page."


@pytest.mark.models
@pytest.mark.parametrize("side", [1, 300])
def test_a_page_without_text_has_no_answer(side: int) -> None:
    model = Documents(DocumentOptions())
    model.load("cpu")
    blank = np.full((side, side, 3), 255, np.uint8)
    (read,) = model.infer([{"image": blank, "questions": ["what is the total?"]}])
    assert read["words"] == []
    assert read["answers"] == [None]
    with pytest.raises(BadInput, match="alpha"):
        model.infer([{"image": np.zeros((9, 9, 4), np.uint8)}])
    with pytest.raises(BadInput, match="uint8"):
        model.infer([{"image": np.zeros((9, 9, 3), np.uint16)}])
    model.unload()
