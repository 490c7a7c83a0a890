"""Features of pictures, sounds and words, and the claims they are learnt on."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from sensorium.errors import BadInput
from sensorium_models.fusion_networks.claims import CLAIMS, SCENES, claim_about, heard, rows_of
from sensorium_models.fusion_networks.signals import (
    picture_features,
    sound_features,
    words_features,
)
from sensorium_sims.world.sampling import rng_for, scenes
from sensorium_sims.world.vocabulary import COLOURS, SOUNDS


def tone(
    hz: float, rate: int, seconds: float = 0.5
) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.sin(2 * np.pi * hz * np.arange(int(rate * seconds)) / rate).astype(np.float32)


def test_a_picture_is_its_colours_at_any_size() -> None:
    picture = np.zeros((96, 64, 3), np.uint8)
    picture[:48] = (255, 0, 0)
    found = picture_features(picture)
    assert found[3 * 16] == pytest.approx(np.sqrt(0.5))  # red
    assert found[0] == pytest.approx(np.sqrt(0.5))  # black
    larger = picture.repeat(3, 0).repeat(3, 1)
    np.testing.assert_allclose(picture_features(larger), found)
    assert picture_features(np.full((1, 7, 3), 9, np.uint8))[0] == 1


@pytest.mark.parametrize(
    "picture",
    [np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3), np.uint16), np.zeros((4, 4), np.uint8),
     np.zeros((0, 4, 3), np.uint8)],
)  # fmt: skip
def test_what_is_no_picture_of_three_colours_is_refused(picture: np.ndarray) -> None:  # type: ignore[type-arg]
    with pytest.raises(BadInput, match=r"\(H, W, 3\) uint8"):
        picture_features(picture)


def test_a_sound_is_its_spectrum_at_any_rate() -> None:
    low, high = (sound_features(tone(hz, 16_000), 16_000) for hz in (300, 3000))
    assert low[:32].argmax() < high[:32].argmax()
    other = sound_features(tone(3000, 48_000), 48_000)
    np.testing.assert_allclose(other[:32], high[:32], atol=0.3)
    two = np.stack([tone(300, 16_000)] * 2)
    np.testing.assert_allclose(sound_features(two, 16_000), low)
    for short in (np.zeros(0, np.float32), np.zeros(700, np.float32)):
        with pytest.raises(BadInput, match="too short"):
            sound_features(short, 16_000)
    with pytest.raises(BadInput, match=r"at 0$"):
        sound_features(tone(300, 16_000), 0)


def test_words_are_which_there_are() -> None:
    assert np.array_equal(words_features("A red, RED star!"), words_features("star red a"))
    assert len({int(words_features(word).argmax()) for word in (*COLOURS, *SOUNDS)}) == 20
    with pytest.raises(BadInput, match="no word"):
        words_features(" ... ")


def test_claims_say_what_their_label_says() -> None:
    counts: Counter[str] = Counter()
    for at, scene in enumerate(scenes("train", 300, SCENES)):
        words, label = claim_about(scene, rng_for("train", at, 9))
        (thing,) = scene.things
        looks = thing.colour in words.split() or f"{thing.colour}," in words
        sounds = thing.sounds[0].sound in words.replace(",", "").split()
        assert (
            CLAIMS[label]
            == {
                (True, True): "as said",
                (False, True): "looks otherwise",
                (True, False): "sounds otherwise",
                (False, False): "looks and sounds otherwise",
            }[looks, sounds]
        )
        counts[CLAIMS[label]] += 1
    assert min(counts.values()) > 50


def test_rows_are_the_same_each_time_and_unheard_sounds_are_others() -> None:
    rows, again, unheard = rows_of("test", 6), rows_of("test", 6), rows_of("test", 6, unheard=True)
    for name, values in rows.inputs.items():
        assert np.array_equal(values, again.inputs[name])
        assert np.array_equal(values, unheard.inputs[name]) == (name != "sound")
    scene = next(scenes("test", 1, SCENES))
    assert float(np.abs(heard(scene)).std()) > 0.001
