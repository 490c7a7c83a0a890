"""What a recording says of a model's weights."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from sensorium.plugins import load_plugins
from sensorium_models.speech.vad import VoiceActivity, VoiceActivityOptions
from sensorium_models.store import ModelStore, fingerprint
from sensorium_models.store.fingerprint import weights_of


def test_of_a_store_name_what_the_manifest_says() -> None:
    entry = ModelStore().entry("whisper-tiny.en")
    found = weights_of("whisper-tiny.en")
    assert found["whisper-tiny.en/model.bin"] == entry.files[0].sha256
    assert len(found) == len(entry.files)
    assert len(weights_of("whisper-tiny.en", "model.bin")) == 1


def test_of_files_of_ones_own_what_they_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/a.onnx").write_bytes(b"weights")
    sha256 = hashlib.sha256(b"weights").hexdigest()
    assert weights_of(tmp_path / "mine/a.onnx") == {"a.onnx": sha256}
    assert weights_of(tmp_path / "mine") == {"mine/a.onnx": sha256}
    monkeypatch.setattr(fingerprint, "LARGEST", 3)
    assert weights_of(tmp_path / "mine") == {"mine/a.onnx": "7 bytes, not hashed"}


def test_a_name_that_is_no_model_says_nothing() -> None:
    assert weights_of("somebody/on-a-hub") == {}


def test_options_choose() -> None:
    options = VoiceActivityOptions()
    assert list(VoiceActivity.weights(options)) == ["silero-vad/silero_vad.onnx"]


@pytest.mark.parametrize(
    "name", ["speech_to_text", "text_to_speech", "ocr", "text_embedding", "object_detection"]
)
def test_every_bundled_model_says_its_own(name: str) -> None:
    model = load_plugins().models.get(name)
    found = model.weights(model.Options())
    assert found
    assert all(len(sha256) == 64 for sha256 in found.values())
