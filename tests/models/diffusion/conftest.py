"""Small pipelines on disk: ours, untrained, and one of the published architecture."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from diffusers import (
    AutoencoderKL,
    PNDMScheduler,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from sensorium_models.diffusion.autoencoding import small_autoencoder
from sensorium_models.diffusion.checkpoint import save
from sensorium_models.diffusion.networks import (
    noise_schedule,
    small_text_encoder,
    small_tokenizer,
    small_unet,
)

START, END = "<|startoftext|>", "<|endoftext|>"


@pytest.fixture(scope="session")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as ``sensorium train diffusion`` leaves it, of random weights."""
    folder = tmp_path_factory.mktemp("diffusion") / "ours"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        parts = {
            "unet": small_unet(4, widths=(16, 32)),
            "vae": small_autoencoder((8, 8, 16, 16), 4),
            "text_encoder": small_text_encoder(layers=1),
            "tokenizer": small_tokenizer(),
        }
        save(folder, parts, noise_schedule())
    return folder


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As stable-diffusion-v1-5 is saved, but tiny: byte pairs, epsilon, PNDM, scaling 0.18215."""
    folder = tmp_path_factory.mktemp("diffusion") / "published"
    letters = [chr(at) for at in range(33, 127)]
    words = [*letters, *(f"{letter}</w>" for letter in letters), "ca", "cat</w>", START, END]
    vocab = {word: number for number, word in enumerate(words)}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        tokenizer = CLIPTokenizer(
            vocab=vocab, merges=[("c", "a"), ("ca", "t</w>")], model_max_length=77
        )
        text = CLIPTextModel(
            CLIPTextConfig(
                vocab_size=len(vocab), hidden_size=32, intermediate_size=64, num_hidden_layers=2,
                num_attention_heads=2, hidden_act="quick_gelu", max_position_embeddings=77,
                bos_token_id=vocab[START], eos_token_id=vocab[END], pad_token_id=1,
            )
        )  # fmt: skip
        unet = UNet2DConditionModel(
            sample_size=8, block_out_channels=(32, 64), layers_per_block=1, cross_attention_dim=32,
            down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"), attention_head_dim=4,
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        )  # fmt: skip
        vae = AutoencoderKL(
            down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
            block_out_channels=(32, 32), latent_channels=4, scaling_factor=0.18215,
        )  # fmt: skip
        StableDiffusionPipeline(
            vae=vae, text_encoder=text, tokenizer=tokenizer, unet=unet,
            scheduler=PNDMScheduler(
                beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear",
                skip_prk_steps=True, steps_offset=1,
            ),
            safety_checker=None, feature_extractor=None, requires_safety_checker=False,
        ).save_pretrained(folder)  # fmt: skip
    assert json.loads((folder / "model_index.json").read_text())["_class_name"]
    return folder
