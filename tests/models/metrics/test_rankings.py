from __future__ import annotations

import numpy as np
import pytest
import torch
from torchmetrics.retrieval import RetrievalHitRate

from sensorium.errors import BadInput
from sensorium_models.metrics.captioning import bleu, clip_score
from sensorium_models.metrics.rates import mean, rate
from sensorium_models.metrics.retrieval import both_ways, ranks, retrieval

RNG = np.random.default_rng(0)


def test_recall_agrees_with_torchmetrics() -> None:
    scores = RNG.normal(size=(60, 60))
    ours = retrieval(scores)
    flat = torch.tensor(scores.ravel())
    target = torch.eye(60, dtype=torch.bool).ravel()
    queries = torch.arange(60).repeat_interleave(60)
    for k in (1, 5, 10):
        theirs = RetrievalHitRate(top_k=k)(flat, target, indexes=queries)
        assert ours.recall[k].value == pytest.approx(float(theirs), abs=1e-6)


def test_ranks_by_hand() -> None:
    scores = np.array([[0.9, 0.5, 0.1], [0.9, 0.5, 0.1], [0.2, 0.3, 0.1]])
    assert ranks(scores, [(0,), (1,), (2,)]).tolist() == [1, 2, 3]
    assert ranks(scores, [(0, 2), (2, 1), (1,)]).tolist() == [1, 2, 1]
    found = retrieval(scores, ks=(1, 2))
    assert (found.recall[1].hits, found.recall[2].hits, found.median_rank) == (1, 2, 2.0)
    assert "median rank 2 of 3" in str(found)


def test_one_score_for_all_finds_nothing() -> None:
    found = retrieval(np.zeros((50, 50)))
    assert found.recall[10].value == 0
    assert found.median_rank == 50


def test_several_captions_of_a_picture_count_once() -> None:
    images = np.eye(3)
    texts = np.concatenate([np.eye(3), [[0, 0.8, 0.6], [0.6, 0.8, 0], [0.8, 0, 0.6]]])
    to_text, to_image = both_ways(images, texts, [0, 1, 2, 0, 1, 2])
    assert to_text.recall[1].value == 1.0
    assert to_image.recall[1].hits == 4
    assert (to_text.n, to_image.n) == (3, 6)


def test_scores_that_cannot_be_ranked_are_refused() -> None:
    with pytest.raises(BadInput, match="right items"):
        retrieval(np.zeros((2, 3)))
    with pytest.raises(BadInput, match="no numbers"):
        retrieval(np.full((2, 2), np.nan))
    with pytest.raises(BadInput, match="query 1 has no right item"):
        ranks(np.zeros((2, 2)), [(0,), ()])
    with pytest.raises(BadInput, match="do not compare"):
        both_ways(np.zeros((2, 3)), np.zeros((2, 4)))


def test_bleu_is_sacrebleu_s_published_example() -> None:
    hypotheses = ["The dog bit the man.", "It wasn't surprising.", "The man had just bitten him."]
    references = [
        ["The dog bit the man.", "The dog had bit the man."],
        ["It was not unexpected.", "No one was surprised."],
        ["The man bit him first.", "The man had bitten the dog."],
    ]
    found = bleu(hypotheses, references)
    assert found.score == pytest.approx(48.530827, abs=1e-4)  # from its documentation
    assert "tok:13a" in found.signature
    ragged = bleu(hypotheses, [references[0], references[1][:1], references[2]])
    assert 0 < ragged.score <= found.score
    with pytest.raises(BadInput, match="at least one reference"):
        bleu(["a"], [[]])
    with pytest.raises(BadInput, match="0 hypotheses"):
        bleu([], [])


def test_clip_score_is_torch_s_cosine() -> None:
    images, texts = RNG.normal(size=(2, 40, 16))
    cosine = torch.nn.functional.cosine_similarity(torch.tensor(images), torch.tensor(texts))
    assert clip_score(images, texts).value == pytest.approx(
        2.5 * float(cosine.clamp(min=0).mean()), abs=1e-6
    )
    assert clip_score(images, images, weight=100).value == pytest.approx(100)
    with pytest.raises(BadInput, match="not pairs"):
        clip_score(images, texts[:3])


def test_rates_carry_their_interval() -> None:
    found = rate([True] * 8 + [False] * 2)
    assert (found.value, found.n) == (0.8, 10)
    assert found.ci95 == pytest.approx((0.4902, 0.9433), abs=1e-4)  # Wilson's, worked by hand
    assert str(found) == "80.0% (95 % 49.0% to 94.3%; n = 10)"
    spread = mean(RNG.normal(3, 1, 400))
    assert spread.ci95[0] < spread.value < spread.ci95[1]
    assert spread.ci95[1] - spread.ci95[0] == pytest.approx(2 * 1.96 / 20, rel=0.2)
    with pytest.raises(BadInput):
        rate([])
    with pytest.raises(BadInput):
        mean([])
