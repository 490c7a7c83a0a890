"""Samplers, stages, weightings, precision, accumulation, averages, early stop: each on its own."""

from __future__ import annotations

from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from training_tasks import ROWS, Sines, plan_of

from sensorium.errors import BadInput
from sensorium_models.training import (
    Balanced,
    Curriculum,
    Draw,
    GradNorm,
    Passes,
    Plan,
    Ratio,
    Stage,
    Uncertainty,
    Weighting,
)
from sensorium_models.training import fit as fit_and_draw

fit = partial(fit_and_draw, curves=False)

# --- sampling -------------------------------------------------------------------------------------


def test_passes_take_every_row_once_a_pass_in_a_new_order() -> None:
    sampler = Passes(10)
    rows = np.concatenate([sampler.take(3, start, 7) for start in range(0, 70, 7)])
    passes = rows.reshape(7, 10)
    assert all(sorted(once) == list(range(10)) for once in passes.tolist())
    assert len({tuple(once) for once in passes.tolist()}) == 7
    assert np.array_equal(sampler.take(3, 14, 7), rows[14:21])
    assert not np.array_equal(sampler.take(4, 0, 10), passes[0])
    with pytest.raises(BadInput, match="0 rows"):
        Passes(0)


def test_balanced_rows_hold_every_class_alike_and_no_row_twice_before_the_others() -> None:
    labels = ["many"] * 90 + ["some"] * 9 + ["one"]
    sampler = Balanced(labels)
    rows = np.concatenate([sampler.take(0, start, 9) for start in range(0, 270, 9)])
    assert Counter(labels[row] for row in rows) == {"many": 90, "some": 90, "one": 90}
    for start in range(0, 270, 9):
        assert Counter(labels[row] for row in rows[start : start + 9]) == {
            "many": 3, "some": 3, "one": 3,
        }  # fmt: skip
    assert sorted(row for row in rows if row < 90) == list(range(90))
    assert set(Counter(row for row in rows if 90 <= row < 99).values()) == {10}


def test_a_task_of_rows_without_a_sampler_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"give fit a sampler, Passes\(count\)"):
        fit(Sines(), plan_of("plain"), tmp_path)


# --- stages ---------------------------------------------------------------------------------------


class Watched(Sines):
    """Notes which stage each batch was of."""

    def __init__(self) -> None:
        super().__init__()
        self.stages: list[tuple[str, Any]] = []

    def batch(self, draw: Draw) -> Tensor:
        self.stages.append((draw.stage, draw.settings.get("level")))
        return super().batch(draw)


def test_stages_end_by_steps_or_by_score_and_have_their_own_rows(tmp_path: Path) -> None:
    stages = Curriculum([
        Stage("first", {"level": 1}, steps=30),
        Stage("second", {"level": 2}, sampler=Passes(8), score=-1e9),
        Stage("third", {"level": 3}),
    ])  # fmt: skip
    task = Watched()
    done = fit(task, plan_of("plain"), tmp_path, sampler=Passes(ROWS), curriculum=stages)
    assert Counter(task.stages) == {("first", 1): 30, ("second", 2): 10, ("third", 3): 80}
    named = [record.get("stage") for record in done.history if "loss" in record]
    assert named[0] == "first"
    assert named[-1] == "third"


def test_stages_that_cannot_be_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="'one' never ends"):
        Curriculum([Stage("one"), Stage("two")])
    with pytest.raises(BadInput, match="one name"):
        Curriculum([Stage("one", steps=3), Stage("one")])
    by_score = Curriculum([Stage("one", score=1.0), Stage("two")])
    with pytest.raises(BadInput, match="say evaluate_every"):
        fit(Sines(), Plan(steps=2), tmp_path, sampler=Passes(ROWS), curriculum=by_score)


# --- weighting ------------------------------------------------------------------------------------


def two(scale: float) -> dict[str, Tensor]:
    value = torch.tensor(2.0, requires_grad=True)
    return {"small": value * 1.0, "large": value * scale}


def test_fixed_weights_and_names_that_differ() -> None:
    weighting = Weighting(["small", "large"], {"large": 0.5})
    assert float(weighting.total(two(4.0)).detach()) == pytest.approx(2 + 4)
    with pytest.raises(BadInput, match="losses are"):
        weighting.total({"other": torch.tensor(1.0)})
    with pytest.raises(BadInput, match="not there: huge"):
        Weighting(["small"], {"huge": 1.0})


def test_the_ratio_rule_makes_losses_of_any_size_count_alike() -> None:
    weighting = Ratio(["small", "large"])
    for _ in range(5):
        total = weighting.total(two(1000.0)).detach()
    weights = weighting.now()
    assert weights["small"] * 2 == pytest.approx(weights["large"] * 2000, rel=1e-5)
    assert float(total) == pytest.approx(2002, rel=1e-4)
    shares = Ratio(["small", "large"], {"small": 3.0, "large": 1.0})
    shares.total(two(1000.0))
    assert shares.now()["small"] * 2 == pytest.approx(3 * shares.now()["large"] * 2000, rel=1e-5)


def test_uncertainty_finds_the_weights_of_its_formula() -> None:
    weighting = Uncertainty(["small", "large"])
    optimiser = torch.optim.Adam(weighting.parameters(), 0.05)
    for _ in range(1200):
        optimiser.zero_grad()
        fixed = {"small": torch.tensor(0.5), "large": torch.tensor(40.0)}
        weighting.total(fixed).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    # d/ds (exp(-s) L + s / 2) = 0 where exp(-s) = 1 / (2 L)
    assert weighting.now()["small"] == pytest.approx(1.0, rel=0.05)
    assert weighting.now()["large"] == pytest.approx(1 / 80, rel=0.05)


def test_gradnorm_brings_gradients_of_the_shared_layer_to_one_size() -> None:
    torch.manual_seed(0)
    layer = nn.Linear(4, 4, bias=False)
    inputs = torch.randn(32, 4)
    weighting = GradNorm(["small", "large"], alpha=0.0)

    def norms() -> dict[str, float]:
        out = layer(inputs)
        losses = {"small": out[:, :2].square().mean(), "large": 25 * out[:, 2:].square().mean()}
        weighting.total(losses, [layer.weight])
        found = {}
        for name, loss in losses.items():
            (gradient,) = torch.autograd.grad(loss, [layer.weight], retain_graph=True)
            found[name] = weighting.now()[name] * float(gradient.norm())
        return found

    before = norms()
    assert before["large"] > 10 * before["small"]
    for _ in range(400):
        norms()
        weighting.stepped()
    after = norms()
    assert after["large"] == pytest.approx(after["small"], rel=0.35)
    assert sum(weighting.now().values()) == pytest.approx(2)
    with pytest.raises(BadInput, match=r"Task\.shared"):
        weighting.total({"small": torch.ones(()), "large": torch.ones(())})


@pytest.mark.parametrize("make", [Ratio, Uncertainty, GradNorm])
def test_each_weighting_is_used_and_noted(make: Any, tmp_path: Path) -> None:
    plain = fit(Sines(), plan_of("plain"), tmp_path / "plain", sampler=Passes(ROWS))
    done = fit(Sines(), plan_of("plain"), tmp_path / "it", sampler=Passes(ROWS), weighting=make)
    weights = [record["weights"] for record in done.history if "weights" in record]
    assert set(weights[-1]) == {"sine", "large"}
    assert weights[-1]["large"] < weights[-1]["sine"]
    # Weighed by their size, the small loss is no longer drowned by the hundredfold one.
    assert done.figures["fit"] > plain.figures["fit"]


# --- how a step is taken --------------------------------------------------------------------------


class Linear(Sines):
    """No dropout, no batch norm: nothing that depends on how a batch is cut."""

    def build(self, seed: int) -> nn.Module:
        return nn.Sequential(nn.Linear(1, 16), nn.Tanh(), nn.Linear(16, 2))


def test_accumulated_batches_are_one_large_batch(tmp_path: Path) -> None:
    whole = plan_of("plain", batch=48)
    parts = plan_of("plain", batch=12, accumulate=4)
    other = plan_of("plain", batch=12)
    found = [
        fit(Linear(), plan, tmp_path / str(at), sampler=Passes(ROWS)).network.state_dict()
        for at, plan in enumerate((whole, parts, other))
    ]
    for name, value in found[0].items():
        torch.testing.assert_close(found[1][name], value, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(found[2]["0.weight"], found[0]["0.weight"], atol=1e-2)


def test_bfloat16_computes_in_it_and_keeps_float32_weights(tmp_path: Path) -> None:
    kinds: list[torch.dtype] = []

    class Watches(Linear):
        def losses(self, network: Any, batch: Tensor) -> Any:
            kinds.append(network(batch).dtype)
            return super().losses(network, batch)

    done = fit(Watches(), plan_of("bfloat16"), tmp_path, sampler=Passes(ROWS))
    assert set(kinds) == {torch.bfloat16}
    assert {v.dtype for v in done.network.state_dict().values()} == {torch.float32}
    assert done.figures["fit"] > -0.5


def test_what_is_kept_is_the_average_of_the_weights(tmp_path: Path) -> None:
    steps: list[Tensor] = []

    class Notes(Linear):
        def losses(self, network: Any, batch: Tensor) -> Any:
            steps.append(network[0].weight.detach().clone())
            return super().losses(network, batch)

    plan = plan_of("plain", steps=30, ema=0.9, evaluate_every=None, keep="last")
    done = fit(Notes(), plan, tmp_path, sampler=Passes(ROWS))
    mean = steps[0]
    last = load_file(tmp_path / "checkpoint.safetensors")["/network/0.weight"]
    for at, weight in enumerate([*steps[1:30], last], start=1):
        mean = torch.lerp(mean, weight, 1 - min(0.9, (1 + at) / (10 + at)))
    torch.testing.assert_close(done.network.state_dict()["0.weight"], mean)


def test_patience_ends_training_and_the_best_weights_are_kept(tmp_path: Path) -> None:
    class Worsens(Linear):
        evaluations = 0

        def validate(self, network: Any) -> dict[str, float]:
            self.evaluations += 1
            return {"fit": float(-abs(self.evaluations - 3))}

    plan = plan_of("plain", evaluate_every=10, patience=4)
    done = fit(Worsens(), plan, tmp_path, sampler=Passes(ROWS))
    assert (done.ended, done.steps, done.at_step, done.score) == ("patience", 70, 30, 0.0)
    again = fit(Worsens(), plan, tmp_path, sampler=Passes(ROWS))
    assert (again.ended, again.steps) == ("patience", 70)


def test_the_learning_rate_rises_and_falls_as_planned() -> None:
    plan = Plan(steps=110, warm_up=10, learning_rate=0.1, last_rate=0.1)
    assert plan.rate(0) == pytest.approx(0.1 / 11)
    assert plan.rate(10) == pytest.approx(0.1)
    assert plan.rate(60) == pytest.approx(0.055)
    assert plan.rate(110) == pytest.approx(0.01)
    timed = Plan(steps=100, minutes=1.0, anneal_by="minutes", learning_rate=0.1)
    assert timed.rate(10, spent_s=60) == pytest.approx(0)
    assert Plan(steps=9, schedule="constant", learning_rate=0.1).rate(8) == 0.1


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ({"steps": 0}, "steps is 1 or more"),
        ({"batch": 2.5}, "batch is 1 or more"),
        ({"learning_rate": float("nan")}, "learning_rate is a number above 0"),
        ({"minutes": -1.0}, "minutes is a number above 0"),
        ({"ema": 1.0}, "ema is between"),
        ({"patience": 3}, "say evaluate_every, too"),
        ({"precision": "float16"}, "precision is one of float32, bfloat16"),
        ({"anneal_by": "minutes"}, "say how many"),
        ({"last_rate": 2.0}, "last_rate"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(numbers: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        Plan(**numbers)
