"""A small model of another published architecture (Idefics3, of which SmolVLM is one)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.models.multimodal.conftest import CHAT, SPECIAL, small_llama, tokenizer_of
from transformers import (
    Idefics3Config,
    Idefics3ForConditionalGeneration,
    Idefics3ImageProcessorPil,
    Idefics3Processor,
)

from sensorium_models.multimodal.model import Multimodal, MultimodalOptions

MARKS = ["<fake_token_around_image>", "<end_of_utterance>", "<global-img>"]


@pytest.fixture(scope="module")
def smolvlm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("smolvlm")
    torch.manual_seed(4)
    tokenizer = tokenizer_of([*SPECIAL, *MARKS])
    tokenizer.add_special_tokens({"additional_special_tokens": [*SPECIAL[1:], *MARKS]})
    seeing = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1,
              "num_attention_heads": 2, "image_size": 28, "patch_size": 7}  # fmt: skip
    config = Idefics3Config(
        vision_config=seeing, text_config=small_llama(len(tokenizer)), scale_factor=2,
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"), pad_token_id=0,
    )  # fmt: skip
    Idefics3ForConditionalGeneration(config).save_pretrained(folder)
    pictures = Idefics3ImageProcessorPil(
        do_image_splitting=False, size={"longest_edge": 28}, max_image_size={"longest_edge": 28}
    )
    Idefics3Processor(pictures, tokenizer, image_seq_len=4, chat_template=CHAT).save_pretrained(
        folder
    )
    return folder


def test_it_answers_about_pictures_through_the_same_setting(smolvlm: Path) -> None:
    model = Multimodal(MultimodalOptions(weights=str(smolvlm)))
    model.load("cpu")
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 255, (40, 60, 3)).astype(np.uint8) for _ in range(2)]
    request = {"messages": [{"role": "user", "content": "what is it?"}], "max_tokens": 8}
    parts = [part["text"] for part in model.stream({**request, "images": images})]
    assert parts
    other = [part["text"] for part in model.stream({**request, "images": images[:1]})]
    assert "".join(other)
