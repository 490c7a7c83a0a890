"""A ControlNet that learns: nothing at first, then more, exactly on from where it was stopped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from sensorium.errors import BadInput, ModelUnavailable
from sensorium_models.diffusion import control_learning, control_report
from sensorium_models.diffusion.autoencoding import CHANNELS, small_autoencoder
from sensorium_models.diffusion.checkpoint import load, load_control, save, save_control
from sensorium_models.diffusion.control_agreement import agreement, edge_f1
from sensorium_models.diffusion.control_learning import ControlTask, hint_of, hints_of
from sensorium_models.diffusion.control_report import measure_control, ratio_interval
from sensorium_models.diffusion.control_teaching import learn
from sensorium_models.diffusion.learning import Cache, scenes_of
from sensorium_models.diffusion.networks import (
    noise_schedule,
    small_text_encoder,
    small_tokenizer,
    small_unet,
)
from sensorium_models.training import Draw, fit
from sensorium_sims.world.render import render

SCENES = 40


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline of the world's latents, untrained and narrow."""
    folder = tmp_path_factory.mktemp("control") / "base"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        parts = {
            "unet": small_unet(CHANNELS, widths=(16, 32)),
            "vae": small_autoencoder((8, 8, 16, 16)),
            "text_encoder": small_text_encoder(layers=1),
            "tokenizer": small_tokenizer(),
        }
        save(folder, parts, noise_schedule())
    return folder


@pytest.fixture
def task(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ControlTask:
    monkeypatch.setattr(control_learning, "VALIDATION", 2)
    scenes = scenes_of(SCENES)
    latents = torch.randn(SCENES, CHANNELS, 8, 8, generator=torch.Generator().manual_seed(1))
    cache = Cache(scenes, latents, np.arange(SCENES))
    return ControlTask(load(str(base)), cache, hints_of(scenes, "canny", tmp_path), "canny")


def test_a_new_controlnet_adds_nothing_and_a_batch_holds_its_own_controls(
    task: ControlTask,
) -> None:
    torch.manual_seed(0)
    network = task.build(0).eval()
    batch = task.batch(Draw(3, 8, 0))
    for latents, hint in zip(batch["latents"], batch["hints"], strict=True):
        (row,) = np.flatnonzero((task.cache.latents == latents).flatten(1).all(1).numpy())
        wanted = hint_of(render(task.cache.scenes[row], 64), "canny")[:, :, 0]
        assert (hint.numpy() == wanted).all()
    told = task.text_encoder(batch["ids"]).last_hidden_state
    led = task._led(network, control_learning.as_hint(batch["hints"]))
    with torch.no_grad():
        with_it = led(batch["latents"], batch["times"], told).sample
        without = task.unet(batch["latents"], batch["times"], told).sample
    assert torch.equal(with_it, without)


def test_it_learns_the_base_stays_and_a_stopped_run_goes_on_exactly(
    task: ControlTask, tmp_path: Path
) -> None:
    before = {name: value.clone() for name, value in task.unet.state_dict().items()}
    whole = replace(control_learning.plan(4), batch=4)
    straight = fit(task, whole, tmp_path / "straight", curves=False)

    class Killed(ControlTask):
        def batch(self, draw: Draw) -> dict[str, torch.Tensor]:
            if draw.index == 3:
                raise RuntimeError("killed")
            return super().batch(draw)

    task.__class__ = Killed
    kept = replace(whole, checkpoint_every=2)
    with pytest.raises(RuntimeError, match="killed"):
        fit(task, kept, tmp_path / "stopped", curves=False)
    task.__class__ = ControlTask
    on = fit(task, kept, tmp_path / "stopped", curves=False)
    assert on.steps == straight.steps == 4
    pairs = list(zip(on.network.parameters(), straight.network.parameters(), strict=True))
    assert all(torch.equal(one, other) for one, other in pairs)
    assert any(bool(layer.weight.any()) for layer in on.network.controlnet_down_blocks)  # type: ignore[union-attr]
    assert all(torch.equal(value, before[name]) for name, value in task.unet.state_dict().items())
    assert set(on.figures) == {"led", "shuffled"}


def test_training_by_its_folder_saving_and_measuring_go_together(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control_learning, "VALIDATION", 2)
    fitted = learn(tmp_path, "depth", str(base), steps=2, scenes=SCENES)
    assert fitted.steps == 2
    with pytest.raises(BadInput, match="begun otherwise"):
        learn(tmp_path, "depth", str(base), steps=2, scenes=SCENES + 1)
    save_control(tmp_path / "saved", fitted.network)
    load_control(str(tmp_path / "saved"), load(str(base)).unet)
    with pytest.raises(ModelUnavailable, match="holds a UNet2DConditionModel, not a ControlNet"):
        load_control(str(base / "unet"), load(str(base)).unet)
    found = measure_control(str(base), str(tmp_path / "saved"), "depth", 2, steps=2)
    rows = {row["name"].strip(): row for row in found["rows"]}
    assert rows["strength 0: every bit the base's"]["value"] == 1.0
    assert rows["strength 0"]["value"] == rows["the base, no control"]["value"]
    assert {row["n"] for row in found["rows"]} == {2}


def test_a_base_of_another_world_is_named(untrained: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no pipeline of the synthetic world"):
        ControlTask(load(str(untrained)), Cache([], torch.zeros(0), np.zeros(0, int)),
                    torch.zeros(0), "canny")  # fmt: skip


def test_agreement_is_whole_for_the_picture_itself_and_little_for_others() -> None:
    _, hints = control_report.asked(6, "canny")
    pictures = [render(scene, 64) for scene in scenes_of(8)]
    for kind in control_learning.LEARNT_KINDS:
        own = [agreement(p.image, hint_of(p, kind), kind) for p in pictures]
        moved = [*pictures[1:], *pictures[:1]]
        other = [agreement(p.image, hint_of(q, kind), kind)
                 for p, q in zip(pictures, moved, strict=True)]  # fmt: skip
        assert np.mean(own) > 0.9
        assert np.mean(other) < 0.5
        low, high = ratio_interval(own, other)
        assert low <= np.mean(own) / np.mean(other) <= high
    assert all(hint.any() for hint in hints)
    line, shifted, none = np.zeros((3, 9, 9), bool)
    line[4], shifted[6] = True, True
    assert edge_f1(line, line) == 1
    assert edge_f1(line, np.roll(line, 1, 0)) == 1
    assert edge_f1(line, shifted) == 0
    assert (edge_f1(none, none), edge_f1(line, none)) == (1, 0)
