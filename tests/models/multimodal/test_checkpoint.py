"""Ours and the published architectures through one setting, and what is none."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import BertConfig, BertModel, LlavaForConditionalGeneration, LlavaProcessor

from sensorium.errors import BadInput, ModelError, ModelUnavailable
from sensorium_models.multimodal.checkpoint import Ours, Published, load
from sensorium_models.multimodal.model import Multimodal, MultimodalOptions

PICTURE = np.random.default_rng(0).integers(0, 255, (40, 60, 3)).astype(np.uint8)
ASKED = {"messages": [{"role": "user", "content": "what is it?"}], "max_tokens": 6}


def loaded(weights: Path, **options: Any) -> Multimodal:
    model = Multimodal(MultimodalOptions(weights=str(weights), **options))
    model.load("cpu")
    return model


def test_ours_has_llavas_layout_in_half_precision(ours: Path) -> None:
    kept = load_file(ours / "model.safetensors")
    assert {name.split(".")[1] for name in kept} == {"vision_tower", "multi_modal_projector"}
    assert {v.dtype for v in kept.values() if v.is_floating_point()} == {torch.float16}
    found = load(str(ours))
    assert isinstance(found, Ours)
    assert not found.bridge.training
    assert not any(p.requires_grad for p in found.bridge.parameters())


def test_a_published_llava_answers_as_transformers_generates(llava: Path) -> None:
    assert isinstance(load(str(llava)), Published)
    (said,) = loaded(llava).infer([{**ASKED, "images": [PICTURE, PICTURE]}])
    theirs = LlavaForConditionalGeneration.from_pretrained(llava).eval()
    processor = LlavaProcessor.from_pretrained(llava)
    content = [{"type": "image"}, {"type": "image"}, {"type": "text", "text": "what is it?"}]
    prompt = processor.apply_chat_template(
        [{"role": "user", "content": content}], add_generation_prompt=True
    )
    inputs = processor(text=prompt, images=[PICTURE, PICTURE], return_tensors="pt")
    with torch.no_grad():
        out = theirs.generate(**inputs, max_new_tokens=6, do_sample=False)
    new = out[0, inputs["input_ids"].shape[1] :]
    assert said["text"] == processor.tokenizer.decode(new, skip_special_tokens=True)
    assert said["text"]


def test_a_published_one_streams_token_by_token_and_stops_when_closed(llava: Path) -> None:
    model = loaded(llava)
    calls: list[int] = []
    model._model.register_forward_hook(lambda *_: calls.append(1))
    parts = model.stream({**ASKED, "images": [PICTURE], "max_tokens": 40})
    next(parts)
    before = len(calls)
    parts.close()
    assert 1 <= before <= 3
    assert len(calls) == before
    assert "".join(p["text"] for p in model.stream(ASKED))  # and without a picture


def test_a_checkpoint_of_another_class_is_named(tmp_path: Path) -> None:
    small = BertConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=1,
                       intermediate_size=8, vocab_size=16)  # fmt: skip
    BertModel(small).save_pretrained(tmp_path)
    with pytest.raises(ModelUnavailable, match=r"BertModel \(model_type 'bert'\)"):
        load(str(tmp_path))


def test_no_processor_no_weights_no_folder_are_named(llava: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    for name in ("config.json", "model.safetensors", "generation_config.json"):
        shutil.copy(llava / name, bare)
    with pytest.raises(ModelUnavailable, match="has no processor"):
        load(str(bare))
    torn = tmp_path / "torn"
    shutil.copytree(llava, torn)
    kept = load_file(torn / "model.safetensors")
    dropped = next(name for name in kept if "projector" in name)
    save_file({k: v for k, v in kept.items() if k != dropped}, torn / "model.safetensors",
              {"format": "pt"})  # fmt: skip
    with pytest.raises(ModelUnavailable, match="lacks weights of LlavaForConditionalGeneration"):
        load(str(torn))
    with pytest.raises(ModelUnavailable, match="nobody/nothing"):
        load("nobody/nothing")


def test_a_damaged_checkpoint_of_ours_is_named(ours: Path, tmp_path: Path) -> None:
    torn = tmp_path / "torn"
    shutil.copytree(ours, torn)
    (torn / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(ModelUnavailable, match="cannot load"):
        load(str(torn))
    other = tmp_path / "other"
    shutil.copytree(ours, other)
    config = json.loads((other / "config.json").read_text())
    config["projector_config"]["tokens"] = 99
    (other / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelUnavailable, match="connector of"):
        load(str(other))


def test_a_language_model_of_another_width_does_not_fit(ours: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(ours, other)
    config = json.loads((other / "config.json").read_text())
    config["text_config"]["hidden_size"] = 48
    kept = load_file(other / "model.safetensors")
    for name, value in kept.items():
        if "read_norm" in name:
            kept[name] = torch.zeros(48, dtype=value.dtype)
        elif "read.weight" in name:
            kept[name] = torch.zeros(value.shape[0], 48, dtype=value.dtype)
        elif "project.weight" in name:
            kept[name] = torch.zeros(48, value.shape[1], dtype=value.dtype)
        elif "project.bias" in name:
            kept[name] = torch.zeros(48, dtype=value.dtype)
    save_file(kept, other / "model.safetensors", {"format": "pt"})
    (other / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="48 numbers"):
        loaded(other)


def test_bad_requests_are_named(model: Multimodal) -> None:
    def ask(images: Any, text: str = "what?") -> None:
        list(model.stream({"messages": [{"role": "user", "content": text}], "images": images}))

    with pytest.raises(BadInput, match="3 pictures in one turn"):
        ask([PICTURE] * 3)
    with pytest.raises(BadInput, match="uint16"):
        ask([PICTURE.astype(np.uint16)])
    with pytest.raises(BadInput, match=r"\(40, 60, 4\)"):
        ask([np.zeros((40, 60, 4), np.uint8)])
    with pytest.raises(BadInput, match="question about the pictures"):
        ask([PICTURE], "  ")
    with pytest.raises(ModelError, match="not loaded"):
        list(Multimodal().stream(ASKED))
