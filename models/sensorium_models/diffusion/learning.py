"""Learning to draw: noise taken out of latents, with the caption beside them.

Latent diffusion (Rombach et al., 2022) on the cosine schedule, predicting v. The error of v is
weighted by min(1, 5 / SNR): the gentle half of Hang et al., "Efficient Diffusion Training via
Min-SNR Weighting", 2023, which spends little on noise too faint to be seen and leaves the noisy
steps, where the layout is decided, at full weight. One caption in ten is left out, so that guidance
(Ho and Salimans, 2022) has something to be guided from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor

from sensorium_models.diffusion.autoencoding import CHANNELS, to_images, to_pixels
from sensorium_models.diffusion.networks import (
    LATENT_SIDE,
    noise_schedule,
    small_tokenizer,
    small_unet,
)
from sensorium_models.diffusion.scenes import SIDE, sample_drawn, tell
from sensorium_models.training import Curriculum, Draw, Plan, Stage
from sensorium_sims.world.prompts import Task, judge, sample_prompt
from sensorium_sims.world.render import render
from sensorium_sims.world.sampling import rng_for
from sensorium_sims.world.scene import Scene

SCENES = 8000
BRIGHTEST = 5.0
"""The signal-to-noise ratio from which on errors count less."""
UNTOLD = 0.1
"""How often the caption is left out."""
ALONE_STEPS = 2500
"""Steps, at most a fifth of all, that draw one thing only."""
STEPS = 12_000
VALIDATION: tuple[tuple[Task, int], ...] = (("colour", 24), ("attribution", 24), ("position", 24))


@dataclass(frozen=True)
class Cache:
    """Scenes and their latents (N, C, 8, 8), made once."""

    scenes: list[Scene]
    latents: Tensor
    alone: NDArray[np.int64]
    """Rows of the scenes with one thing."""


def scenes_of(count: int) -> list[Scene]:
    """The scenes that are learnt from, always the same ones."""
    return [sample_drawn(rng_for("train", at, 60)) for at in range(count)]


def cached(autoencoder: Any, folder: Path, count: int = SCENES) -> Cache:
    """The latents of ``count`` scenes, from the file in ``folder`` if it is there."""
    scenes = scenes_of(count)
    path = folder / "latents.safetensors"
    if path.exists():
        latents = load_file(path)["latents"]
    else:
        parts = []
        with torch.inference_mode():
            for at in range(0, count, 100):
                images = np.stack([render(scene, SIDE).image for scene in scenes[at : at + 100]])
                parts.append(autoencoder.encode(to_pixels(images)).latent_dist.mode().half())
        latents = torch.cat(parts).contiguous()
        folder.mkdir(parents=True, exist_ok=True)
        save_file({"latents": latents}, path)
    alone = np.array([at for at, scene in enumerate(scenes) if len(scene.things) == 1])
    return Cache(scenes, latents[:count].float(), alone)


def plan(steps: int = STEPS, seed: int = 0, minutes: float | None = None) -> Plan:
    """How the bundled UNet was trained."""
    return Plan(
        steps=steps, minutes=minutes, anneal_by="steps" if minutes is None else "minutes",
        batch=32, learning_rate=1e-3, last_rate=0.02, warm_up=min(100, steps // 10),
        weight_decay=0.01, betas=(0.9, 0.99), ema=0.995, keep="last",
        evaluate_every=max(1, min(1500, steps)), seed=seed,
    )  # fmt: skip


def curriculum(steps: int = STEPS) -> Curriculum:
    """One thing a picture first, then all there is."""
    return Curriculum([
        Stage("alone", {"alone": True}, steps=max(1, min(ALONE_STEPS, steps // 5))),
        Stage("all"),
    ])  # fmt: skip


class DrawingTask:
    """What the trainer is given: latents with noise, and captions."""

    name = "diffusion"
    score = "mean"

    def __init__(
        self,
        cache: Cache,
        text_encoder: Any,
        autoencoder: Any,
        tokenizer: Any = None,
        *,
        start: Any = None,
        **sizes: Any,
    ) -> None:
        self.cache, self.start, self.sizes = cache, start, sizes
        self.text_encoder = text_encoder.eval().requires_grad_(False)
        self.autoencoder = autoencoder.eval().requires_grad_(False)
        self.tokenizer = tokenizer or small_tokenizer()
        self.schedule = noise_schedule()

    def build(self, seed: int) -> Any:
        """The UNet to start from, or a new one of the ``sizes`` of :func:`small_unet`."""
        if self.start is not None:
            return self.start
        return small_unet(CHANNELS, **self.sizes)

    def batch(self, draw: Draw) -> dict[str, Tensor]:
        """Latents, noise, times and tokens."""
        rng = draw.rng()
        rows = np.arange(len(self.cache.scenes))
        if draw.settings.get("alone"):
            rows = self.cache.alone
        chosen = rng.choice(rows, draw.size, replace=False)
        captions = [
            "" if rng.random() < UNTOLD else tell(rng, self.cache.scenes[row]) for row in chosen
        ]
        latents = self.cache.latents[torch.from_numpy(chosen)]
        # One time out of each of as many equal parts: less variance than drawing each anywhere.
        places = (np.arange(draw.size) + rng.random(draw.size)) / draw.size
        return {
            "latents": latents,
            "noise": torch.from_numpy(rng.standard_normal(latents.shape, dtype=np.float32)),
            "times": torch.from_numpy((places * len(self.schedule.betas)).astype(np.int64)),
            "ids": self.tokens(captions),
        }

    def tokens(self, captions: list[str]) -> Tensor:
        """(N, L)."""
        ids: Tensor = self.tokenizer(captions, padding="max_length", return_tensors="pt").input_ids
        return ids

    def losses(self, network: Any, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """``noise``: the weighted squared error of v."""
        with torch.no_grad():
            told = self.text_encoder(batch["ids"]).last_hidden_state
        return {"noise": self.error(batch, lambda noisy, times: network(noisy, times, told).sample)}

    def error(self, batch: Mapping[str, Tensor], predict: Any) -> Tensor:
        """The weighted error of ``predict(noisy, times)``, a scalar."""
        times = batch["times"]
        noisy = self.schedule.add_noise(batch["latents"], batch["noise"], times)
        wanted = self.schedule.get_velocity(batch["latents"], batch["noise"], times)
        kept = self.schedule.alphas_cumprod[times]
        snr = kept / (1 - kept)
        weights = (BRIGHTEST / snr).clamp(max=1)
        wrong = (predict(noisy, times) - wanted).square().mean((1, 2, 3))
        error: Tensor = (weights * wrong).mean()
        return error

    def validate(self, network: Any) -> dict[str, float]:
        """How many pictures the judge finds right, by GenEval's tasks."""
        figures: dict[str, float] = {}
        for task, count in VALIDATION:
            rng = np.random.default_rng(63)
            prompts = [sample_prompt(rng, task) for _ in range(count)]
            images = self.draw(network, [prompt.text for prompt in prompts])
            right = [judge(i, p).correct for i, p in zip(images, prompts, strict=True)]
            figures[task] = float(np.mean(right))
        return {"mean": float(np.mean(list(figures.values()))), **figures}

    @torch.no_grad()
    def draw(
        self, network: Any, captions: list[str], *, steps: int = 16, guidance: float = 3.0
    ) -> NDArray[np.uint8]:
        """Pictures (N, 64, 64, 3) for captions, by DDIM (Song et al., 2021)."""
        import diffusers

        made: Any = diffusers.DDIMScheduler
        scheduler = made.from_config(self.schedule.config, set_alpha_to_one=True)
        scheduler.set_timesteps(steps)
        told = self.text_encoder(self.tokens(["" for _ in captions] + captions)).last_hidden_state
        noise = np.random.default_rng(64).standard_normal(
            (len(captions), CHANNELS, LATENT_SIDE, LATENT_SIDE), dtype=np.float32
        )
        latents = torch.from_numpy(noise)
        for time in scheduler.timesteps:
            both = network(latents.repeat(2, 1, 1, 1), time, told).sample
            free, guided = both.chunk(2)
            latents = scheduler.step(free + guidance * (guided - free), time, latents).prev_sample
        return to_images(self.autoencoder.decode(latents).sample)
