"""Checkpoints: ours and the published architecture through one setting, and what is none."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer, BertConfig, BertModel, CLIPModel

from sensorium.errors import ModelUnavailable
from sensorium_models.clip.checkpoint import bundled, load
from sensorium_models.clip.model import Clip, ClipOptions


def loaded(weights: Path) -> Clip:
    model = Clip(ClipOptions(weights=str(weights)))
    model.load("cpu")
    return model


def test_ours_is_a_clip_model_of_transformers_in_half_precision(untrained: Path) -> None:
    weights = load_file(untrained / "model.safetensors")
    assert {value.dtype for value in weights.values() if value.is_floating_point()} == {
        torch.float16
    }
    theirs = CLIPModel.from_pretrained(untrained, dtype="float32").eval()
    tokens = AutoTokenizer.from_pretrained(untrained)(["a red star"], return_tensors="pt")
    with torch.no_grad():
        vector = theirs.get_text_features(**tokens).pooler_output[0].numpy()
    (ours,) = loaded(untrained).infer([{"text": "a red star"}])
    np.testing.assert_allclose(ours["embedding"], vector / np.linalg.norm(vector), atol=1e-6)


def test_a_published_architecture_loads_by_the_same_setting(published: Path) -> None:
    from transformers import CLIPProcessor

    model = loaded(published)
    assert model.side == 48
    image = np.random.default_rng(0).integers(0, 255, (90, 120, 3), np.uint8)
    seen, said = model.infer([{"image": image}, {"text": "a photo of a cat"}])
    # As transformers alone gives it: its processor, its CLIPModel, its cosine.
    theirs = CLIPModel.from_pretrained(published).eval()
    processor = CLIPProcessor(
        load(str(published)).pictures, AutoTokenizer.from_pretrained(published)
    )
    ready = processor(text=["a photo of a cat"], images=[image], return_tensors="pt")
    with torch.no_grad():
        logit = float(theirs(**ready).logits_per_image[0, 0])
    cosine = float(seen["embedding"] @ said["embedding"])
    assert seen["scale"] * cosine == pytest.approx(logit, abs=1e-4)
    assert seen["embedding"].shape == (24,)


def test_a_published_one_reads_any_script(published: Path) -> None:
    (said,) = loaded(published).infer([{"text": "красная звезда"}])
    assert np.linalg.norm(said["embedding"]) == pytest.approx(1, abs=1e-5)


def test_another_class_of_checkpoint_is_named(tmp_path: Path) -> None:
    config = BertConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=1,
                        intermediate_size=8, vocab_size=9)  # fmt: skip
    BertModel(config).save_pretrained(tmp_path)
    with pytest.raises(ModelUnavailable, match=r"holds BertModel .*'bert'.*not a CLIPModel"):
        load(str(tmp_path))


def test_one_tower_alone_is_no_clip(tmp_path: Path, published: Path) -> None:
    CLIPModel.from_pretrained(published).text_model.save_pretrained(tmp_path)
    with pytest.raises(ModelUnavailable, match="not a CLIPModel"):
        load(str(tmp_path))


def test_a_checkpoint_that_lacks_weights_is_refused(tmp_path: Path, untrained: Path) -> None:
    folder = tmp_path / "cut"
    shutil.copytree(untrained, folder)
    weights = load_file(folder / "model.safetensors")
    del weights["visual_projection.weight"]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelUnavailable, match=r"lacks weights .*visual_projection\.weight"):
        load(str(folder))


@pytest.mark.parametrize("damage", ["model.safetensors", "config.json", "preprocessor_config.json"])
def test_a_damaged_file_is_a_clear_error(tmp_path: Path, untrained: Path, damage: str) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(untrained, folder)
    (folder / damage).write_text("{")
    with pytest.raises(ModelUnavailable, match="cannot load"):
        load(str(folder))


def test_what_is_not_there_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="nothing-here"):
        load(str(tmp_path / "nothing-here"))
    with pytest.raises(ModelUnavailable, match="nobody/no-clip"):
        load("nobody/no-clip")  # never fetched: local_only


def test_a_recording_can_say_which_weights_they_were(untrained: Path) -> None:
    named = Clip.weights(ClipOptions(weights=str(untrained)))
    assert any(name.endswith("model.safetensors") for name in named)
    assert Clip.weights(ClipOptions(weights="openai/clip-vit-base-patch32")) == {}


def test_the_bundled_one_is_small_and_whole() -> None:
    files = {path.name: path.stat().st_size for path in bundled().iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= files.keys()
    assert sum(files.values()) < 4_000_000
    config = json.loads((bundled() / "config.json").read_text())
    assert config["architectures"] == ["CLIPModel"]
