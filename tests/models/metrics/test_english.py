from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensorium_models.metrics.english import cardinal, normalise, ordinal


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Press 1 now.", "press one now"),
        ("It's 5%.", "it is five percent"),
        ("Go forward 10 meters!", "go forward ten meters"),
        ("I can't", "i cannot"),
        ("The 21st of May", "the twenty-first of may"),
        ("1,234 people", "one thousand two hundred thirty four people"),
        ("$12 (about)", "twelve dollars"),
        ("21.5°C", "twenty one point five degrees Celsius"),
        ("007", "zero zero seven"),
        ("Um, don\u2019t.", "do not"),
    ],
)
def test_two_spellings_of_the_same_words_become_one(one: str, other: str) -> None:
    assert normalise(one) == normalise(other)


@pytest.mark.parametrize(("one", "other"), [("a cat", "the cat"), ("1", "2"), ("ten", "tenth")])
def test_different_words_stay_different(one: str, other: str) -> None:
    assert normalise(one) != normalise(other)


@given(st.text(max_size=60))
def test_normalising_twice_changes_nothing(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once
    assert once == once.strip()
    assert "  " not in once


def test_numbers_in_words() -> None:
    assert cardinal(0) == "zero"
    assert cardinal(1_000_000) == "one million"
    assert cardinal(90_412) == "ninety thousand four hundred twelve"
    assert [ordinal(n) for n in (1, 12, 20, 43)] == ["first", "twelfth", "twentieth", "forty third"]


@given(st.integers(0, 10**12 - 1), st.integers(0, 10**12 - 1))
def test_every_number_has_words_of_its_own(one: int, other: int) -> None:
    assert (cardinal(one) == cardinal(other)) == (one == other)
