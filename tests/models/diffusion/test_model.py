"""Drawing: seeds, samplers, bad input, inpainting, ControlNet, published checkpoints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import ControlNetModel

from sensorium.errors import BadInput, ModelUnavailable
from sensorium_models.diffusion.checkpoint import load, save_control
from sensorium_models.diffusion.model import TextToImage, TextToImageOptions
from sensorium_models.diffusion.sampling import SAMPLERS, scheduler_for

PROMPT = "a red square to the left of a green circle"


def opened(weights: Path, **options: Any) -> TextToImage:
    model = TextToImage(TextToImageOptions(weights=str(weights), steps=4, **options))
    model.load("cpu")
    return model


@pytest.fixture(scope="module")
def ours(untrained: Path) -> TextToImage:
    return opened(untrained)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_seed_gives_the_same_bytes_in_any_batch_and_those_of_diffusers(
    ours: TextToImage, sampler: str
) -> None:
    request: Any = {"prompt": PROMPT, "seed": 3, "sampler": sampler}
    (alone,) = ours.infer([request])
    other, again = ours.infer([{**request, "seed": 4}, request])
    assert (alone["image"] == again["image"]).all()
    assert (alone["image"] != other["image"]).any()
    pipeline = ours._pipeline
    kept, pipeline.scheduler = pipeline.scheduler, scheduler_for(pipeline, sampler)  # type: ignore[arg-type]
    try:
        made = pipeline(
            PROMPT, num_inference_steps=4, guidance_scale=3.0, negative_prompt="",
            generator=torch.Generator().manual_seed(3), output_type="np",
        ).images[0]  # fmt: skip
    finally:
        pipeline.scheduler = kept
    np.testing.assert_array_equal((made * 255).round().astype(np.uint8), alone["image"])


def test_progress_comes_step_by_step_and_then_the_picture(ours: TextToImage) -> None:
    *steps, last = ours.stream({"prompt": "a ring", "steps": 3})
    assert steps == [{"step": at, "of": 3} for at in (1, 2, 3)]
    assert last["image"].shape == (64, 64, 3)
    assert last["image"].dtype == np.uint8


def test_words_of_people_are_put_into_words_of_the_world(ours: TextToImage) -> None:
    (drawn,) = ours.infer([{"prompt": "A red cube left of a green ball."}])
    assert drawn["prompt"] == PROMPT


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({"prompt": "  "}, "the prompt is empty"),
        ({"prompt": "a dog and a cat"}, "does not know 'dog', 'cat'"),
        ({"prompt": "красный круг"}, "does not know 'красный'"),
        ({"prompt": "a ring " * 30}, "this model reads 28"),
        ({"prompt": "a ring", "seed": -1}, "seed is a number from 0"),
        ({"prompt": "a ring", "sampler": "euler"}, "no sampler 'euler'; there are: ddim"),
        ({"prompt": "a ring", "image": np.zeros((8, 8, 3), np.uint8)}, "a 'mask'"),
        (
            {"prompt": "a ring", "image": np.zeros((8, 8, 4), np.uint8),
             "mask": np.ones((8, 8), np.uint8)},
            "drop an alpha channel",
        ),
        (
            {"prompt": "a ring", "image": np.zeros((8, 8, 3), np.uint8),
             "mask": np.zeros((8, 8), np.uint8)},
            "the mask is empty",
        ),
    ],
)  # fmt: skip
def test_bad_input_is_named(ours: TextToImage, request_: Any, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        ours.infer([request_])


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_outside_the_mask_no_bit_changes(ours: TextToImage, sampler: str) -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (50, 70, 3)).astype(np.uint8)
    mask = np.zeros((50, 70), np.uint8)
    mask[10:30, 20:40] = 1
    (drawn,) = ours.infer([{"prompt": "a ring", "image": image, "mask": mask, "sampler": sampler}])
    assert (drawn["image"][mask == 0] == image[mask == 0]).all()
    assert (drawn["image"][mask > 0] != image[mask > 0]).mean() > 0.5


def controlled(untrained: Path, tmp_path: Path) -> TextToImage:
    """A ControlNet whose last layers are not zero, as they are before any training."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        network: Any = ControlNetModel.from_unet(load(str(untrained)).unet)
        for layer in [*network.controlnet_down_blocks, network.controlnet_mid_block]:
            torch.nn.init.normal_(layer.weight, std=0.3)
        save_control(tmp_path / "control", network)
    return opened(untrained, controlnet=str(tmp_path / "control"))


def test_a_control_of_no_strength_leaves_every_bit_and_one_of_strength_does_not(
    ours: TextToImage, untrained: Path, tmp_path: Path
) -> None:
    model = controlled(untrained, tmp_path)
    hint = np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    (base,) = ours.infer([{"prompt": PROMPT}])
    none, full = model.infer(
        [{"prompt": PROMPT, "control": hint, "strength": strength} for strength in (0.0, 1.0)]
    )
    assert (none["image"] == base["image"]).all()
    assert (full["image"] != base["image"]).any()


def test_a_published_pipeline_goes_through_the_same_setting(published: Path) -> None:
    model = opened(published)
    one, other = model.infer([{"prompt": "a cat, Кот"}, {"prompt": "a cat, Кот", "seed": 1}])
    assert one["prompt"] == "a cat, Кот"
    assert one["image"].shape == (16, 16, 3)
    assert (one["image"] != other["image"]).any()


def test_another_class_a_missing_part_and_another_base_are_named(
    untrained: Path, published: Path, tmp_path: Path
) -> None:
    (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": "FluxPipeline"}))
    with pytest.raises(ModelUnavailable, match="holds a FluxPipeline, not a StableDiffusion"):
        load(str(tmp_path))
    with pytest.raises(
        ModelUnavailable, match=r"has no model_index.json; it holds a AutoencoderKL"
    ):
        load(str(untrained / "vae"))
    controlled(untrained, tmp_path)
    model = TextToImage(
        TextToImageOptions(weights=str(published), controlnet=str(tmp_path / "control"))
    )
    with pytest.raises(ModelUnavailable, match="made for another UNet: its block_out_channels"):
        model.load("cpu")
    with pytest.raises(ModelUnavailable, match="cannot load 'nobody/nothing'"):
        load("nobody/nothing")
