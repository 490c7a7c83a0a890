"""Learning to be led: a ControlNet beside a UNet that stays as it is.

Zhang et al., "Adding Conditional Control to Text-to-Image Diffusion Models", 2023: a copy of the
UNet's first half reads the control, and what it adds passes through convolutions that begin at
zero. Noise schedule, times, weights and loss are those the base was learnt with
(:mod:`sensorium_models.diffusion.learning`). Half the captions are left out, so that what a caption
does not say is taken from the control.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor

from sensorium.errors import BadInput
from sensorium_models.diffusion.autoencoding import CHANNELS
from sensorium_models.diffusion.control import canny, depth, world_depth
from sensorium_models.diffusion.control_agreement import agreement
from sensorium_models.diffusion.learning import Cache, DrawingTask
from sensorium_models.diffusion.networks import LATENT_SIDE
from sensorium_models.diffusion.scenes import SIDE, sample_drawn, tell
from sensorium_models.training import Draw, Plan
from sensorium_sims.world.render import Picture, render
from sensorium_sims.world.sampling import rng_for
from sensorium_sims.world.scene import Scene

U8 = NDArray[np.uint8]
LearntKind = Literal["canny", "depth"]
LEARNT_KINDS: tuple[LearntKind, ...] = get_args(LearntKind)
STEPS = 6000
SCENES = 4000
UNTOLD = 0.5
"""How often the caption is left out."""
HINT_WIDTHS = (16, 32, 48, 64)
"""Of what reads the control: a halving between two of them, eight in all, as the autoencoder."""
VALIDATION = 24


def plan(steps: int = STEPS, seed: int = 0, minutes: float | None = None) -> Plan:
    """How a ControlNet of the world is trained."""
    return Plan(
        steps=steps, minutes=minutes, anneal_by="steps" if minutes is None else "minutes",
        batch=32, learning_rate=1e-3, last_rate=0.05, warm_up=min(50, steps // 10),
        weight_decay=0.01, betas=(0.9, 0.99), ema=0.99, keep="last",
        evaluate_every=max(1, min(500, steps)), seed=seed,
    )  # fmt: skip


def hint_of(picture: Picture, kind: str, at: int = 0) -> U8:
    """The control (SIDE, SIDE, 3) of a rendered picture.

    Depth is the renderer's for even ``at`` and guessed from the picture for odd ones, so that one
    network is led by both. Raises BadInput for a kind that is not learnt.
    """
    if kind == "canny":
        return canny(picture.image)
    if kind == "depth":
        return depth(picture.image) if at % 2 else world_depth(picture.depth)
    raise BadInput(f"no {kind!r} to learn from; there are: {', '.join(LEARNT_KINDS)}")


def hints_of(scenes: Sequence[Scene], kind: str, folder: Path) -> Tensor:
    """(N, SIDE, SIDE) uint8, one plane a scene, from the file in ``folder`` if it is there."""
    path = folder / "hints.safetensors"
    if path.exists():
        return load_file(path)["hints"]
    planes = [
        hint_of(render(scene, SIDE), kind, at)[:, :, 0].copy() for at, scene in enumerate(scenes)
    ]
    hints = torch.from_numpy(np.stack(planes))
    folder.mkdir(parents=True, exist_ok=True)
    save_file({"hints": hints}, path)
    return hints


def as_hint(planes: Tensor) -> Tensor:
    """(N, H, W) uint8 -> (N, 3, H, W) of 0 to 1."""
    return (planes.float() / 255)[:, None].repeat(1, 3, 1, 1)


class ControlTask(DrawingTask):
    """What the trainer is given: the latents and captions of the base, with controls."""

    name = "controlnet"
    score = "led"

    def __init__(self, pipeline: Any, cache: Cache, hints: Tensor, kind: LearntKind) -> None:
        unet = pipeline.unet.config
        if (unet.in_channels, unet.sample_size) != (CHANNELS, LATENT_SIDE):
            raise BadInput(
                f"the base is no pipeline of the synthetic world (its UNet draws {unet.in_channels}"
                f" x {unet.sample_size} x {unet.sample_size} latents, not {CHANNELS} x"
                f" {LATENT_SIDE} x {LATENT_SIDE}): give one that `sensorium train diffusion` made"
            )
        super().__init__(cache, pipeline.text_encoder, pipeline.vae, pipeline.tokenizer)
        self.unet = pipeline.unet.eval().requires_grad_(False)
        self.hints, self.kind = hints, kind

    def build(self, seed: int) -> Any:
        """A ``ControlNetModel`` that begins as the first half of the base's UNet."""
        import diffusers

        made: Any = diffusers.ControlNetModel
        network = made.from_unet(self.unet, conditioning_embedding_out_channels=HINT_WIDTHS)
        return network.requires_grad_(True)

    def batch(self, draw: Draw) -> dict[str, Tensor]:
        """As the base's, with ``hints`` (N, SIDE, SIDE) uint8."""
        found = super().batch(draw)
        # The base's first draw of the same numbers is that of its rows.
        rows = draw.rng().choice(np.arange(len(self.cache.scenes)), draw.size, replace=False)
        rng = np.random.default_rng([draw.seed, draw.index, 8])
        scenes = [self.cache.scenes[row] for row in rows]
        found["ids"] = self.tokens(["" if rng.random() < UNTOLD else tell(rng, s) for s in scenes])
        found["hints"] = self.hints[torch.from_numpy(rows)]
        return found

    def losses(self, network: Any, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """``noise``: the weighted squared error of v, by the base with what the network adds."""
        with torch.no_grad():
            told = self.text_encoder(batch["ids"]).last_hidden_state
        led = self._led(network, as_hint(batch["hints"]))
        return {"noise": self.error(batch, lambda noisy, times: led(noisy, times, told).sample)}

    def validate(self, network: Any) -> dict[str, float]:
        """How far what is drawn agrees, at strength 1, with its control, and with another's."""
        rngs = [rng_for("validation", at, 65) for at in range(VALIDATION)]
        scenes = [sample_drawn(rng, (0.5, 0.5)) for rng in rngs]
        captions = [tell(rng, scene) for rng, scene in zip(rngs, scenes, strict=True)]
        hints = [hint_of(render(s, SIDE), self.kind, at) for at, s in enumerate(scenes)]
        planes = torch.from_numpy(np.stack([hint[:, :, 0] for hint in hints]))
        drawn = self.draw(self._led(network, as_hint(planes).repeat(2, 1, 1, 1)), captions)
        pairs = list(zip(drawn, hints, [*hints[1:], *hints[:1]], strict=True))
        own = float(np.mean([agreement(image, hint, self.kind) for image, hint, _ in pairs]))
        other = float(np.mean([agreement(image, hint, self.kind) for image, _, hint in pairs]))
        return {"led": own, "shuffled": other}

    def _led(self, network: Any, hints: Tensor) -> Any:
        """The base, called as a UNet is, led by ``hints`` (N, 3, SIDE, SIDE)."""

        def called(noisy: Tensor, times: Tensor, told: Tensor) -> Any:
            down, middle = network(
                noisy, times, encoder_hidden_states=told, controlnet_cond=hints, return_dict=False
            )
            return self.unet(
                noisy, times, told,
                down_block_additional_residuals=down, mid_block_additional_residual=middle,
            )  # fmt: skip

        return called
