"""``sensorium generate`` as a user calls it, and learning that goes on where it was."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch
from click.testing import CliRunner

from sensorium.errors import BadInput, OutputFailed
from sensorium_agents.commands.generate import generate
from sensorium_models.diffusion.autoencoding import CHANNELS, small_autoencoder, standardise
from sensorium_models.diffusion.checkpoint import save
from sensorium_models.diffusion.networks import noise_schedule, small_tokenizer, small_unet
from sensorium_models.diffusion.teaching import Sizes, learn


def run(*words: str) -> str:
    return CliRunner().invoke(generate, list(words), catch_exceptions=False).output


def test_a_picture_is_written_and_the_seed_decides_its_bytes(
    untrained: Path, tmp_path: Path
) -> None:
    one, again, other = (tmp_path / f"{name}.png" for name in "abc")
    for path, seed in ((one, "1"), (again, "1"), (other, "2")):
        told = run("a red cube", "--weights", str(untrained), "--seed", seed, "--steps", "3",
                   "-o", str(path))  # fmt: skip
        assert f"{path} (64x64)" in told
        assert "drawn as: a red square" in told
    assert one.read_bytes() == again.read_bytes() != other.read_bytes()


def test_a_masked_part_is_drawn_anew_and_no_other(untrained: Path, tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    mask = np.zeros((64, 64), np.uint8)
    mask[:20] = 255
    PIL.Image.fromarray(picture).save(tmp_path / "in.png")
    PIL.Image.fromarray(mask).save(tmp_path / "mask.png")
    run("a ring", "--weights", str(untrained), "--steps", "3", "--inpaint",
        str(tmp_path / "in.png"), "--mask", str(tmp_path / "mask.png"), "-o",
        str(tmp_path / "out.png"))  # fmt: skip
    made = np.array(PIL.Image.open(tmp_path / "out.png"))
    assert (made[20:] == picture[20:]).all()
    assert (made[:20] != picture[:20]).any()


def test_options_that_go_together_are_asked_for(tmp_path: Path) -> None:
    out = str(tmp_path / "out.png")
    for words, error, said in (
        (["-o", "x.jpg"], BadInput, "written as PNG"),
        (["-o", str(tmp_path / "no" / "x.png")], OutputFailed, "there is no folder"),
        (["-o", out, "--kind", "canny"], BadInput, "--kind goes with --control"),
        (["-o", out, "--mask", "the ball"], BadInput, "go together"),
        (["-o", out, "--control", "p.png", "--kind", "pose"], BadInput, "world has no bodies"),
        (["-o", out, "--control", "e.png", "--weights", "x"], BadInput, "bundled base alone"),
    ):
        with pytest.raises(error, match=said):
            run("a ring", *words)


def test_learning_goes_through_all_parts_and_is_read_when_done(tmp_path: Path) -> None:
    sizes = Sizes(autoencoder=2, reading=2, unet=2, scenes=80)
    with pytest.MonkeyPatch.context() as patch:
        for module in ("autoencoding", "reading"):
            patch.setattr(f"sensorium_models.diffusion.{module}.VALIDATION", 2)
        patch.setattr("sensorium_models.diffusion.learning.VALIDATION", (("colour", 1),))
        narrow = partial(small_autoencoder, (8, 8, 16, 16))
        patch.setattr("sensorium_models.diffusion.autoencoding.small_autoencoder", narrow)
        few = partial(standardise, pictures=20)
        patch.setattr("sensorium_models.diffusion.autoencoding.standardise", few)
        thin = partial(small_unet, CHANNELS, widths=(16, 32))
        patch.setattr("sensorium_models.diffusion.learning.small_unet", lambda channels: thin())
        told: list[str] = []
        first = learn(tmp_path, sizes, tell=told.append)
        again = learn(tmp_path, sizes)
        begun = tmp_path / "begun"
        save(
            begun,
            {
                "unet": first.unet,
                "vae": first.autoencoder,
                "text_encoder": first.text_encoder,
                "tokenizer": small_tokenizer(),
            },
            noise_schedule(),
        )
        on = learn(tmp_path / "on", Sizes(unet=3, scenes=80), start=str(begun), tell=told.append)
        with pytest.raises(BadInput, match=r"begun otherwise \(scenes 80 -> 81\)"):
            learn(tmp_path / "on", Sizes(unet=3, scenes=81), start=str(begun))
    assert [run.steps for run in first.runs] == [2, 2, 2]
    assert [line[:6] for line in told] == ["1 of 3", "2 of 3", "3 of 3", "1 of 1"]
    assert [run.steps for run in on.runs] == [3]
    for name, kept in first.autoencoder.state_dict().items():
        assert torch.equal(on.autoencoder.state_dict()[name], kept.half().float())
    gap = max(
        float((one - other).abs().max())
        for one, other in zip(first.unet.parameters(), on.unet.parameters(), strict=True)
    )
    assert 0 < gap < 0.01  # three small steps from where it began
    for before, after in zip(first.runs, again.runs, strict=True):
        assert before.spent_s == after.spent_s
        for one, other in zip(before.network.parameters(), after.network.parameters(), strict=True):
            assert one.dtype == other.dtype
    assert all(
        bool((one == other).all())
        for one, other in zip(first.unet.parameters(), again.unet.parameters(), strict=True)
    )
