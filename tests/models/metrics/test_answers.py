from __future__ import annotations

import anls as reference_anls
import numpy as np
import pytest
import shapely

from sensorium.errors import BadInput
from sensorium_models.metrics.groups import geneval, snr_gain, winoground
from sensorium_models.metrics.overlap import (
    box_iou,
    grounding,
    mask_iou,
    span_iou,
    temporal_grounding,
)
from sensorium_models.metrics.reading import anls, entities, entity_f1
from sensorium_models.metrics.vqa import answer_accuracy, normalise_answer, vqa_accuracy
from sensorium_sims.world.prompts import Prompt, Verdict, Want


# What the challenge's own evaluation code makes of these answers.
@pytest.mark.parametrize(
    ("raw", "plain"),
    [
        ("The Two Dogs.", "2 dogs"),
        ("dont know", "don't know"),
        ("1,000", "1000"),
        ("yes!", "yes"),
        ("red/blue", "red blue"),
        ("a, b", "b"),
        ("3.5 m", "3.5 m"),
        ("it's", "it's"),
        (" None\n", "0"),
        ("t-shirt", "t shirt"),
    ],
)
def test_answers_are_compared_in_one_form(raw: str, plain: str) -> None:
    assert normalise_answer(raw) == plain


@pytest.mark.parametrize(
    ("agreeing", "accuracy"), [(0, 0.0), (1, 0.3), (2, 0.6), (3, 0.9), (4, 1.0), (10, 1.0)]
)
def test_vqa_accuracy_is_the_challenge_s(agreeing: int, accuracy: float) -> None:
    people = ["red"] * agreeing + ["blue"] * (10 - agreeing)
    assert answer_accuracy("Red", people) == pytest.approx(accuracy)


def test_vqa_accuracy_with_one_answer_is_exact_match() -> None:
    found = vqa_accuracy(["two", "left", "no"], [["2"], ["right"], ["no"]])
    assert found.value == pytest.approx(2 / 3)
    with pytest.raises(BadInput):
        vqa_accuracy(["a"], [])
    with pytest.raises(BadInput, match="at least one person"):
        answer_accuracy("a", [])


def test_box_overlap_agrees_with_shapely() -> None:
    rng = np.random.default_rng(0)
    low = rng.uniform(0, 50, (2, 8, 2))
    boxes = np.concatenate([low, low + rng.uniform(1, 60, (2, 8, 2))], axis=2)
    theirs = np.array([[_iou(a, b) for b in boxes[1]] for a in boxes[0]])
    assert box_iou(boxes[0], boxes[1]) == pytest.approx(theirs, abs=1e-6)
    acc, average = grounding(boxes[0], boxes[1])
    assert acc.hits == int((np.diag(theirs) >= 0.5).sum())
    assert average.value == pytest.approx(np.diag(theirs).mean(), abs=1e-6)
    with pytest.raises(BadInput, match="x1 >= x0"):
        box_iou(np.array([[3, 3, 1, 1]]), boxes[0])


def _iou(a: np.ndarray, b: np.ndarray) -> float:
    one, other = shapely.box(*a), shapely.box(*b)
    return float(one.intersection(other).area / one.union(other).area)


def test_mask_and_span_overlap() -> None:
    one, other = np.zeros((2, 4, 4), bool)
    assert mask_iou(one, other) == 1.0
    one[:2], other[1:3] = True, True
    assert mask_iou(one, other) == pytest.approx(1 / 3)
    assert mask_iou(one, ~one) == 0
    assert span_iou((0, 2), (1, 4)) == pytest.approx(0.25)
    assert span_iou((0, 1), (2, 3)) == 0
    found = temporal_grounding([(0, 2), (0, 3)], [(0, 2), (1, 3)])
    assert (found[0.5].hits, found[0.7].hits) == (2, 1)
    with pytest.raises(BadInput, match="ends before"):
        span_iou((2, 1), (0, 1))
    with pytest.raises(BadInput, match="masks of shapes"):
        mask_iou(one, one[:2])


def test_anls_agrees_with_its_reference() -> None:
    answers = ["INV-40213", "12 Mill road", "Ada Weber", "", "1,204.50", "left"]
    right = [["inv-40213"], ["12 Mill Road", "x"], ["Alan Webber"], ["none"], ["1,204.05"], ["up"]]
    theirs = [reference_anls.anls_score(a, r) for a, r in zip(answers, right, strict=True)]
    assert anls(answers, right).value == pytest.approx(np.mean(theirs), abs=1e-9)
    for answer, gold, expected in zip(answers, right, theirs, strict=True):
        assert anls([answer], [gold]).value == pytest.approx(expected, abs=1e-9)


def test_entities_are_read_as_conlleval_does() -> None:
    tags = ["O", "B-key", "I-key", "B-key", "I-total", "O", "I-date", "I-date"]
    expected = {("key", 1, 3), ("key", 3, 4), ("total", 4, 5), ("date", 6, 8)}
    assert entities(tags) == expected
    with pytest.raises(BadInput, match="'X-key' is no IOB2"):
        entities(["X-key"])
    with pytest.raises(BadInput, match="'B' is no"):
        entities(["B"])


def test_entity_f1_agrees_with_seqeval() -> None:
    true = [["B-a", "I-a", "O", "B-b"], ["B-b", "O", "B-a", "I-a"]]
    found = [["B-a", "I-a", "B-b", "O"], ["B-b", "O", "B-a", "O"]]
    score = entity_f1(map(entities, found), map(entities, true))
    # seqeval 1.2.2: precision 0.5, recall 0.5, F1 0.5 on these.
    assert (score.precision, score.recall, score.f1) == (0.5, 0.5, 0.5)
    assert entity_f1([set()], [set()]).f1 == 0.0


def test_winoground_by_hand() -> None:
    right = [[1.0, 0.0], [0.0, 1.0]]
    text_only = [[1.0, 0.9], [0.0, 1.0]]  # each picture finds its caption and so on
    blind = [[1.0, 1.0], [0.5, 0.5]]  # looks at the captions alone
    image_loses = [[0.6, 0.7], [0.1, 0.9]]
    found = winoground(np.array([right, text_only, blind, image_loses]))
    assert (found.text.hits, found.image.hits, found.group.hits) == (3, 2, 2)
    chance = winoground(np.random.default_rng(0).normal(size=(20_000, 2, 2)))
    assert chance.text.value == pytest.approx(0.25, abs=0.01)
    assert chance.group.value == pytest.approx(1 / 6, abs=0.01)
    with pytest.raises(BadInput, match=r"\(N, 2, 2\)"):
        winoground(np.zeros((3, 2)))


def test_geneval_is_the_mean_of_its_tasks() -> None:
    def judged(task: str, *outcomes: bool) -> list[tuple[Prompt, Verdict]]:
        prompt = Prompt(task, "", (Want("star"),))  # type: ignore[arg-type]
        return [(prompt, Verdict(outcome)) for outcome in outcomes]

    table = geneval([*judged("single", True, True), *judged("count", True, False, False, False)])
    assert table.overall == pytest.approx((1.0 + 0.25) / 2)
    assert table.tasks["count"].n == 4
    with pytest.raises(BadInput):
        geneval([])


def test_the_gain_of_lips_in_decibels() -> None:
    alone = {-5.0: 0.6, 0.0: 0.4, 5.0: 0.2, 10.0: 0.1}
    assert snr_gain(alone, {0.0: 0.2}).db == pytest.approx(5.0)
    assert snr_gain(alone, {0.0: 0.3}).db == pytest.approx(2.5)
    assert snr_gain(alone, {0.0: 0.4}).db == pytest.approx(0.0)
    better, worse = snr_gain(alone, {0.0: 0.05}), snr_gain(alone, {0.0: 0.9})
    assert (better.db, better.bound) == (10.0, "at least")
    assert (worse.db, worse.bound) == (-5.0, "at most")
    with pytest.raises(BadInput, match="5 dB was not measured"):
        snr_gain(alone, {0.0: 0.2}, at=5.0)
