"""Teaching the whole policy: senses, readers, then the choice by cloning and by DAgger.

Everything is kept in one folder and nothing is done twice: a run that was stopped, in whatever
way, goes on where it was.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from sensorium_models.policies.avworld.choosing import Choices, ChooserTask
from sensorium_models.policies.avworld.gathering import Gathered, Gathering, gather
from sensorium_models.policies.avworld.networks import Networks
from sensorium_models.policies.avworld.reading import ReadersTask
from sensorium_models.policies.avworld.sensing import SensesTask
from sensorium_models.training import Fitted, Passes, Plan, Progress, fit
from sensorium_models.training.tree import save_weights
from sensorium_sims.avworld.tasks import Task

WEIGHTS = "avworld.safetensors"


@dataclass(frozen=True, slots=True)
class Course:
    """How much of everything."""

    tasks: tuple[Task, ...]
    demos: int
    """Episodes that the oracle shows, of each task."""
    rounds: int = 2
    """Of DAgger, and"""
    coached: int = 60
    """episodes of each task in each."""
    seed: int = 0
    senses_steps: int = 1200
    readers_steps: int = 500
    chooser_steps: int = 600
    """Of training, each round anew."""
    workers: int = 1


@dataclass(frozen=True, slots=True)
class Taught:
    """What came of it."""

    weights: Path
    fitted: tuple[Fitted, ...]
    """Senses, readers, the last chooser."""
    rounds: tuple[Gathered, ...]
    """What the oracle showed, then each round of DAgger."""
    played_s: float
    """Seconds of waiting for episodes."""


def teach(
    course: Course,
    folder: Path,
    *,
    on_progress: Callable[[Progress], None] | None = None,
    tell: Callable[[str], None] = lambda line: None,
) -> Taught:
    """Do all of it; the same course gives the same weights."""
    senses = fit(SensesTask(), senses_plan(course), folder / "senses", on_progress=on_progress)
    readers = fit(ReadersTask(), readers_plan(course), folder / "readers", on_progress=on_progress)
    return teach_choice(course, folder, senses, readers, on_progress=on_progress, tell=tell)


def teach_choice(
    course: Course,
    folder: Path,
    senses: Fitted,
    readers: Fitted,
    *,
    on_progress: Callable[[Progress], None] | None = None,
    tell: Callable[[str], None] = lambda line: None,
) -> Taught:
    """The second half, with senses and readers that there are."""
    networks = Networks()
    networks.senses.load_state_dict(senses.network.state_dict())
    networks.readers.load_state_dict(readers.network.state_dict())
    rounds: list[Gathered] = []
    played = 0.0
    chooser: Fitted | None = None
    for number in range(course.rounds + 1):
        weights = folder / f"round-{number}.safetensors"
        _save(networks, weights, half=False)
        asked = Gathering(
            weights, course.tasks, course.coached if number else course.demos, course.seed, number
        )
        began = time.monotonic()
        rounds.append(
            gather(asked, folder / f"episodes-{number}", course.workers, _teller(tell, number))
        )
        played += time.monotonic() - began
        last = rounds[-1]
        tell(
            f"{'DAgger ' + str(number) if number else 'the oracle'}: {last.episodes} episodes,"
            f" {last.successes} successes, {len(last.choices):,} labels,"
            f" {last.agreed:.1%} of them the policy's own choice"
        )
        task = ChooserTask(Choices.joined([one.choices for one in rounds]))
        chooser = fit(
            task, chooser_plan(course, number), folder / f"chooser-{number}",
            sampler=Passes(len(task.rows)), on_progress=on_progress,
        )  # fmt: skip
        networks.chooser.load_state_dict(chooser.network.state_dict())
    assert chooser is not None
    _save(networks, folder / WEIGHTS, half=True)
    return Taught(folder / WEIGHTS, (senses, readers, chooser), tuple(rounds), played)


def senses_plan(course: Course) -> Plan:
    """Of training to see and to hear."""
    return Plan(
        steps=course.senses_steps, batch=64, learning_rate=2.5e-3, warm_up=30, last_rate=0.01,
        clip=20.0, seed=course.seed, evaluate_every=max(1, course.senses_steps // 12), keep="last",
    )  # fmt: skip


def readers_plan(course: Course) -> Plan:
    """Of training to read."""
    return Plan(
        steps=course.readers_steps, batch=32, learning_rate=3e-3, warm_up=20, last_rate=0.01,
        clip=5.0, seed=course.seed, evaluate_every=max(1, course.readers_steps // 5), keep="last",
    )  # fmt: skip


def chooser_plan(course: Course, number: int) -> Plan:
    """Of training to choose, in one round."""
    return Plan(
        steps=course.chooser_steps, batch=128, learning_rate=2e-3, last_rate=0.01,
        weight_decay=0.02, seed=course.seed * 100 + number,
        evaluate_every=max(1, course.chooser_steps // 6), keep="best",
    )  # fmt: skip


def _save(networks: Networks, path: Path, *, half: bool) -> None:
    state: dict[str, Any] = {
        name: tensor.half() if half and tensor.is_floating_point() else tensor
        for name, tensor in networks.state_dict().items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    save_weights(path, state, {"task": "avworld"})


def _teller(tell: Callable[[str], None], number: int) -> Callable[[int, int], None]:
    kind = f"round {number}" if number else "demonstrations"
    return lambda done, all_: tell(f"{kind}: shard {done}/{all_}")


def one_thread() -> None:
    """Networks this small are slower with more."""
    torch.set_num_threads(1)
