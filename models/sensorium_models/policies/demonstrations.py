"""Demonstrations: what an environment's expert does, in shards that a later run finds again."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import BadInput

SHARD = 200
"""Episodes of a shard."""
SEEDS = 1_000_000
"""Demonstrations of seed ``s`` have environment seeds from ``(s + 1) * SEEDS``; those below are
left to evaluation."""


@dataclass(frozen=True, slots=True)
class Demonstrations:
    """Episodes one after the other; ``lengths`` says where each ends."""

    views: NDArray[np.uint8]
    """(T, 7, 7, 3): object, colour and state of each cell, as MiniGrid numbers them."""
    actions: NDArray[np.uint8]
    """(T,) the expert's, as MiniGrid numbers them."""
    lengths: NDArray[np.int32]
    """(N,) steps of each episode."""
    missions: tuple[str, ...]
    """(N,) instructions."""
    counts: Counter[str] = field(default_factory=Counter)
    """Of the playing: ``played``, ``solved``, ``left_out`` (the expert did not solve the episode,
    hung or raised), ``cpu_ms``; where a policy played, also ``helped`` (the teacher ended the
    episode) and ``stuck`` (the level or the teacher hung or raised on the way)."""

    def __len__(self) -> int:
        return len(self.lengths)

    @classmethod
    def of(
        cls,
        episodes: Sequence[tuple[str, Sequence[NDArray[np.uint8]], Sequence[int]]],
        counts: Mapping[str, int],
    ) -> Demonstrations:
        """From instructions, views and actions of episodes of one step or more."""
        missions, views, actions = zip(*episodes, strict=True) if episodes else ((), (), ())
        return cls(
            np.concatenate(
                [np.stack(seen) for seen in views] or [np.zeros((0, 7, 7, 3), np.uint8)]
            ),
            np.array([action for done in actions for action in done], np.uint8),
            np.array([len(done) for done in actions], np.int32),
            tuple(missions),
            Counter(counts),
        )

    def first(self, count: int) -> Demonstrations:
        """The first ``count`` episodes, or all where there are fewer."""
        if len(self) <= count:
            return self
        steps = int(self.lengths[:count].sum())
        return Demonstrations(
            self.views[:steps], self.actions[:steps], self.lengths[:count], self.missions[:count],
            self.counts,
        )  # fmt: skip


def joined(parts: Sequence[Demonstrations]) -> Demonstrations:
    """One or several, one after the other."""
    return Demonstrations(
        np.concatenate([part.views for part in parts]),
        np.concatenate([part.actions for part in parts]),
        np.concatenate([part.lengths for part in parts]),
        tuple(mission for part in parts for mission in part.missions),
        sum((part.counts for part in parts), Counter()),
    )


def write(path: Path, shard: Demonstrations) -> None:
    """Whole or not at all: a run that is cut off leaves no half shard."""
    partial = path.with_suffix(f".{os.getpid()}.partial.npz")
    np.savez_compressed(
        partial, views=shard.views, actions=shard.actions, lengths=shard.lengths,
        missions=np.array(shard.missions, np.str_), counts=json.dumps(shard.counts),
    )  # fmt: skip
    partial.replace(path)


def read(path: Path) -> Demonstrations:
    """A shard that :func:`write` wrote. Raises :class:`BadInput` for what is none."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as held:
            return Demonstrations(
                held["views"], held["actions"], held["lengths"],
                tuple(held["missions"].tolist()), Counter(json.loads(str(held["counts"]))),
            )  # fmt: skip
    except Exception as error:
        raise BadInput(f"{path} is no shard of demonstrations ({error}): delete it") from error


def shard_path(folder: Path, level: str, seed: int, first: int) -> Path:
    """Where the shard lies that begins with demonstration ``first``."""
    return folder / f"{level.replace('/', '-')}-{seed}-{first:07d}.npz"


def offsets(lengths: NDArray[Any]) -> NDArray[np.int64]:
    """(N + 1,) where each episode begins, and the end."""
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
