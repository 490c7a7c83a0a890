"""What training draws, that a run goes on exactly, and the two commands from end to end."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from sensorium_agents.commands import evaluate_avspeech
from sensorium_agents.commands.evaluate import evaluate
from sensorium_agents.commands.train import train
from sensorium_models.audio_visual_speech import evaluation, learning, teaching
from sensorium_models.audio_visual_speech.checkpoint import load, save
from sensorium_models.audio_visual_speech.corpus import Clip, clips, crowd, sample_camera
from sensorium_models.audio_visual_speech.evaluation import MODES, validation
from sensorium_models.audio_visual_speech.learning import (
    GROUP,
    PHONES,
    WORDS,
    Alike,
    SpeechTask,
    plan,
)
from sensorium_models.audio_visual_speech.network import AudioVisualSpeech, Sizes
from sensorium_models.training import Draw, fit

pytest.importorskip("espeakng_loader", reason="voices to learn from")
SMALL = {"width": 32, "blocks": 1, "bands": 20}


@pytest.fixture(scope="module")
def made() -> tuple[list[Clip], list[np.ndarray]]:
    return clips("train", 12), crowd("train", 6, 1)


@pytest.fixture(scope="module")
def tests() -> evaluation.Tests:
    return evaluation.Tests.of("validation", 2)


def task_of(made: tuple[list[Clip], list[np.ndarray]], tests: evaluation.Tests) -> SpeechTask:
    return SpeechTask(*made, validation(tests), **SMALL)


def test_the_same_draw_gives_the_same_batch(made: Any, tests: evaluation.Tests) -> None:
    task = task_of(made, tests)
    rows = np.arange(12)
    one, again, other = (task.batch(Draw(at, 12, 0, chosen=rows)) for at in (3, 3, 4))
    assert one.keys() == again.keys()
    for name in one:
        torch.testing.assert_close(one[name], again[name], rtol=0, atol=0)
    assert one["wave"].shape != other["wave"].shape or not torch.equal(one["wave"], other["wave"])


def test_of_some_commands_there_is_no_sound_and_of_some_no_lips(
    made: Any, tests: evaluation.Tests
) -> None:
    task = task_of(made, tests)
    heard, seen, noise = [], [], []
    for at in range(30):
        batch = task.batch(Draw(at, 12, 0, chosen=np.arange(12)))
        heard += batch["heard"].tolist()
        seen += batch["seen"].any(1).tolist()
        noise += (batch["lips"].diff(dim=1).abs().mean((1, 2, 3))).tolist()
    assert not any(not h and not s for h, s in zip(heard, seen, strict=True))
    assert np.mean(heard) == pytest.approx(1 - learning.NO_SOUND, abs=0.07)
    assert np.mean(seen) == pytest.approx(1 - learning.NO_LIPS, abs=0.07)
    assert np.std(noise) > 0.3 * np.mean(noise)  # cameras from good to poor


def test_batches_are_of_commands_about_as_long_and_every_command_comes() -> None:
    lengths = np.random.default_rng(0).integers(20_000, 45_000, 60).tolist()
    alike, size = Alike(lengths), 4
    batches = [alike.take(0, at * size, size) for at in range(60 // size)]
    assert sorted(np.concatenate(batches).tolist()) == list(range(60))
    spread = np.mean([np.ptp([lengths[row] for row in batch]) for batch in batches])
    assert spread < 0.5 * np.ptp(lengths)
    np.testing.assert_array_equal(batches[7], Alike(lengths).take(0, 28, size))  # from nothing
    first = [min(lengths[row] for row in batch) for batch in batches[:GROUP]]
    assert first != sorted(first)  # not the short ones first


def test_a_run_that_was_cut_off_ends_as_if_it_had_not_been(
    made: Any, tests: evaluation.Tests, tmp_path: Path
) -> None:
    alike = Alike([len(one.samples) for one in made[0]])
    long = dataclasses.replace(plan(6), batch=4, checkpoint_every=2)
    whole = fit(task_of(made, tests), long, tmp_path / "whole", sampler=alike, curves=False)

    class Cut(RuntimeError):
        pass

    class Cutting(SpeechTask):
        def batch(self, draw: Draw) -> dict[str, torch.Tensor]:
            if draw.index == 3:
                raise Cut
            return super().batch(draw)

    cutting = Cutting(*made, validation(tests), **SMALL)
    with pytest.raises(Cut):
        fit(cutting, long, tmp_path / "cut", sampler=alike, curves=False)
    rest = fit(task_of(made, tests), long, tmp_path / "cut", sampler=alike, curves=False)
    assert rest.steps == whole.steps == 6
    for name, value in whole.network.state_dict().items():
        torch.testing.assert_close(rest.network.state_dict()[name], value, rtol=0, atol=0)


def test_cameras_of_training_go_beyond_the_one_that_is_measured_with() -> None:
    rng = np.random.default_rng(0)
    drawn = [sample_camera(rng) for _ in range(200)]
    assert min(camera.detail for camera in drawn) <= 4
    assert max(camera.blur for camera in drawn) > 0.65


def test_lips_half_a_second_late_are_asked_for_as_late(tests: evaluation.Tests) -> None:
    asked = {mode: tests.request(0, mode, "babble", 0.0) for mode in MODES}
    assert asked["late"]["times"][0] - asked["fused"]["times"][0] == pytest.approx(0.5)
    np.testing.assert_array_equal(asked["late"]["lips"], asked["fused"]["lips"])
    assert asked["lips"]["audio"] is None
    assert asked["audio"]["lips"] is None
    assert sorted(map(bytes, asked["shuffled"]["lips"])) == sorted(
        map(bytes, asked["fused"]["lips"])
    )


@pytest.fixture
def untrained(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    path = tmp_path / "untrained.safetensors"
    save(path, AudioVisualSpeech(Sizes(len(WORDS), len(PHONES), **SMALL)), WORDS)
    return path


def test_evaluate_prints_every_cell_with_its_interval(untrained: Path) -> None:
    line = ["avspeech", "--weights", str(untrained), "--clips", "5"]
    done = CliRunner().invoke(evaluate, [*line, "--json"], catch_exceptions=False)
    found = json.loads(done.stdout)
    assert found["command"] == f"sensorium evaluate {' '.join(line)}"
    assert len(found["cells"]) == 1 + 11 * 4
    for cell in found["cells"]:
        low, high = cell["ci95"]
        assert low <= cell["wer"] <= high
        assert (cell["words"], cell["utterances"]) == (30, 5)
    assert {cell["mode"] for cell in found["cells"]} == set(MODES)
    assert not found["targets"]["lips alone at 40 to 60 %"]  # it has learnt nothing


def test_train_saves_measures_and_writes_the_card(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = lambda *parts, **rest: SpeechTask(*parts, **rest, **SMALL)  # noqa: E731
    monkeypatch.setattr(teaching, "SpeechTask", small)
    monkeypatch.setattr(teaching, "VALIDATION", 2)
    monkeypatch.setattr(teaching, "TRIALS", 5)
    monkeypatch.setattr(teaching, "crowd", lambda *parts, **rest: crowd("train", 6, 1))
    monkeypatch.setattr(evaluation, "crowd", lambda *parts, **rest: crowd("validation", 6, 1))
    monkeypatch.setattr(teaching, "clips", lambda split, count, **rest: clips(split, 12))
    out = tmp_path / "out"
    line = ["avspeech", "--steps", "10", "--clips", "50", "--out", str(out)]
    done = CliRunner().invoke(train, line, catch_exceptions=False)
    assert done.exit_code == 0
    assert "effective gain of lips" in done.stdout
    network, words = load(out / "avspeech-world.safetensors")
    assert (network.sizes.width, words) == (32, WORDS)
    card = (out / "avspeech-world.md").read_text()
    assert "sensorium train avspeech --steps 10 --clips 50 --seed 0" in card
    assert "control: lips 0.5 s late, babble 0 dB" in card


@pytest.mark.parametrize("name", ["nothing.toml", "."])
def test_an_agent_that_is_not_there_is_named(name: str) -> None:
    done = CliRunner().invoke(evaluate_avspeech.command, ["--agent", name])
    assert done.exit_code == 2
    assert name in done.stderr
