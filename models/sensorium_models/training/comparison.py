"""Each training strategy beside training without it: the same task, seeds and steps."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from statistics import fmean, stdev
from typing import Any

import numpy as np
import torch

from sensorium.errors import BadInput
from sensorium_models.training.curriculum import Curriculum, Stage
from sensorium_models.training.fitting import Fitted, fit
from sensorium_models.training.plan import Plan
from sensorium_models.training.sampling import Balanced, Passes
from sensorium_models.training.thumbnails import NamingThumbnails, right, thumbnails
from sensorium_models.training.weighting import GradNorm, Ratio, Uncertainty

PLAN = Plan(steps=300, batch=64, learning_rate=4e-3, evaluate_every=100, keep="last")
SHORT = dataclasses.replace(PLAN, steps=200)
TEST = 600
Test = Callable[[Any], Mapping[str, float]]


@dataclass(frozen=True)
class Arm:
    """One way to train: what differs from the first arm of its comparison."""

    name: str
    task: Any
    test: Test
    plan: Plan = PLAN
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Comparison:
    """Arms that share task, test, seeds; the first is training without the strategy."""

    name: str
    question: str
    arms: Sequence[Arm]


def difficulty() -> Comparison:
    """Easy pictures first."""
    data = thumbnails("train", 2000, 2000)
    task = NamingThumbnails(data, thumbnails("validation", 0, 300), ["shape"])
    arm = partial(Arm, task=task, test=_on(thumbnails("test", 0, TEST)), plan=SHORT)
    everything = Passes(len(data))
    stages = Curriculum([Stage("easy", sampler=Passes(data.easy), steps=70), Stage("all")])
    return Comparison("curriculum of difficulty", "shapes in noisy pictures", [
        arm("all from the start", options={"sampler": everything}),
        arm("a third on easy ones", options={"sampler": everything, "curriculum": stages}),
    ])  # fmt: skip


def modalities() -> Comparison:
    """The modalities that hold the answer first, then the one that distracts, too."""
    from sensorium_models.fusion_networks import learning
    from sensorium_models.fusion_networks.worlds import vectors

    data = vectors("synergy")
    task = learning.Learning(data, "low_rank")
    plan = dataclasses.replace(learning.PLAN, steps=120, keep="last", evaluate_every=60)

    def test(network: Any) -> Mapping[str, float]:
        return {"right": float(learning.right(network, data.test).float().mean())}

    sampler = Passes(len(data.train))
    stages = Curriculum([Stage("two", {"modalities": ["a", "b"]}, steps=60), Stage("all")])
    arm = partial(Arm, task=task, test=test, plan=plan)
    return Comparison("curriculum of modalities", "(a + b) mod 4 of a, b and a distracting c", [
        arm("all three from the start", options={"sampler": sampler}),
        arm("half of it on a and b", options={"sampler": sampler, "curriculum": stages}),
    ])  # fmt: skip


def balance() -> Comparison:
    """Shapes of which each comes 0.6 times as often as the one before."""
    whole = thumbnails("train", 4000, 0)
    rng = np.random.default_rng(5)
    chance = torch.from_numpy(0.6 ** np.arange(10))[whole.shapes].numpy()
    data = whole.take(torch.from_numpy(np.flatnonzero(rng.random(len(whole)) < chance)))
    task = NamingThumbnails(data, thumbnails("validation", 300, 0), ["shape"])
    arm = partial(Arm, task=task, test=_on(thumbnails("test", TEST, 0)))
    return Comparison("balanced sampling", "shapes, the commonest 100 times the rarest", [
        arm("as the data comes", options={"sampler": Passes(len(data))}),
        arm("each shape alike", options={"sampler": Balanced(data.shapes.tolist())}),
    ])  # fmt: skip


def weights() -> Comparison:
    """Two cross-entropies and a squared distance in pixels."""
    data = thumbnails("train", 2000, 2000)
    goals: Any = ["shape", "colour", "place"]
    task = NamingThumbnails(data, thumbnails("validation", 150, 150), goals)
    arm = partial(Arm, task=task, test=_on(thumbnails("test", TEST // 2, TEST // 2)))
    base = {"sampler": Passes(len(data))}
    return Comparison("loss weighting", "shape, colour and place, place in pixels squared", [
        arm("added up", options=base),
        arm("ratio rule", options={**base, "weighting": Ratio}),
        arm("uncertainty", options={**base, "weighting": Uncertainty}),
        arm("GradNorm", options={**base, "weighting": GradNorm}),
    ])  # fmt: skip


def steps() -> Comparison:
    """Precision, accumulation and averaging: how a step is taken."""
    data = thumbnails("train", 2000, 2000)
    task = NamingThumbnails(data, thumbnails("validation", 150, 150), ["shape", "colour"])
    arm = partial(Arm, task=task, test=_on(thumbnails("test", TEST // 2, TEST // 2)),
                  plan=SHORT, options={"sampler": Passes(len(data))})  # fmt: skip
    return Comparison("how a step is taken", "shape and colour", [
        arm("float32, batches of 64"),
        arm("mixed precision (bfloat16)", plan=dataclasses.replace(SHORT, precision="bfloat16")),
        arm("4 batches of 16 accumulated", plan=dataclasses.replace(SHORT, batch=16, accumulate=4)),
        arm("average of weights (0.99)", plan=dataclasses.replace(SHORT, ema=0.99)),
    ])  # fmt: skip


def stopping() -> Comparison:
    """Few pictures, many passes."""
    data = thumbnails("train", 150, 150)
    task = NamingThumbnails(data, thumbnails("validation", 150, 150), ["shape"])
    arm = partial(Arm, task=task, test=_on(thumbnails("test", TEST // 2, TEST // 2)),
                  options={"sampler": Passes(len(data))})  # fmt: skip
    plan = dataclasses.replace(SHORT, schedule="constant", evaluate_every=20)
    return Comparison("early stop", "shapes, learnt from 300 pictures", [
        arm("all the steps", plan=plan),
        arm("patience 4, best kept", plan=dataclasses.replace(plan, patience=4, keep="best")),
    ])  # fmt: skip


COMPARISONS: dict[str, Callable[[], Comparison]] = {
    "difficulty": difficulty,
    "modalities": modalities,
    "balance": balance,
    "weights": weights,
    "steps": steps,
    "stopping": stopping,
}


def compare(
    names: Sequence[str], seeds: Sequence[int], tell: Callable[[str], None]
) -> dict[str, Any]:
    """Run comparisons by name. Raises BadInput for one that is not there."""
    unknown = sorted(set(names) - set(COMPARISONS))
    if unknown:
        raise BadInput(f"no comparison {', '.join(unknown)}: there are {', '.join(COMPARISONS)}")
    found = {name: _compared(COMPARISONS[name](), seeds, tell) for name in names}
    return {"seeds": list(seeds), "comparisons": found}


def _compared(
    comparison: Comparison, seeds: Sequence[int], tell: Callable[[str], None]
) -> dict[str, Any]:
    arms: dict[str, Any] = {}
    for seed in seeds:  # arms take turns: what else the machine does hits all alike
        for arm in comparison.arms:
            figures, fitted = _run(arm, seed)
            of = arms.setdefault(arm.name, {"right": [], "figures": [], "cpu_s": [], "steps": []})
            of["right"].append(figures["right"])
            of["figures"].append(dict(figures))
            of["cpu_s"].append(round(fitted.spent_s, 2))
            of["steps"].append(fitted.steps)
            tell(f"{comparison.name}  {arm.name}  seed {seed}  {figures['right']:.1%}")
    first = next(iter(arms.values()))
    for of in arms.values():
        gains = [a - b for a, b in zip(of["right"], first["right"], strict=True)]
        of["mean"], of["gain"], of["gain_by_seed"] = fmean(of["right"]), fmean(gains), gains
        of["gain_spread"] = stdev(gains) if len(gains) > 1 else None
    return {"name": comparison.name, "question": comparison.question, "arms": arms}


def _run(arm: Arm, seed: int) -> tuple[Mapping[str, float], Fitted]:
    plan = dataclasses.replace(arm.plan, seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        fitted = fit(arm.task, plan, folder, curves=False, **arm.options)
    return arm.test(fitted.network), fitted


def _on(held: Any) -> Test:
    return lambda network: right(network, held)


def table(found: Mapping[str, Any]) -> str:
    """For a person: one block a comparison."""
    return "\n".join(_lines(found))


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    yield f"mean of {len(found['seeds'])} seeds, right in %; gain over the first arm, by seed"
    for of in found["comparisons"].values():
        yield f"\n{of['name']}: {of['question']}"
        yield f"  {'':<30}{'right':>7}{'gain':>8}  {'by seed':<24}{'steps':>6}{'CPU s':>8}"
        for at, (name, arm) in enumerate(of["arms"].items()):
            gains = " ".join(f"{100 * gain:+.1f}" for gain in arm["gain_by_seed"])
            gain = f"{100 * arm['gain']:+.1f}"
            shown = ("", "") if at == 0 else (gain, gains)
            yield (
                f"  {name:<30}{100 * arm['mean']:>7.1f}{shown[0]:>8}  {shown[1]:<24}"
                f"{fmean(arm['steps']):>6.0f}{fmean(arm['cpu_s']):>8.1f}"
            )
            parts = [goal for goal in arm["figures"][0] if goal != "right"]
            if len(parts) > 1:
                means = {goal: fmean(f[goal] for f in arm["figures"]) for goal in parts}
                yield "    " + ", ".join(f"{goal} {100 * v:.1f}" for goal, v in means.items())
