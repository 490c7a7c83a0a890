"""The words of the world, one token each."""

from __future__ import annotations

import pytest
import torch

from sensorium_models.clip.network import read, small_clip
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


def test_a_text_is_read_to_its_end() -> None:
    """transformers looks for the end of a text elsewhere when its END has the number 2."""
    torch.manual_seed(0)
    clip = small_clip(width=32, layers=1, text_width=32, text_layers=1, space=16).eval()
    tokens = world_tokenizer()(
        ["a red star and a blue ring", "a red star and a blue moon", "a red star"],
        padding=True, return_tensors="pt",
    )  # fmt: skip
    with torch.no_grad():
        found, _ = read(clip, tokens["input_ids"], tokens["attention_mask"])
        ring, moon, star = found
    assert not torch.allclose(ring, moon)
    assert not torch.allclose(ring, star)


def test_no_word_has_two_numbers() -> None:
    assert len(set(vocabulary())) == len(vocabulary())
