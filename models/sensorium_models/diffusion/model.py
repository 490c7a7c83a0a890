"""Text to image as an executor hosts it: a prompt in, progress and a picture out.

Latent diffusion (Rombach et al., 2022) in the format of ``diffusers``. The same request gives the
same bytes, whatever else is in its batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypedDict, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from sensorium.errors import BadInput, ModelError
from sensorium.workers.model import Model, ModelOptions
from sensorium_models.diffusion.checkpoint import (
    BUNDLED_CONTROL,
    NAME,
    bundled,
    load,
    load_control,
)
from sensorium_models.diffusion.prompts import in_world_words, unknown_words
from sensorium_models.store.fingerprint import weights_of
from sensorium_models.vision.images import image_of

MOST_STEPS = 1000
LARGEST_SEED = 2**63 - 1


class DrawRequest(TypedDict, total=False):
    """``prompt`` alone is needed; the rest has defaults."""

    prompt: str
    seed: int
    steps: int
    guidance: float
    negative: str
    """What is not to be in the picture."""
    sampler: str
    """``ddim``, ``ddpm`` or ``dpm++``."""
    control: NDArray[np.uint8]
    """(H, W, 3): the edges, depth or pose that a ControlNet is led by."""
    strength: float
    """Of the control: 0 is none, 1 as it was learnt."""
    image: NDArray[np.uint8]
    """(H, W, 3) of which a part is drawn anew, and"""
    mask: NDArray[np.uint8]
    """(H, W): where it is not 0."""


class DrawResult(TypedDict):
    """``image`` (H, W, 3) uint8, and the ``prompt`` in the words that the model was given."""

    image: NDArray[np.uint8]
    prompt: str


class TextToImageOptions(ModelOptions):
    """Which checkpoints, and what holds where a request says nothing."""

    weights: str = ""
    """A folder in the format of ``diffusers.StableDiffusionPipeline``, or a hub id; the bundled
    one, which knows the synthetic world, if left out."""
    controlnet: str = ""
    """A folder in the format of ``diffusers.ControlNetModel``, or a hub id, of the same base."""
    local_only: bool = True
    """Never touch the network. Turn off to let a hub id be fetched."""
    steps: int = Field(25, ge=1, le=MOST_STEPS)
    guidance: float = Field(3.0, ge=0, le=50)
    sampler: str = Field("ddim", pattern=r"^(ddim|ddpm|dpm\+\+)$")
    resamples: int = Field(3, ge=1, le=50)
    """How often each step of an inpainting is taken over."""


class TextToImage(Model[DrawRequest, DrawResult]):
    """Draws what a prompt says; draws a part of a picture anew; is led by edges or depth."""

    Options = TextToImageOptions
    _pipeline: Any = None
    _controlnet: Any = None

    @classmethod
    def weights(cls, options: TextToImageOptions) -> dict[str, str]:
        """The sha256 of the files of local checkpoints; nothing of what a hub holds."""
        found: dict[str, str] = {}
        control = options.controlnet or str(bundled(BUNDLED_CONTROL))
        for folder in (options.weights or str(bundled()), control):
            path = Path(folder).expanduser()
            if path.exists():
                for part in sorted({file.parent for file in path.rglob("*.safetensors")}):
                    inside = part.relative_to(path)
                    found |= {str(inside / k): v for k, v in weights_of(part).items()}
        return found

    def load(self, device: str) -> None:
        """Bring the weights to ``device``; raises ModelUnavailable for what is no pipeline."""
        pipeline = load(self.options.weights, local_only=self.options.local_only)
        if self.options.controlnet:
            self._controlnet = self._control(pipeline, device)
        pipeline.to(device)
        pipeline.set_progress_bar_config(disable=True)
        self._pipeline, self._device = pipeline, device

    def infer(self, batch: Sequence[DrawRequest]) -> list[DrawResult]:
        """Draw each; raises BadInput as :meth:`stream`."""
        return [cast(DrawResult, list(self.stream(request))[-1]) for request in batch]

    def stream(self, request: DrawRequest) -> Iterator[Any]:
        """``{"step": i, "of": n}`` after each step, and at the end the :class:`DrawResult`.

        Raises BadInput for a prompt that is empty, too long or has words that the bundled model
        does not know, for numbers out of range, and for pictures that are not uint8 RGB.
        """
        from sensorium_models.diffusion.sampling import draw

        if self._pipeline is None:
            raise ModelError(NAME, "call load() before infer()")
        wanted = self._wanted(request)
        controlnet = None
        if wanted.control is not None:
            if self._controlnet is None:
                self._controlnet = self._control(self._pipeline, self._device)
            controlnet = self._controlnet
        for part in draw(self._pipeline, wanted, controlnet):
            if isinstance(part, int):
                yield {"step": part, "of": wanted.steps}
            else:
                yield {"image": part, "prompt": wanted.prompt}

    @property
    def side(self) -> int:
        """Pixels of the side of what it draws."""
        from sensorium_models.diffusion.sampling import side_of

        if self._pipeline is None:
            raise ModelError(NAME, "call load() first")
        return side_of(self._pipeline)

    def unload(self) -> None:
        """Let go of the weights."""
        self._pipeline = self._controlnet = None

    def _control(self, pipeline: Any, device: str) -> Any:
        found = load_control(
            self.options.controlnet, pipeline.unet, local_only=self.options.local_only
        )
        return found.to(device)

    def _wanted(self, request: DrawRequest) -> Any:
        from sensorium_models.diffusion.sampling import SAMPLERS, Control, Drawing, Inpainting

        options = self.options
        sampler = str(request.get("sampler", options.sampler))
        if sampler not in SAMPLERS:
            raise BadInput(f"no sampler {sampler!r}; there are: {', '.join(SAMPLERS)}")
        control = inpainting = None
        if "control" in request:
            strength = _number("strength", request.get("strength", 1.0), 0, 10)
            control = Control(image_of({"image": request["control"]}), strength)
        if ("image" in request) != ("mask" in request):
            raise BadInput("to draw a part anew give both: the 'image' and a 'mask' (H, W)")
        if "image" in request:
            image = image_of(request)
            inpainting = Inpainting(image, _mask(request["mask"], image), options.resamples)
        return Drawing(
            self._words(request.get("prompt")),
            seed=int(_number("seed", request.get("seed", 0), 0, LARGEST_SEED)),
            steps=int(_number("steps", request.get("steps", options.steps), 1, MOST_STEPS)),
            guidance=_number("guidance", request.get("guidance", options.guidance), 0, 50),
            negative=self._words(request["negative"]) if request.get("negative") else "",
            sampler=cast(Any, sampler), control=control, inpainting=inpainting,
        )  # fmt: skip

    def _words(self, prompt: object) -> str:
        """The prompt, for the bundled model in its own words."""
        if not isinstance(prompt, str):
            raise BadInput(f"a prompt is a str, not {type(prompt).__name__}")
        if not prompt.strip():
            raise BadInput("the prompt is empty: say what to draw")
        tokenizer = self._pipeline.tokenizer
        special = (tokenizer.eos_token_id, tokenizer.bos_token_id)
        if tokenizer.unk_token_id is None or tokenizer.unk_token_id in special:
            return prompt.strip()  # byte pairs: it reads everything
        text = in_world_words(prompt)
        unknown = unknown_words(text, tokenizer.get_vocab())
        if unknown or not text:
            named = ", ".join(repr(word) for word in unknown) or repr(prompt.strip())
            raise BadInput(
                f"this model does not know {named} in {prompt.strip()!r}. The bundled one knows the"
                " words of the synthetic world (docs/diffusion.md). A published one knows more:"
                " set weights"
            )
        return text


def _number(name: str, value: object, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise BadInput(f"{name} is a number from {low} to {high}, not {value!r}")
    return value


def _mask(mask: object, image: NDArray[np.uint8]) -> NDArray[np.bool_]:
    if not isinstance(mask, np.ndarray) or mask.shape != image.shape[:2]:
        shape = getattr(mask, "shape", type(mask).__name__)
        raise BadInput(f"the mask is {shape}: it must be {image.shape[:2]}, as the picture")
    found: NDArray[np.bool_] = mask > 0
    if not found.any():
        raise BadInput("the mask is empty: there is nothing to draw anew")
    return found
