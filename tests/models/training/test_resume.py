"""Whatever ends a run, it goes on to the weights that it would have had."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
import training_tasks
from safetensors.torch import load_file
from torch import Tensor
from training_tasks import PLANS, ROWS, Sines, plan_of

from sensorium.errors import BadInput, ModelCorrupt, TrainingDiverged
from sensorium_models.training import (
    Curriculum,
    Draw,
    GradNorm,
    Passes,
    Stage,
    TrainingStopped,
)
from sensorium_models.training import fit as fit_and_draw
from sensorium_models.training.state import CHECKPOINT
from sensorium_models.training.tree import load_tree, same

fit = partial(fit_and_draw, curves=False)
PROGRAM = str(Path(training_tasks.__file__))


@pytest.fixture(autouse=True)
def _one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def learnt(folder: Path) -> dict[str, Any]:
    """All that a checkpoint holds but the time it took."""
    tree = load_tree(folder / CHECKPOINT)
    del tree["standing"]["spent_s"], tree["about"]
    return tree


def equal(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(equal, one, other))
    return bool(one == other)


@pytest.mark.parametrize("name", PLANS)
def test_a_run_that_was_killed_ends_with_the_same_bits(name: str, tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    fit(Sines(), plan_of(name), whole, sampler=Passes(ROWS))
    wait_at = 77 * plan_of(name).accumulate
    child = subprocess.Popen(
        [sys.executable, PROGRAM, name, str(broken), str(wait_at)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert child.stdout is not None
    assert child.stdout.readline() == b"here\n"
    child.send_signal(signal.SIGKILL)
    child.communicate()
    assert child.returncode == -signal.SIGKILL
    assert load_tree(broken / CHECKPOINT)["standing"]["step"] == 70  # it was under way
    task = Sines()
    fit(task, plan_of(name), broken, sampler=Passes(ROWS))
    assert task.asked == 50 * plan_of(name).accumulate  # and went on from there
    assert equal(learnt(whole), learnt(broken))
    assert same(load_file(whole / "weights.safetensors"), load_file(broken / "weights.safetensors"))
    assert not list(broken.glob("*partial*"))
    histories = [
        [
            {**json.loads(line), "spent_s": 0}
            for line in (at / "history.jsonl").read_text().splitlines()
        ]
        for at in (whole, broken)
    ]
    assert histories[0] == histories[1]


def test_stages_and_weightings_go_on_where_they_were(tmp_path: Path) -> None:
    stages = Curriculum([Stage("one", steps=30), Stage("two", steps=45), Stage("three")])
    options: dict[str, Any] = {
        "sampler": Passes(ROWS), "weighting": GradNorm, "curriculum": stages,
    }  # fmt: skip
    fit(Sines(), plan_of("plain"), tmp_path / "whole", **options)

    class Fails(Sines):
        def batch(self, draw: Draw) -> Tensor:
            if draw.index == 55:
                raise OSError("the disk has gone")
            return super().batch(draw)

    with pytest.raises(OSError, match="has gone"):
        fit(Fails(), plan_of("plain"), tmp_path / "broken", **options)
    assert load_tree(tmp_path / "broken" / CHECKPOINT)["standing"]["stage"] == 1
    fit(Sines(), plan_of("plain"), tmp_path / "broken", **options)
    assert equal(learnt(tmp_path / "whole"), learnt(tmp_path / "broken"))


def test_ctrl_c_saves_and_says_how_to_go_on(tmp_path: Path) -> None:
    class Pressed(Sines):
        def batch(self, draw: Draw) -> Tensor:
            if draw.index == 33:
                os.kill(os.getpid(), signal.SIGINT)
            return super().batch(draw)

    usual = signal.getsignal(signal.SIGINT)
    with pytest.raises(TrainingStopped, match=r"step 34 of 120\..*same command again"):
        fit(Pressed(), plan_of("plain"), tmp_path / "broken", sampler=Passes(ROWS))
    assert signal.getsignal(signal.SIGINT) is usual
    fit(Sines(), plan_of("plain"), tmp_path / "broken", sampler=Passes(ROWS))
    fit(Sines(), plan_of("plain"), tmp_path / "whole", sampler=Passes(ROWS))
    assert equal(learnt(tmp_path / "whole"), learnt(tmp_path / "broken"))


def test_spent_minutes_end_a_run_and_more_go_on_with_it(tmp_path: Path) -> None:
    short = fit(Sines(), plan_of("plain", minutes=1e-6), tmp_path / "a", sampler=Passes(ROWS))
    assert short.ended == "minutes"
    assert 0 < short.steps + 1 < 120
    longer = fit(Sines(), plan_of("plain", minutes=5.0), tmp_path / "a", sampler=Passes(ROWS))
    assert (longer.ended, longer.steps) == ("steps", 120)
    fit(Sines(), plan_of("plain"), tmp_path / "b", sampler=Passes(ROWS))
    before, after = learnt(tmp_path / "a"), learnt(tmp_path / "b")
    assert equal(before["network"], after["network"])


def test_a_run_that_is_done_is_read_and_not_done_again(tmp_path: Path) -> None:
    first = fit(Sines(), plan_of("averaged"), tmp_path, sampler=Passes(ROWS))
    task = Sines()
    again = fit(task, plan_of("averaged"), tmp_path, sampler=Passes(ROWS))
    assert task.asked == 0
    assert same(first.network.state_dict(), again.network.state_dict())
    assert (again.score, again.steps, again.ended) == (first.score, 120, "steps")


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_is_named_and_the_last_good_checkpoint_stays(
    bad: float, tmp_path: Path
) -> None:
    class Diverges(Sines):
        def losses(self, network: Any, batch: Tensor) -> Any:
            found = dict(super().losses(network, batch))
            if self.asked == 58:
                found["large"] = found["large"] * bad
            return found

    with pytest.raises(TrainingDiverged, match="'large' is not a finite number at step 57") as told:
        fit(Diverges(), plan_of("plain"), tmp_path, sampler=Passes(ROWS))
    assert told.value.step == 57
    assert load_tree(tmp_path / CHECKPOINT)["standing"]["step"] == 50
    assert all(bool(v.isfinite().all()) for v in learnt(tmp_path)["network"].values())
    done = fit(Sines(), plan_of("plain"), tmp_path, sampler=Passes(ROWS))
    assert done.steps == 120


def test_a_gradient_that_is_no_number_is_named(tmp_path: Path) -> None:
    class Steep(Sines):
        def losses(self, network: Any, batch: Tensor) -> Any:
            return {"root": (network(batch).abs() * 0.0).sqrt().sum()}

    with pytest.raises(TrainingDiverged, match="gradient's norm is not a finite number at step 0"):
        fit(Steep(), plan_of("plain"), tmp_path, sampler=Passes(ROWS))


def test_a_folder_of_another_run_is_refused(tmp_path: Path) -> None:
    fit(Sines(), plan_of("plain", steps=20), tmp_path, sampler=Passes(ROWS))
    with pytest.raises(BadInput, match=r"learning_rate 0\.01 -> 0\.1"):
        fit(Sines(), plan_of("plain", steps=20, learning_rate=0.1), tmp_path, sampler=Passes(ROWS))
    with pytest.raises(BadInput, match="another run"):
        fit(Sines(), plan_of("plain", steps=20), tmp_path, sampler=Passes(ROWS), weighting=GradNorm)
    anew = fit(
        Sines(), plan_of("plain", steps=30), tmp_path, sampler=Passes(ROWS), resume=False
    )  # fmt: skip
    assert anew.steps == 30


def test_a_damaged_checkpoint_is_named_and_no_pickle_is_read(tmp_path: Path) -> None:
    fit(Sines(), plan_of("plain", steps=20), tmp_path, sampler=Passes(ROWS))
    path = tmp_path / CHECKPOINT
    torch.save({"step": 3}, path)
    with pytest.raises(ModelCorrupt, match="checkpoint"):
        fit(Sines(), plan_of("plain", steps=20), tmp_path, sampler=Passes(ROWS))
    path.write_bytes(b"")
    with pytest.raises(ModelCorrupt, match="damaged"):
        fit(Sines(), plan_of("plain", steps=20), tmp_path, sampler=Passes(ROWS))
