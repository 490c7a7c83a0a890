"""The words of the world, one token each."""

from __future__ import annotations

import pytest

from sensorium_models.clip.words import END, LONGEST, START, UNKNOWN, vocabulary, world_tokenizer
from sensorium_sims.world.captions import describe
from sensorium_sims.world.sampling import SceneOptions, rng_for, scenes


@pytest.mark.parametrize("detail", ["colour", "size", "full"])
def test_every_caption_of_the_world_is_known_and_comes_back(detail: str) -> None:
    tokenizer = world_tokenizer()
    rng = rng_for("test", 0)
    longest = 0
    for scene in scenes("test", 150, SceneOptions(things=(1, 4))):
        text = describe(scene, rng, detail).text  # type: ignore[arg-type]
        ids = tokenizer(text)["input_ids"]
        longest = max(longest, len(ids))
        words = tokenizer.convert_ids_to_tokens(ids)
        assert (words[0], words[-1]) == (START, END)
        assert words[1:-1] == text.replace(",", " ,").split()
    assert longest <= LONGEST


def test_a_word_of_another_world_or_script_is_unknown() -> None:
    tokenizer = world_tokenizer()
    words = tokenizer.convert_ids_to_tokens(tokenizer("A RED dragon, звезда")["input_ids"])
    assert words == [START, "a", "red", UNKNOWN, ",", UNKNOWN, END]


def test_no_word_has_two_numbers() -> None:
    assert len(set(vocabulary())) == len(vocabulary())
