"""Learning the autoencoder: pictures of 64x64 pixels to 8x8 latents and back.

``diffusers.AutoencoderKL`` (Rombach et al., "High-Resolution Image Synthesis with Latent Diffusion
Models", 2022), learnt on absolute and squared errors, with things weighted above the wall, and a
weak pull of the latents to a normal distribution. No adversary: the world has no fine grain.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sensorium_models.diffusion.scenes import SIDE, sample_drawn
from sensorium_models.training import Draw, Plan
from sensorium_sims.world.judge import look
from sensorium_sims.world.render import Picture, render
from sensorium_sims.world.sampling import rng_for

CHANNELS = 8
"""Of the latents."""
WIDTHS = (24, 32, 64, 64)
FACTOR = 2 ** (len(WIDTHS) - 1)
KL = 1e-4
THINGS = 4.0
"""How much more a pixel of a thing, or next to one, counts than one of the wall."""
MORE = (0.1, 0.3, 0.3, 0.3)
"""Chances of 1 to 4 things: more than in what is drawn, for there is more to learn."""
VALIDATION = 150


def small_autoencoder(widths: tuple[int, ...] = WIDTHS, channels: int = CHANNELS) -> Any:
    """A new ``AutoencoderKL``."""
    import diffusers

    made: Any = diffusers.AutoencoderKL

    levels = len(widths)
    return made(
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        block_out_channels=widths,
        layers_per_block=1,
        latent_channels=channels,
        norm_num_groups=8,
        sample_size=SIDE,
        scaling_factor=1.0,
        mid_block_add_attention=False,
    )


def plan(steps: int, seed: int = 0, minutes: float | None = None) -> Plan:
    """How the bundled autoencoder was trained."""
    return Plan(
        steps=steps, minutes=minutes, batch=16, learning_rate=2e-3, last_rate=0.02,
        warm_up=min(50, steps // 10), weight_decay=0.01, betas=(0.9, 0.99), ema=0.995,
        keep="last", evaluate_every=max(1, steps // 4), seed=seed, precision="bfloat16",
    )  # fmt: skip


def to_pixels(images: NDArray[np.uint8]) -> Tensor:
    """uint8 (N, H, W, 3) -> (N, 3, H, W) in -1..1."""
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1


def to_images(values: Tensor) -> NDArray[np.uint8]:
    """(N, 3, H, W) in -1..1 -> uint8 (N, H, W, 3)."""
    whole = ((values.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return np.ascontiguousarray(whole.permute(0, 2, 3, 1).cpu().numpy())


class AutoencoderTask:
    """What the trainer is given: pictures to give back."""

    name = "diffusion autoencoder"
    score = "right"

    def build(self, seed: int) -> Any:
        """A new autoencoder."""
        return small_autoencoder()

    def batch(self, draw: Draw) -> dict[str, Tensor]:
        """Pictures in -1..1, and how much each of their pixels counts."""
        rng = draw.rng()
        made = [render(sample_drawn(rng, MORE), SIDE) for _ in range(draw.size)]
        weights = np.stack([_weights(picture) for picture in made])
        return {
            "pixels": to_pixels(np.stack([picture.image for picture in made])),
            "weights": torch.from_numpy(weights)[:, None],
        }

    def losses(self, network: Any, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """``picture`` and ``latents``."""
        posterior = network.encode(batch["pixels"]).latent_dist
        gap = network.decode(posterior.sample()).sample - batch["pixels"]
        error = (gap.abs() + 2 * gap.square()) * batch["weights"]
        return {
            "picture": error.mean() / batch["weights"].mean(),
            "latents": KL * posterior.kl().mean() / CHANNELS,
        }

    def validate(self, network: Any) -> dict[str, float]:
        """How many pictures the judge reads, given back, as the scenes they are of."""
        made = [
            render(sample_drawn(rng_for("validation", at, 61)), SIDE) for at in range(VALIDATION)
        ]
        given = given_back(network, np.stack([picture.image for picture in made]))
        right = [
            sorted((t.shape or "", t.colour, t.size) for t in look(image))
            == sorted((t.shape, t.colour, t.size) for t in picture.scene.things)
            for image, picture in zip(given, made, strict=True)
        ]
        gap = np.abs(given.astype(int) - np.stack([p.image for p in made])).mean()
        return {"right": float(np.mean(right)), "grey levels": float(gap)}


def given_back(network: Any, images: NDArray[np.uint8], batch: int = 50) -> NDArray[np.uint8]:
    """Pictures (N, H, W, 3) through the latents and back."""
    parts = []
    with torch.inference_mode():
        for at in range(0, len(images), batch):
            latents = network.encode(to_pixels(images[at : at + batch])).latent_dist.mode()
            parts.append(to_images(network.decode(latents).sample))
    return np.concatenate(parts)


@torch.no_grad()
def standardise(network: Any, pictures: int = 600, seed: int = 5) -> None:
    """Fold the mean and deviation of each latent channel into the convolutions around them.

    The latents of the world's pictures are then of mean 0 and variance 1, channel by channel, and
    ``scaling_factor`` is 1: a pipeline needs to know no more.
    """
    rng = np.random.default_rng([seed, 23])
    images = np.stack([render(sample_drawn(rng), SIDE).image for _ in range(pictures)])
    latents = torch.cat(
        [
            network.encode(to_pixels(images[at : at + 50])).latent_dist.mode()
            for at in range(0, pictures, 50)
        ]
    )
    mean, deviation = latents.mean((0, 2, 3)), latents.std((0, 2, 3))
    channels = len(mean)
    before, after = network.quant_conv, network.post_quant_conv
    before.weight[:channels] /= deviation[:, None, None, None]
    before.bias[:channels] = (before.bias[:channels] - mean) / deviation
    before.bias[channels:] -= 2 * deviation.log()  # the log of the variance shrinks with them
    after.bias += (after.weight[:, :, 0, 0] * mean[None]).sum(1)
    after.weight *= deviation[None, :, None, None]


def _weights(picture: Picture) -> NDArray[np.float32]:
    import cv2

    near = cv2.dilate((picture.ids > 0).astype(np.uint8), np.ones((3, 3), np.uint8))
    return np.asarray(1 + (THINGS - 1) * near, np.float32)
