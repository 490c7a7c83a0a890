from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensorium_models.speech.spoken import pieces, spoken


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("I see **two** `cats`.", "I see two cats."),
        ("# Report\n- a cat\n- a dog", "Report. a cat. a dog"),
        ("See [the page](https://example.org/x).", "See the page."),
        ("At https://www.example.org/a?b=1 now", "At example dot org now"),
        ("A cat \U0001f600!", "A cat!"),
        ("Cats, e.g. Tom", "Cats, for example, Tom"),
        ("approx. 2 km at 5 m/s", "approximately 2 km at 5 meters per second"),
        ("before ```print(1)``` after", "before after"),
        ("21\u00b0C and 45%", "21\u00b0C and 45%"),
        ("snake_case and 2 * 3", "snake_case and 2 * 3"),
        ("  \n ", ""),
        ("\U0001f600 ...", ""),
    ],
)
def test_markup_is_read_as_words(written: str, read: str) -> None:
    assert spoken(written) == read


def test_sentences_are_pieces_and_titles_do_not_end_one() -> None:
    assert pieces("I met Dr. Smith. He left! Why?") == ["I met Dr. Smith.", "He left!", "Why?"]


def test_a_long_sentence_is_cut_at_commas_first() -> None:
    text = "one two three four, five six seven eight, nine ten eleven twelve"
    assert pieces(text, longest=45) == [
        "one two three four, five six seven eight,",
        "nine ten eleven twelve",
    ]
    assert pieces("the cat sleeps and the dog eats", longest=20) == [
        "the cat sleeps",
        "and the dog eats",
    ]


@given(st.text(alphabet="ab. ,A!", max_size=200), st.integers(20, 60))
def test_pieces_lose_nothing_and_are_short(text: str, longest: int) -> None:
    clean = spoken(text)
    found = pieces(clean, longest=longest)
    assert " ".join(found) == clean
    assert all(len(piece) <= longest or " " not in piece for piece in found)
