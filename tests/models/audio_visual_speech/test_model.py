"""The recogniser as a model: what is missing, what is bad, and a published wav2vec 2.0."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sensorium.errors import BadInput, ModelUnavailable
from sensorium_models.audio_visual_speech.checkpoint import load, save
from sensorium_models.audio_visual_speech.learning import PHONES, WORDS, collate, spelt
from sensorium_models.audio_visual_speech.model import AudioVisualSpeechModel, AVSpeechOptions
from sensorium_models.audio_visual_speech.network import AudioVisualSpeech, Sizes

RNG = np.random.default_rng(0)
SECOND = RNG.normal(0, 0.1, 16_000).astype(np.float32)
LIPS = RNG.integers(0, 256, (25, 24, 24)).astype(np.uint8)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> AudioVisualSpeechModel:
    torch.manual_seed(3)
    network = AudioVisualSpeech(Sizes(len(WORDS), len(PHONES), width=32, blocks=2))
    path = tmp_path_factory.mktemp("avspeech") / "small.safetensors"
    save(path, network, WORDS)
    made = AudioVisualSpeechModel(AVSpeechOptions(weights=str(path)))
    made.load("cpu")
    return made


def logits(network: AudioVisualSpeech, **changed: Any) -> torch.Tensor:
    row = {
        "wave": SECOND, "lips": LIPS.astype(np.float32) / 255, "seen": np.ones(25, bool),
        "heard": True,
    }  # fmt: skip
    made = collate([row | changed])
    with torch.no_grad():
        words, _ = network(made["wave"], made["length"], made["heard"], made["lips"], made["seen"])
    return words


def test_what_is_not_there_reaches_nothing(model: AudioVisualSpeechModel) -> None:
    assert model._network is not None
    network, unseen = model._network, np.zeros(25, bool)
    other = 1 - LIPS.astype(np.float32) / 255
    torch.testing.assert_close(
        logits(network, seen=unseen), logits(network, seen=unseen, lips=other)
    )
    assert not torch.allclose(logits(network), logits(network, lips=other))
    deaf = logits(network, heard=False)
    torch.testing.assert_close(deaf, logits(network, heard=False, wave=SECOND[::-1].copy()))
    assert not torch.allclose(logits(network), logits(network, wave=SECOND[::-1].copy()))


def test_company_in_a_batch_changes_nothing(model: AudioVisualSpeechModel) -> None:
    short = {"audio": SECOND[:8000], "lips": LIPS[:12]}
    alone = model.infer([short])  # type: ignore[list-item]
    (beside, _) = model.infer([short, {"audio": np.tile(SECOND, 3)}])  # type: ignore[list-item]
    assert beside["text"] == alone[0]["text"]
    assert beside["confidence"] == pytest.approx(alone[0]["confidence"], abs=1e-4)


@pytest.mark.parametrize(
    ("request_", "used", "note"),
    [
        ({"audio": SECOND}, ["audio"], ""),
        ({"audio": SECOND, "lips": None}, ["audio"], ""),
        ({"audio": SECOND, "lips": LIPS}, ["audio", "lips"], ""),
        ({"audio": SECOND, "lips": np.stack([LIPS] * 3, -1)}, ["audio", "lips"], ""),
        ({"audio": None, "lips": LIPS}, ["lips"], ""),
        ({"audio": SECOND, "lips": LIPS[:1]}, ["audio"], "lips were seen in 3 of 25 moments"),
        ({"audio": SECOND, "lips": LIPS, "times": [9.0] * 25}, ["audio"], "seen in 0 of 25"),
    ],
)
def test_it_says_what_it_went_by(
    model: AudioVisualSpeechModel, request_: Any, used: list[str], note: str
) -> None:
    (answer,) = model.infer([request_])
    assert answer["used"] == used
    assert note in answer["note"]
    assert bool(note) == bool(answer["note"])
    assert set(answer["text"].split()) <= set(WORDS)
    assert 0 <= answer["confidence"] <= 1


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({"audio": SECOND[:0]}, "the audio is empty"),
        ({"audio": np.zeros(31 * 16_000, np.float32)}, "30 s are the most"),
        ({"audio": None}, "neither audio nor lips"),
        ({"audio": None, "lips": LIPS[:1]}, "too few"),
        ({"audio": SECOND, "lips": LIPS[:, :20]}, "lips are"),
        ({"audio": SECOND, "lips": LIPS / 255}, "uint8"),
        ({"audio": SECOND, "lips": LIPS, "times": [0.0]}, "as many times"),
    ],
)
def test_bad_input_is_named(model: AudioVisualSpeechModel, request_: Any, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        model.infer([request_])


def test_ctc_spells_words_once() -> None:
    assert spelt([0, 1, 1, 0, 1, 2, 2, 0]) == [WORDS[0], WORDS[0], WORDS[1]]


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(b"nothing")
    with pytest.raises(ModelUnavailable, match="cannot be read"):
        load(tmp_path / "a.safetensors")
    with pytest.raises(ModelUnavailable, match="no file"):
        load(tmp_path / "b.safetensors")


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Wav2Vec2ForCTC with random weights, saved as the published ones are."""
    from transformers import (
        Wav2Vec2Config,
        Wav2Vec2CTCTokenizer,
        Wav2Vec2FeatureExtractor,
        Wav2Vec2ForCTC,
        Wav2Vec2Processor,
    )

    folder = tmp_path_factory.mktemp("wav2vec2")
    letters = ["<pad>", "<s>", "</s>", "<unk>", "|", *"ETAOINSHRDLUMWCFGYPBVKXJQZ'"]
    (folder / "vocab.json").write_text(
        json.dumps({letter: at for at, letter in enumerate(letters)})
    )
    tokens = Wav2Vec2CTCTokenizer(str(folder / "vocab.json"))
    Wav2Vec2Processor(Wav2Vec2FeatureExtractor(), tokens).save_pretrained(folder)
    torch.manual_seed(0)
    config = Wav2Vec2Config(
        vocab_size=len(letters), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=16, conv_dim=(8, 8, 8), conv_stride=(5, 8, 8), conv_kernel=(10, 8, 8),
        num_conv_pos_embeddings=16, num_conv_pos_embedding_groups=2,
    )  # fmt: skip
    Wav2Vec2ForCTC(config).save_pretrained(folder)
    return folder


def test_a_published_checkpoint_goes_in_by_one_setting(published: Path) -> None:
    model = AudioVisualSpeechModel(AVSpeechOptions(weights=str(published)))
    model.load("cpu")
    heard, again = model.infer([{"audio": SECOND}, {"audio": SECOND, "lips": LIPS}])
    assert heard["used"] == again["used"] == ["audio"]
    assert heard["text"] == again["text"]
    assert 0 < heard["confidence"] <= 1
    assert again["note"] == "a Wav2Vec2ForCTC reads no lips"
    with pytest.raises(BadInput, match="samples: this wav2vec"):
        model.infer([{"audio": SECOND[:50]}])
    with pytest.raises(BadInput, match="no audio"):
        model.infer([{"audio": None, "lips": LIPS}])
    assert len(model.weights(model.options)) >= 4


def test_a_checkpoint_of_another_class_is_refused(published: Path, tmp_path: Path) -> None:
    for file in published.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config = json.loads((tmp_path / "config.json").read_text())
    config["architectures"] = ["Wav2Vec2ForPreTraining"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    model = AudioVisualSpeechModel(AVSpeechOptions(weights=str(tmp_path)))
    with pytest.raises(ModelUnavailable, match="Wav2Vec2ForPreTraining"):
        model.load("cpu")
