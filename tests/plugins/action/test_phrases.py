from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensorium_plugins.action.phrases import Phrases

words = st.sampled_from(
    ["I", "see", "a", "cat", "and", "the", "dog,", "which", "is", "here.", "Dr.", "1.", "3.14",
     "Yes!", "“No?”", "…", "\n", "then:", "e.g.", "—", "🐱"]
)  # fmt: skip
texts = st.lists(words, max_size=60).map(" ".join) | st.text(max_size=200)


def cut(text: str, at: list[int]) -> list[str]:
    """``text`` in the pieces that lie between the positions ``at``."""
    ends = [0, *sorted(at), len(text)]
    return [text[a:b] for a, b in pairwise(ends)]


def spoken(*deltas: str) -> list[str]:
    phrases = Phrases()
    pieces = [piece for delta in deltas for piece in phrases.feed(delta)]
    return [*pieces, *phrases.finish()]


@given(texts, st.lists(st.integers(0, 200), max_size=30))
def test_the_pieces_joined_are_the_text(text: str, at: list[int]) -> None:
    pieces = spoken(*cut(text, [position for position in at if position <= len(text)]))
    assert " ".join(" ".join(pieces).split()) == " ".join(text.split())
    assert all(piece == piece.strip() != "" for piece in pieces)


def test_the_first_piece_goes_as_soon_as_it_is_three_words_and_a_clause() -> None:
    phrases = Phrases()
    assert phrases.feed("When you pedal, ") == ["When you pedal,"]
    assert phrases.feed("the wheel turns, and the chain") == []  # later pieces are sentences
    assert phrases.feed(" moves. Then") == ["the wheel turns, and the chain moves."]
    assert phrases.finish() == ["Then"]


def test_the_first_piece_does_not_wait_for_the_word_after_its_end() -> None:
    phrases = Phrases()
    assert phrases.feed("The capital of France is") == ["The capital of France"]
    assert [*phrases.feed("land."), *phrases.finish()] == ["island."]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("Yes, I do see it. Well.", "Yes, I do see it."),  # too short to stand by itself
        ("The cat sleeps on the sofa there.", "The cat sleeps"),
        ("No. I see nothing here at all.", "No."),
        ("The capital of France is Paris.", "The capital of France"),
    ],
)
def test_where_the_first_piece_ends(text: str, first: str) -> None:
    assert spoken(text)[0] == first


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        (
            "I asked. Dr. Smith came. Mrs. Li left.",
            ["I asked.", "Dr. Smith came.", "Mrs. Li left."],
        ),
        ("Buy these:\n1. Eggs\n2. Milk", ["Buy these:", "1. Eggs", "2. Milk"]),
        ("It is 3.5 m long. So there.", ["It is 3.5 m long.", "So there."]),
        ('He said "Go!" Then he went.', ['He said "Go!"', "Then he went."]),
    ],
)
def test_a_sentence_is_spoken_whole(text: str, pieces: list[str]) -> None:
    assert spoken(text) == pieces


def test_a_very_long_sentence_is_spoken_clause_by_clause() -> None:
    clause = "it goes on for a while without any end in sight,"
    text = "So. " + " ".join([clause] * 6)
    pieces = spoken(text)
    assert len(pieces) > 3
    assert all(piece.endswith((",", "So.")) for piece in pieces)


def test_a_sentence_followed_by_a_blank_is_spoken_without_waiting_for_more() -> None:
    phrases = Phrases()
    assert phrases.feed("I see a cat. ") == ["I see a cat."]
    assert phrases.finish() == []


def test_a_new_reply_begins_quickly_again() -> None:
    phrases = Phrases()
    phrases.feed("One, two, three, four. Five.")
    phrases.finish()
    assert phrases.feed("The cat sleeps on the ") == ["The cat sleeps"]
