"""Episodes that the chooser learns from, in shards, by as many processes as one likes.

A shard that is there is read, not played again, so a run that was stopped goes on. Each shard is
written whole or not at all. An episode that takes too long is left out and counted.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from sensorium.errors import BadInput
from sensorium_models.policies.avworld.choosing import Choices
from sensorium_models.policies.avworld.options import FEATURES
from sensorium_models.policies.avworld.playing import Played, play
from sensorium_sims.avworld.env import AVWorld
from sensorium_sims.avworld.tasks import TASKS, Task

SHARD = 10
"""Episodes."""
SEEDS = 1_000_000
"""Episodes of training seed ``s`` have environment seeds from ``(s + 1) * SEEDS``; those below
are left to evaluation."""
MOST = 10_000
"""Episodes of one task in one round, at most: seeds stay apart."""


@dataclass(frozen=True, slots=True)
class Gathering:
    """One round of playing."""

    weights: Path
    """Of all the networks."""
    tasks: tuple[Task, ...]
    episodes: int
    """Of each task."""
    seed: int
    round: int
    """0: the oracle shows the way; from 1 on the policy plays."""

    def shards(self) -> list[tuple[Task, range]]:
        """Task and environment seeds of each."""
        if not 0 < self.episodes <= MOST:
            raise BadInput(f"a round has between 1 and {MOST:,} episodes, not {self.episodes:,}")
        found = []
        for task in self.tasks:
            begin = (self.seed + 1) * SEEDS + (self.round * len(TASKS) + TASKS.index(task)) * MOST
            for first in range(0, self.episodes, SHARD):
                last = min(first + SHARD, self.episodes)
                found.append((task, range(begin + first, begin + last)))
        return found


@dataclass(frozen=True, slots=True)
class Gathered:
    """What came of a round."""

    choices: Choices
    episodes: int
    successes: int
    left_out: int
    """Episodes that took too long."""
    agreed: float
    """Share of the labels that were the policy's own first choice."""


def gather(
    asked: Gathering, folder: Path, workers: int = 1,
    on_shard: Callable[[int, int], None] | None = None,
) -> Gathered:  # fmt: skip
    """Play what is not in ``folder`` yet, and read all. ``on_shard`` is told how many there are."""
    folder.mkdir(parents=True, exist_ok=True)
    shards = asked.shards()
    paths = [folder / f"{task}-{seeds.start}-{len(seeds)}.npz" for task, seeds in shards]
    missing = [at for at, path in enumerate(paths) if not path.exists()]
    done = len(paths) - len(missing)
    if workers == 1:
        for at in missing:
            _shard(asked, *shards[at], paths[at])
            done += 1
            if on_shard is not None:
                on_shard(done, len(paths))
    elif missing:
        with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
            waiting = [pool.submit(_shard, asked, *shards[at], paths[at]) for at in missing]
            for finished in as_completed(waiting):
                finished.result()
                done += 1
                if on_shard is not None:
                    on_shard(done, len(paths))
    return _read(paths)


def _shard(asked: Gathering, task: Task, seeds: range, path: Path) -> None:
    """Play one shard, in whatever process."""
    import torch

    from sensorium_models.policies.avworld.networks import Networks

    torch.set_num_threads(1)
    networks, env = Networks.load(asked.weights), AVWorld(task)
    shown = 0.0 if asked.round else 1.0
    episodes = [
        play(env, seed, networks, networks.choose, shown=shown, keep=True) for seed in seeds
    ]
    _write(path, episodes)


def _write(path: Path, episodes: Sequence[Played]) -> None:
    kept = [episode for episode in episodes if not episode.hung]
    options = [rows for episode in kept for rows in episode.options]
    partial = path.with_suffix(f".{os.getpid()}.partial.npz")
    np.savez_compressed(
        partial,
        options=np.concatenate([np.zeros((0, FEATURES)), *options]).astype(np.float16),
        counts=np.array([len(rows) for rows in options], np.int32),
        labels=np.array([label for e in kept for label in e.labels], np.int32),
        episodes=np.array([e.seed for e in kept for _ in e.labels], np.int64),
        figures=np.array([
            len(kept), sum(e.success for e in kept), len(episodes) - len(kept),
            sum(e.agreed for e in kept),
        ]),
    )  # fmt: skip
    partial.replace(path)


def _read(paths: Sequence[Path]) -> Gathered:
    parts, figures = [], np.zeros(4, np.int64)
    for path in paths:
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as held:
                names = ("options", "counts", "labels", "episodes")
                parts.append(Choices(*(held[name] for name in names)))
                figures += held["figures"]
        except Exception as error:
            raise BadInput(f"{path} is no shard of episodes ({error}): delete it") from error
    choices = Choices.joined(parts)
    episodes, successes, left_out, agreed = (int(figure) for figure in figures)
    return Gathered(choices, episodes, successes, left_out, agreed / max(1, len(choices)))
