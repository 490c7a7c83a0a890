"""Small CLIPs on disk: one of ours, untrained, and one of the published architecture."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel, CLIPTokenizer

from sensorium_models.clip.checkpoint import save
from sensorium_models.clip.network import small_clip
from sensorium_models.clip.words import world_tokenizer

START, END = "<|startoftext|>", "<|endoftext|>"


@pytest.fixture(scope="session")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as ``sensorium train clip`` leaves it, of random weights."""
    folder = tmp_path_factory.mktemp("clip") / "clip-world"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        save(folder, small_clip(width=32, layers=1, text_width=32, space=16), world_tokenizer())
    return folder


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As openai/clip-vit-base-patch32 is saved, but tiny and of random weights: byte pairs with
    merges, quick_gelu, its legacy end token, its preprocessor_config."""
    folder = tmp_path_factory.mktemp("clip") / "published"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        tower = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
                 "num_attention_heads": 2, "hidden_act": "quick_gelu"}  # fmt: skip
        tokenizer = CLIPTokenizer(
            vocab=(vocab := byte_pairs()), merges=[("c", "a"), ("ca", "t</w>")]
        )
        text = {"vocab_size": len(vocab), "max_position_embeddings": 77, "eos_token_id": 2}
        vision = {"image_size": 48, "patch_size": 16}
        config = CLIPConfig(text_config=tower | text, vision_config=tower | vision,
                            projection_dim=24)  # fmt: skip
        CLIPModel(config).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        CLIPImageProcessorPil(
            size={"shortest_edge": 48}, crop_size={"height": 48, "width": 48}
        ).save_pretrained(folder)
    return folder


def byte_pairs() -> dict[str, int]:
    """Every byte, inside and at the end of a word, two merges, the special tokens last."""
    from tokenizers.pre_tokenizers import ByteLevel

    letters = sorted(ByteLevel.alphabet())
    pieces = [*letters, *(letter + "</w>" for letter in letters), "ca", "cat</w>", START, END]
    return {piece: number for number, piece in enumerate(pieces)}
