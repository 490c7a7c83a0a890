"""The bundled CLIP: ``transformers.CLIPModel`` with small numbers in its config.

A picture of 64x64 pixels is 8x8 patches; both towers are pre-norm transformers, the picture's
vector is read off a class token, the text's off its END token (Radford et al., 2021, section 2.4).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sensorium_models.clip.words import END, LONGEST, PAD, START, vocabulary
from sensorium_sims.world.render import render
from sensorium_sims.world.sampling import scenes

SIDE, PATCH = 64, 8
"""Pixels."""
HEAD = 32
"""Width of one attention head."""
MEAN = DEVIATION = 0.5
"""A picture's values 0..1 become -1..1."""
FLOOR = 2e-3
"""Added to the variance of a patch's principal components, lest noise be blown up."""


def small_clip(
    width: int = 128, layers: int = 4, text_width: int = 128, text_layers: int = 2, space: int = 256
) -> Any:
    """A new ``CLIPModel``, drawn from torch's generator; ``space`` is the embeddings' length.

    Its eyes begin well: patches as whitened principal components of the world's pictures, places
    as sines and cosines, so that neither has to be found first.
    """
    from transformers import CLIPConfig, CLIPModel

    words = vocabulary()
    text = {
        "vocab_size": len(words), "max_position_embeddings": LONGEST,
        "pad_token_id": words.index(PAD), "bos_token_id": words.index(START),
        "eos_token_id": words.index(END),
    }  # fmt: skip
    config = CLIPConfig(
        text_config=_tower(text_width, text_layers, space) | text,
        vision_config=_tower(width, layers, space) | {"image_size": SIDE, "patch_size": PATCH},
        projection_dim=space,
    )
    model = CLIPModel(config)
    weight, offset = _components(width)
    with torch.no_grad():
        eyes = model.vision_model.embeddings
        eyes.patch_embedding.weight.copy_(weight)
        eyes.position_embedding.weight[1:] = _places(SIDE // PATCH, width) + offset
        eyes.class_embedding.normal_(std=0.7)
    return model


def pixels(images: Tensor) -> Tensor:
    """uint8 (N, H, W, 3) -> what the network takes, (N, 3, H, W) in -1..1."""
    return (images.permute(0, 3, 1, 2).float() / 255 - MEAN) / DEVIATION


def see(model: Any, images: Tensor, kept: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Embeddings (N, space) of uint8 pictures, not of unit length, and their patches (N, T, width)
    as the class token finds them in the last layer.

    ``kept`` (N, T) are the patches that are looked at, the others being left out as in Li et al.,
    "Scaling Language-Image Pre-training via Masking", 2023: training takes less time that way.
    """
    vision = model.vision_model
    tokens = vision.embeddings(pixels(images))  # (N, 1 + patches, width)
    if kept is not None:
        whole = torch.cat([kept.new_zeros(len(kept), 1), kept + 1], 1)
        tokens = tokens.gather(1, whole[:, :, None].expand(-1, -1, tokens.shape[-1]))
    last = before = vision.pre_layrnorm(tokens)
    for layer in vision.encoder.layers:
        before, last = last, layer(last, attention_mask=None)
    return of_picture(model, last[:, 0]), before[:, 1:]


def read(model: Any, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Embeddings (N, space) of tokens (N, L), not of unit length, and the states (N, L, width) of
    the words as END finds them in the last layer."""
    found = model.text_model(ids, mask, output_hidden_states=True)
    embedded: Tensor = model.text_projection(found.pooler_output)
    return embedded, found.hidden_states[-2]


def of_picture(model: Any, states: Tensor) -> Tensor:
    """(N, width) -> (N, space), as the class token's."""
    embedded: Tensor = model.visual_projection(model.vision_model.post_layernorm(states))
    return embedded


def of_text(model: Any, states: Tensor) -> Tensor:
    """(N, width) -> (N, space), as END's."""
    embedded: Tensor = model.text_projection(model.text_model.final_layer_norm(states))
    return embedded


def _tower(width: int, layers: int, space: int) -> dict[str, Any]:
    return {
        "hidden_size": width, "intermediate_size": 4 * width, "num_hidden_layers": layers,
        "num_attention_heads": width // HEAD, "hidden_act": "gelu", "projection_dim": space,
    }  # fmt: skip


def _components(width: int, pictures: int = 300) -> tuple[Tensor, Tensor]:
    """A convolution (width, 3, 8, 8) to whitened components, and what takes its mean away."""
    seen = np.stack([render(scene, SIDE).image for scene in scenes("train", pictures, seed=1)])
    cut = SIDE // PATCH
    values = pixels(torch.from_numpy(seen)).numpy()
    patches = values.reshape(pictures, 3, cut, PATCH, cut, PATCH).transpose(0, 2, 4, 1, 3, 5)
    flat = patches.reshape(-1, 3 * PATCH * PATCH).astype(np.float64)
    mean = flat.mean(0)
    variances, vectors = np.linalg.eigh(np.cov((flat - mean).T))
    best = np.argsort(-variances)[:width]
    weight = (vectors[:, best] / np.sqrt(variances[best] + FLOOR)).T
    # More width than components: the rest begin at nothing.
    whole = np.zeros((width, flat.shape[1]))
    whole[: len(weight)] = weight
    convolution = torch.from_numpy(whole.reshape(width, 3, PATCH, PATCH)).float()
    return convolution, torch.from_numpy(-whole @ mean).float()


def _places(cut: int, width: int) -> Tensor:
    """(patches, width): sines and cosines of a patch's row and column."""
    rates = 1 / 40 ** (np.arange(width // 4) / (width // 4))
    rows, columns = np.mgrid[:cut, :cut].reshape(2, -1).astype(np.float64)
    waves: list[NDArray[np.float64]] = []
    for along in (rows, columns):
        waves += [np.sin(along[:, None] * rates), np.cos(along[:, None] * rates)]
    return torch.from_numpy(np.concatenate(waves, 1)).float()
