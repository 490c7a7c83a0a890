from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from sensorium.errors import BadInput
from sensorium_models.data.voices import hibari_voices
from sensorium_models.data.world import WorldPictures
from sensorium_sims.world.questions import ANSWERS
from sensorium_sims.world.sampling import SceneOptions
from sensorium_sims.world.speech import speak


def test_a_loader_batches_the_world() -> None:
    data = WorldPictures("train", 24)
    (batch,) = DataLoader(data, batch_size=24)
    assert batch["image"].shape == (24, 3, 64, 64)
    assert batch["image"].dtype == torch.uint8
    assert len(set(batch["caption"])) > 20
    assert all(0 <= place < len(ANSWERS) for place in batch["answer"].tolist())
    again = WorldPictures("train", 24)[5]
    assert torch.equal(again["image"], batch["image"][5])
    assert again["caption"] == batch["caption"][5]
    assert WorldPictures("train", 24, seed=1)[5]["caption"] != again["caption"]


def test_a_gallery_has_one_picture_a_caption() -> None:
    data = WorldPictures("test", 400, options=SceneOptions(things=(2, 3)))
    gallery = data.distinct(200)
    assert len({item["caption"] for item in gallery}) == 200
    with pytest.raises(BadInput, match="distinct captions"):
        WorldPictures("test", 50).distinct(200)
    with pytest.raises(IndexError):
        data[400]


def test_two_voices_say_the_same_words_differently() -> None:
    voices = hibari_voices({"middle": 1.0, "high": 1.18})
    said = {
        item.voice: item.speech
        for item in speak(["a red star"] * 4, voices, np.random.default_rng(1))
    }
    assert set(said) == {"middle", "high"}
    assert said["high"].seconds == pytest.approx(said["middle"].seconds / 1.18, rel=0.1)
    for speech in said.values():
        assert 0.4 < speech.seconds < 3
        assert np.abs(speech.samples).max() > 0.05
