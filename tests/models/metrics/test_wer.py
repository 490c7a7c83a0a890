from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensorium.errors import BadInput
from sensorium_models.metrics.wer import word_error_rate, word_errors

WORDS = st.lists(st.sampled_from(["cat", "dog", "bird", "sees", "a"]), max_size=6)


def test_counts_substitutions_deletions_and_insertions_over_all_words() -> None:
    errors, words = word_errors(
        ["a cat sees a dog", "a bird", "a cat"], ["a cat sees a bird", "bird", "a big cat"]
    )
    assert errors.tolist() == [1, 1, 1]
    assert words.tolist() == [5, 2, 2]
    score = word_error_rate(["a cat sees a dog", "a bird"], ["a cat sees a bird", "a bird"])
    assert score.wer == pytest.approx(1 / 7)
    assert (score.n_utterances, score.n_words) == (2, 7)


def test_spelling_and_numbers_are_not_errors() -> None:
    assert word_error_rate(["Press 1, please."], ["press one please"]).wer == 0.0


def test_the_interval_holds_the_rate_and_is_reproducible() -> None:
    said = ["a cat sees a dog"] * 30
    heard = ["a cat sees a dog"] * 24 + ["a cat sees a bird"] * 6
    score = word_error_rate(said, heard)
    low, high = score.ci95
    assert 0.0 < low < score.wer < high < 0.1
    assert word_error_rate(said, heard).ci95 == score.ci95
    assert word_error_rate(said, heard, seed=1).ci95 != score.ci95


def test_one_utterance_repeated_has_no_spread() -> None:
    assert word_error_rate(["a cat", "a cat"], ["a dog", "a dog"]).ci95 == (0.5, 0.5)


@given(WORDS, WORDS)
def test_errors_are_an_edit_distance(said: list[str], heard: list[str]) -> None:
    one = int(word_errors([" ".join(said)], [" ".join(heard)])[0][0])
    other = int(word_errors([" ".join(heard)], [" ".join(said)])[0][0])
    assert one == other == _edit_distance(said, heard)


def test_inputs_that_cannot_be_scored_are_refused() -> None:
    with pytest.raises(BadInput, match="2 references and 1 hypotheses"):
        word_error_rate(["a", "b"], ["a"])
    with pytest.raises(BadInput, match="at least one reference word"):
        word_error_rate([""], ["a"])


def _edit_distance(one: list[str], other: list[str]) -> int:
    row = list(range(len(other) + 1))
    for i, left in enumerate(one, 1):
        diagonal, row[0] = row[0], i
        for j, right in enumerate(other, 1):
            diagonal, row[j] = (
                row[j],
                min(row[j] + 1, row[j - 1] + 1, diagonal + (left != right)),
            )
    return row[-1]
