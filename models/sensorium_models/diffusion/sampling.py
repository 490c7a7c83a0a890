"""From noise to a picture: guided denoising with any of three samplers, ControlNet and inpainting.

One loop over the parts of a ``StableDiffusionPipeline``; for plain drawing it gives what the
pipeline's own call gives. Classifier-free guidance is Ho and Salimans, 2022; the samplers are DDPM
(Ho et al., 2020), DDIM (Song et al., 2021) and DPM-Solver++ (Lu et al., 2022).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from sensorium.errors import BadInput
from sensorium_models.diffusion.masks import blended
from sensorium_models.vision.images import resize

Sampler = Literal["ddim", "ddpm", "dpm++"]
SAMPLERS: tuple[Sampler, ...] = get_args(Sampler)
CONTEXT = 1.1
"""Sides of the square around a part that is drawn anew, as a multiple of the part's."""
DARKEST = -5.1
"""The least half log SNR of DPM-Solver++, as advised for cosine schedules."""


@dataclass(frozen=True)
class Control:
    """``image`` (H, W, 3) uint8, what a ControlNet is led by, and how strongly (1 as it learnt)."""

    image: NDArray[np.uint8]
    strength: float = 1.0


@dataclass(frozen=True)
class Inpainting:
    """``image`` (H, W, 3) uint8 and ``mask`` (H, W) bool: what is drawn anew.

    It is drawn as large as the model draws: what :func:`close_up` cuts out of the picture is all
    that the model sees.
    Each step is taken ``resamples`` times over (Lugmayr et al., "RePaint", 2022), so that what is
    new agrees with what stays.
    """

    image: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    resamples: int = 3


@dataclass(frozen=True)
class Drawing:
    """What is to be drawn, and how."""

    prompt: str
    seed: int = 0
    steps: int = 25
    guidance: float = 3.0
    negative: str = ""
    sampler: Sampler = "ddim"
    control: Control | None = None
    inpainting: Inpainting | None = None


def scheduler_for(pipeline: Any, sampler: Sampler) -> Any:
    """A new scheduler of the kind, on the noise schedule that the pipeline's UNet has learnt."""
    import diffusers

    kinds: Any = diffusers
    config = pipeline.scheduler.config
    if sampler == "ddpm":
        return kinds.DDPMScheduler.from_config(config)
    if sampler == "ddim":
        return kinds.DDIMScheduler.from_config(config, clip_sample=False)
    cosine = config.beta_schedule == "squaredcos_cap_v2"
    return kinds.DPMSolverMultistepScheduler.from_config(
        config, algorithm_type="dpmsolver++",
        lambda_min_clipped=DARKEST if cosine else -float("inf"),
    )  # fmt: skip


def side_of(pipeline: Any) -> int:
    """Pixels of the side of what a pipeline draws."""
    return int(pipeline.unet.config.sample_size) * factor_of(pipeline)


def factor_of(pipeline: Any) -> int:
    """Pixels of the side of one latent."""
    return int(2 ** (len(pipeline.vae.config.block_out_channels) - 1))


def close_up(mask: NDArray[np.bool_]) -> tuple[slice, slice]:
    """Rows and columns of the square around a mask (H, W), :data:`CONTEXT` times as large as it;
    of the whole picture where no such square lies in it."""
    whole = slice(0, mask.shape[0]), slice(0, mask.shape[1])
    if not mask.any():
        return whole
    ends = [np.flatnonzero(mask.any(axis))[[0, -1]] + (0, 1) for axis in (1, 0)]
    side = math.ceil(CONTEXT * max(int(end - start) for start, end in ends))
    if side > min(mask.shape):
        return whole
    starts = [
        min(max(int(start + end - side) // 2, 0), length - side)
        for (start, end), length in zip(ends, mask.shape, strict=True)
    ]
    rows, columns = (slice(start, start + side) for start in starts)
    return rows, columns


def draw(
    pipeline: Any, wanted: Drawing, controlnet: Any = None
) -> Iterator[int | NDArray[np.uint8]]:
    """Give the number of each step when it is done, and at the end the picture (H, W, 3) uint8.

    The same drawing gives the same bytes, on one machine and device. Raises BadInput for a prompt
    that is longer than the text encoder reads.
    """
    with torch.inference_mode():
        work = _Work(pipeline, wanted, controlnet)
        for at in range(len(work.times)):
            work.step(at)
            yield at + 1
        yield work.picture()


class _Work:
    def __init__(self, pipeline: Any, wanted: Drawing, controlnet: Any) -> None:
        self.pipeline, self.wanted, self.controlnet = pipeline, wanted, controlnet
        self.device = pipeline.unet.device
        self.guided = wanted.guidance > 1
        self.told = self._read()
        self.scheduler = scheduler_for(pipeline, wanted.sampler)
        with warnings.catch_warnings():  # diffusers makes an array of a tensor in an old way
            warnings.simplefilter("ignore", DeprecationWarning)
            self.scheduler.set_timesteps(wanted.steps)
        self.times: list[Tensor] = list(self.scheduler.timesteps)
        # Noise comes from the CPU: a seed then means the same on every device.
        self.random = torch.Generator("cpu").manual_seed(wanted.seed)
        side = int(pipeline.unet.config.sample_size)
        self.shape = (1, int(pipeline.unet.config.in_channels), side, side)
        self.latents = self._noise() * self.scheduler.init_noise_sigma
        self.hint = self._hint() if wanted.control else None
        if wanted.inpainting:
            self.known, self.free = self._known(wanted.inpainting)

    def step(self, at: int) -> None:
        """Take one step of the sampler, several times over where a part of the picture stays."""
        inpainting = self.wanted.inpainting
        if inpainting is None:
            self.latents = self._denoised(at)
            return
        for turn in range(inpainting.resamples):
            self.latents = self._mixed(self._denoised(at), at + 1)
            if turn + 1 < inpainting.resamples and at + 1 < len(self.times):
                self.latents = self._noised_again(at)

    def picture(self) -> NDArray[np.uint8]:
        """What the latents show; where inpainted, the old picture with what is new in it."""
        vae = self.pipeline.vae
        values = vae.decode(self.latents / vae.config.scaling_factor).sample[0]
        whole = ((values / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8)
        image: NDArray[np.uint8] = np.ascontiguousarray(whole.permute(1, 2, 0).cpu().numpy())
        inpainting = self.wanted.inpainting
        if inpainting is None:
            return image
        rows, columns = close_up(inpainting.mask)
        new = inpainting.image.copy()
        new[rows, columns] = resize(image, *new[rows, columns].shape[:2])
        return blended(inpainting.image, new, inpainting.mask)

    # --- one step ------------------------------------------------------------------------------

    def _denoised(self, at: int) -> Tensor:
        time = self.times[at]
        twice = torch.cat([self.latents] * 2) if self.guided else self.latents
        ready = self.scheduler.scale_model_input(twice, time)
        more: dict[str, Any] = {}
        if self.hint is not None:
            assert self.wanted.control is not None
            down, middle = self.controlnet(
                ready, time, encoder_hidden_states=self.told,
                controlnet_cond=self.hint.repeat(len(ready), 1, 1, 1),
                conditioning_scale=self.wanted.control.strength, return_dict=False,
            )  # fmt: skip
            more = {"down_block_additional_residuals": down,
                    "mid_block_additional_residual": middle}  # fmt: skip
        found = self.pipeline.unet(ready, time, encoder_hidden_states=self.told, **more).sample
        if self.guided:
            plain, led = found.chunk(2)
            found = plain + self.wanted.guidance * (led - plain)
        if self.wanted.inpainting is not None and self.wanted.sampler == "dpm++":
            # A solver of several steps must not remember what was taken back.
            self.scheduler.model_outputs = [None] * self.scheduler.config.solver_order
            self.scheduler.lower_order_nums, self.scheduler._step_index = 0, at
        step = self.scheduler.step
        if self.wanted.sampler == "dpm++":
            return step(found, time, self.latents).prev_sample  # type: ignore[no-any-return]
        return step(found, time, self.latents, generator=self.random).prev_sample  # type: ignore[no-any-return]

    def _mixed(self, latents: Tensor, at: int) -> Tensor:
        """New latents where the picture is drawn anew; elsewhere the old ones, as noisy."""
        known = self.known
        if at < len(self.times):
            known = self.scheduler.add_noise(known, self._noise(), self.times[at][None])
        mixed: Tensor = torch.where(self.free, latents, known)
        return mixed

    def _noised_again(self, at: int) -> Tensor:
        """From the noise of the next time back up to that of this one."""
        kept = self.scheduler.alphas_cumprod
        ratio = kept[int(self.times[at])] / kept[int(self.times[at + 1])]
        noised: Tensor = self.latents * ratio.sqrt() + self._noise() * (1 - ratio).sqrt()
        return noised

    # --- what is given -------------------------------------------------------------------------

    def _noise(self) -> Tensor:
        return torch.randn(self.shape, generator=self.random).to(self.device)

    def _read(self) -> Tensor:
        texts = [self.wanted.negative, self.wanted.prompt] if self.guided else [self.wanted.prompt]
        tokenizer = self.pipeline.tokenizer
        most = tokenizer.model_max_length
        for text in texts:
            length = len(tokenizer(text, verbose=False).input_ids)
            if length > most:
                raise BadInput(
                    f"the prompt has {length} tokens, and this model reads {most}: {text[:60]!r}…"
                )
        ids = tokenizer(texts, padding="max_length", return_tensors="pt").input_ids
        encoder = self.pipeline.text_encoder
        states: Tensor = encoder(ids.to(self.device)).last_hidden_state
        return states

    def _hint(self) -> Tensor:
        """(1, 3, side, side) of 0 to 1."""
        assert self.wanted.control is not None
        side = side_of(self.pipeline)
        image = resize(self.wanted.control.image, side, side)
        return (torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255).to(self.device)

    def _known(self, inpainting: Inpainting) -> tuple[Tensor, Tensor]:
        """The old picture's latents, and which of them (1, 1, h, w) are to be drawn anew."""
        side = side_of(self.pipeline)
        rows, columns = close_up(inpainting.mask)
        image = resize(inpainting.image[rows, columns], side, side)
        values = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 127.5 - 1
        vae = self.pipeline.vae
        latents = vae.encode(values.to(self.device)).latent_dist.mode()
        cut = inpainting.mask[rows, columns].astype(np.uint8) * 255
        mask = resize(cut, side, side) > 0
        whole = torch.from_numpy(mask)[None, None].float()
        # A latent sees a little beyond its own pixels: any pixel of the mask frees it.
        free = functional.max_pool2d(whole, factor_of(self.pipeline)) > 0
        return latents * vae.config.scaling_factor, free.to(self.device)
