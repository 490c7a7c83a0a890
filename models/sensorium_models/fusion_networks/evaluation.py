"""Fusion networks side by side: what each gets right, and how it falls as inputs get worse."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from statistics import fmean
from typing import Any

import torch
from torch import Tensor

from sensorium.errors import UnknownName
from sensorium_models.fusion_networks.kinds import KINDS
from sensorium_models.fusion_networks.learning import PLAN, Learning, right
from sensorium_models.fusion_networks.network import FusionNetwork, dropped
from sensorium_models.fusion_networks.robustness import (
    LEVELS,
    effective_robustness,
    relative_robustness,
)
from sensorium_models.fusion_networks.worlds import VECTOR_TASKS, FusionData, Rows, vectors
from sensorium_models.training import Passes, Plan, fit
from sensorium_sims.metrics import wilson

TASKS = (*VECTOR_TASKS, "world")
"""Those that are compared."""
WORLDS = ("world", "world_rooms")
DROP = 0.2
"""Modality dropout of every network that is compared."""
NOISE = 3.0
"""Spreads of noise at an imperfection of 1."""
Tell = Callable[[str], None]


def data_of(task: str) -> FusionData:
    """A task by name. Raises UnknownName with the names there are."""
    if task in WORLDS:
        from sensorium_models.fusion_networks.claims import world

        return world(rooms=task == "world_rooms")
    if task not in VECTOR_TASKS:
        raise UnknownName(
            "fusion task", task, [*VECTOR_TASKS, *WORLDS], "They are in fusion_networks/worlds.py."
        )
    return vectors(task)


def plan_of(task: str, seed: int, steps: int | None = None) -> Plan:
    """What a task is learnt by: 1000 steps for the world, 300 for vectors."""
    usual = 1000 if task in WORLDS else 300
    return dataclasses.replace(PLAN, steps=steps or usual, seed=seed)


def trained(
    data: FusionData,
    kind: str,
    seed: int,
    *,
    only: Sequence[str] | None = None,
    drop: float = DROP,
    steps: int | None = None,
) -> FusionNetwork:
    """A network that learnt a task, in a folder that is gone afterwards."""
    task = Learning(data, kind, drop=drop, only=only)
    with tempfile.TemporaryDirectory() as folder:
        plan = plan_of(data.name, seed, steps)
        fitted = fit(task, plan, folder, sampler=Passes(len(data.train)), curves=False)
    assert isinstance(fitted.network, FusionNetwork)
    return fitted.network


def compare(
    tasks: Sequence[str],
    kinds: Sequence[str],
    seeds: Sequence[int],
    tell: Tell,
    steps: int | None = None,
) -> dict[str, Any]:
    """Train every network on every task with every seed, and measure each on the test rows.

    ``late`` is always among them: effective robustness is measured against it.
    """
    found = {}
    for task in tasks:
        data = data_of(task)
        runs = {}
        for named, kind, drop in _compared(kinds):
            nets = [trained(data, kind, seed, drop=drop, steps=steps) for seed in seeds]
            runs[named] = [measured(net, data.test) for net in nets]
            tell(f"{task}  {named}  {fmean(run['accuracy'] for run in runs[named]):.1%}")
        alone = {}
        for name in data.sizes:
            nets = [
                trained(data, "concatenation", seed, only=[name], drop=0, steps=steps)
                for seed in seeds
            ]
            alone[name] = [float(right(net, data.test).float().mean()) for net in nets]
            tell(f"{task}  {name} alone  {fmean(alone[name]):.1%}")
        found[task] = {
            "n": len(data.test),
            "chance": data.chance,
            "alone": {name: _summary(values, len(data.test)) for name, values in alone.items()},
            "networks": {
                named: _together(run, runs["late"], len(data.test)) for named, run in runs.items()
            },
        }
    return {"seeds": list(seeds), "modality_dropout": DROP, "tasks": found}


def _compared(kinds: Sequence[str]) -> list[tuple[str, str, float]]:
    """Name, kind and modality dropout of each; the low-rank one also without it."""
    rows = [(kind, kind, DROP) for kind in KINDS if kind in {*kinds, "late"}]
    return rows + [("low_rank, drop 0", kind, 0.0) for kind in kinds if kind == "low_rank"]


def measured(network: FusionNetwork, rows: Rows) -> dict[str, Any]:
    """Accuracy, with each modality missing, and its curves over imperfections."""
    without = {}
    for name in network.names if len(network.names) > 1 else ():
        none = {name: torch.zeros(len(rows), dtype=torch.bool)}
        without[name] = float(right(network, rows, none).float().mean())
    return {
        "accuracy": float(right(network, rows).float().mean()),
        "without": without,
        "noise": [_with_noise(network, rows, level) for level in LEVELS],
        "missing": [_with_missing(network, rows, level) for level in LEVELS],
    }


def _with_noise(network: FusionNetwork, rows: Rows, level: float) -> float:
    """Every modality with noise of ``NOISE * level`` spreads."""
    with _seeded(round(level * 10)):
        inputs = {
            name: rows.inputs[name]
            + NOISE * level * network.get_buffer(f"spread_{name}") * torch.randn_like(
                rows.inputs[name])
            for name in network.names
        }  # fmt: skip
    return float(right(network, Rows(inputs, rows.labels)).float().mean())


def _with_missing(network: FusionNetwork, rows: Rows, level: float) -> float:
    """Each modality of each row missing with the chance ``level``; one is always there."""
    whole = torch.ones(len(rows), len(network.names), dtype=torch.bool)
    with _seeded(100 + round(level * 10)):
        there = dropped(whole, level)
    present: Mapping[str, Tensor] = {n: there[:, at] for at, n in enumerate(network.names)}
    return float(right(network, rows, present).float().mean())


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def _summary(values: Sequence[float], n: int) -> dict[str, Any]:
    """Mean over seeds; the interval is that of ``n`` test rows."""
    mean = fmean(values)
    return {"mean": mean, "seeds": list(values), "ci95": list(wilson(round(mean * n), n))}


def _together(runs: Sequence[Any], late: Sequence[Any], n: int) -> dict[str, Any]:
    found: dict[str, Any] = {
        "accuracy": _summary([run["accuracy"] for run in runs], n),
        "without": {name: fmean(run["without"][name] for run in runs) for name in
                    runs[0]["without"]},
    }  # fmt: skip
    for way in ("noise", "missing"):
        curve = [fmean(run[way][at] for run in runs) for at in range(len(LEVELS))]
        reference = [fmean(run[way][at] for run in late) for at in range(len(LEVELS))]
        found[way] = {
            "curve": curve,
            "relative": relative_robustness(curve),
            "effective": effective_robustness(curve, reference),
        }
    return found


def table(found: Mapping[str, Any]) -> str:
    """For a person: one block a task."""
    seeds, drop = len(found["seeds"]), found["modality_dropout"]
    lines = [
        f"mean of {seeds} seeds, modality dropout {drop:g}; accuracy in %, 95 % interval of the"
        " test rows; robustness as MultiBench defines it",
    ]
    for task, about in found["tasks"].items():
        alone = ", ".join(f"{n} {100 * a['mean']:.1f}" for n, a in about["alone"].items())
        names = list(about["alone"])
        lines += [
            "",
            f"{task}: n = {about['n']}; chance {100 * about['chance']:.1f}; alone: {alone}",
            f"  {'network':<17}{'accuracy':>9}  {'95 %':<13}"
            + "".join(f"{'no ' + name:>12}" for name in names)
            + f"{'noise rel':>11}{'eff':>7}{'missing rel':>13}{'eff':>7}",
        ]
        for kind, of in about["networks"].items():
            low, high = (f"{100 * value:.1f}" for value in of["accuracy"]["ci95"])
            lines.append(
                f"  {kind:<17}{100 * of['accuracy']['mean']:>9.1f}  {low + ' to ' + high:<13}"
                + "".join(f"{100 * of['without'][name]:>12.1f}" for name in names)
                + _robust(of["noise"], 11)
                + _robust(of["missing"], 13)
            )
    return "\n".join(lines)


def _robust(of: Mapping[str, Any], width: int) -> str:
    effective = round(of["effective"], 2) + 0.0  # no "-0.00"
    return f"{of['relative']:>{width}.3f}{effective:>7.2f}"
