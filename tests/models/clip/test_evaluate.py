"""The measures: blind encoders get what chance gives, the bundled CLIP what its card says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from sensorium.errors import BadInput
from sensorium_models.clip import evaluate
from sensorium_models.clip.checkpoint import bundled
from sensorium_models.clip.evaluate import Encoder, class_vectors, gallery, groups, zero_shot
from sensorium_models.clip.report import Trials, measure, table
from sensorium_models.training import rows_of
from sensorium_sims.world.judge import look
from sensorium_sims.world.sampling import scenes
from sensorium_sims.world.vocabulary import COLOURS, MATERIALS, SHAPES, SIZES

WORDS = (*COLOURS, *SHAPES, *SIZES, *MATERIALS)


def bag(words: Sequence[str]) -> np.ndarray[Any, Any]:
    """A unit vector that counts words."""
    counts = np.array([sum(w.rstrip("s") == word.rstrip("s") for w in words) for word in WORDS])
    vector = np.concatenate([counts, [0.01]])
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


def reads_words(texts: Sequence[str]) -> np.ndarray[Any, Any]:
    return np.stack([bag(text.replace(",", "").split()) for text in texts])


def sees_looks(pictures: Sequence[Any]) -> np.ndarray[Any, Any]:
    """Sees every shape and colour, but not which goes with which."""
    seen = [look(picture) for picture in pictures]
    return np.stack([bag([w for thing in things for w in (thing.shape or "", thing.colour)])
                     for things in seen])  # fmt: skip


FLOORS = {"seen": 0.88, "unseen": 0.8, "retrieval": 0.25}
"""Below what the card says, for these are fewer; chance is 0.01 in each."""

BAGS = Encoder(sees_looks, reads_words)


def test_a_bag_of_words_names_one_thing_and_binds_nothing() -> None:
    found = zero_shot(BAGS, "test", 40)
    assert found.both.value >= 0.95
    assert found.shuffled.value <= 0.15
    twins = groups(BAGS, "colour", "test", 20)
    assert twins.scores.group.value == 0  # equal scores lose
    assert twins.text_only.value == 0 == twins.caption.value


def test_a_blind_encoder_gets_what_chance_gives() -> None:
    rng = np.random.default_rng(0)

    def at_random(items: Sequence[Any]) -> np.ndarray[Any, Any]:
        made = rng.normal(size=(len(items), 64))
        return np.asarray(made / np.linalg.norm(made, axis=1, keepdims=True), np.float32)

    encoder = Encoder(at_random, at_random)
    found = zero_shot(encoder, "unseen", 200)
    assert found.both.value < 0.05
    assert found.colour.value == pytest.approx(0.1, abs=0.08)
    twins = groups(encoder, "relation", "test", 150)
    assert twins.scores.group.value == pytest.approx(1 / 6, abs=0.1)
    assert twins.text_only.value == 0.5  # by construction
    shown = gallery(encoder, "test", 60)
    assert shown.to_text.recall[1].value < 0.12


def test_the_gallery_has_one_right_caption_a_picture_and_measures_the_gap() -> None:
    shown = gallery(BAGS, "test", 60)
    assert shown.to_text.recall[5].value > 0.9
    assert 0.2 < shown.blind.recall[1].value < 1
    apart = Encoder(lambda items: -reads_words(["star"] * len(items)), reads_words)
    assert gallery(apart, "test", 20).gap > shown.gap


def test_a_gallery_that_cannot_be_filled_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    same = list(scenes("test", 1))
    monkeypatch.setattr(evaluate, "scenes", lambda *_, **__: iter(same * 500))
    with pytest.raises(BadInput, match="test gave 1 distinct captions, not 10"):
        gallery(BAGS, "test", 10)


def test_prompts_of_a_label_are_averaged() -> None:
    one = class_vectors(BAGS, ["a red star"], ["{}"])
    two = class_vectors(BAGS, ["a red star"], ["{}", "a blue heart and {}"])
    assert np.linalg.norm(two) == pytest.approx(1, abs=1e-6)
    sum_of_both = bag(["red", "star"]) + bag(["blue", "heart", "red", "star"])
    np.testing.assert_allclose(two[0], sum_of_both / np.linalg.norm(sum_of_both), atol=1e-6)
    np.testing.assert_allclose(one[0], bag(["red", "star"]), atol=1e-6)


def test_the_bundled_clip_knows_the_world() -> None:
    found = measure("", Trials(pictures=150, pairs=100, groups=10))
    values = {row.name: row.value for row in rows_of(found)}
    assert values["100-way zero-shot, seen pairs"] >= FLOORS["seen"]
    assert values["100-way zero-shot, unseen pairs"] >= FLOORS["unseen"]
    assert values["text of a picture R@1 of 100, seen pairs"] >= FLOORS["retrieval"]
    told = table(found)
    for control in (
        "pictures shuffled",
        "colours alone",
        "text only 50.0%",
        "chance 16.7 %",
        "gap",
    ):
        assert control in told
    assert (bundled().parent / "clip-world.md").exists()
