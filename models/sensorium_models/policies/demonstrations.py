"""Demonstrations: what an environment's expert does, in shards that a later run finds again.

Episodes are played in the bridge's own :class:`EnvironmentHost`, so a demonstration holds what an
agent on the bus observes, and an expert that thinks for ever is cut off.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import BadInput, EnvironmentHung, SimulationError
from sensorium_sims.bridge.host import EnvironmentHost, Moment, Recipe

if TYPE_CHECKING:
    from sensorium.plugins.environments import EnvironmentRegistry

SHARD = 200
"""Episodes of a shard."""
SEEDS = 1_000_000
"""Demonstrations of seed ``s`` have environment seeds from ``(s + 1) * SEEDS``; those below are
left to evaluation."""
VIEW = (7, 7, 3)
RESET_LIMIT_S = 15.0
"""Making the level, and the expert's first thought, take no longer."""
STEP_LIMIT_S = 2.0


@dataclass(frozen=True, slots=True)
class Demonstrations:
    """Episodes one after the other; ``lengths`` says where each ends."""

    views: NDArray[np.uint8]
    """(T, 7, 7, 3): object, colour and state of each cell, as MiniGrid numbers them."""
    actions: NDArray[np.uint8]
    """(T,) the expert's."""
    lengths: NDArray[np.int32]
    """(N,) steps of each episode."""
    missions: tuple[str, ...]
    """(N,) instructions."""
    words: tuple[str, ...]
    """Names of the actions."""
    left_out: int = 0
    """Episodes that the expert did not solve, or in which it hung."""

    def __len__(self) -> int:
        return len(self.lengths)


def gather(
    level: str,
    count: int,
    seed: int,
    folder: Path,
    registry: EnvironmentRegistry,
    on_shard: Callable[[int, int], None] | None = None,
) -> Demonstrations:
    """``count`` episodes (a whole number of shards is played) of ``level``'s expert.

    Shards that ``folder`` holds are read, the others played and written. ``on_shard`` is told
    of each: episodes there are, episodes wanted. Raises :class:`BadInput` for more than
    ``SEEDS`` episodes and for observations that are no view of 7x7 cells with an instruction, and
    :class:`SimulationError` where the level cannot be made or has no expert.
    """
    if not 0 < count <= SEEDS:
        raise BadInput(f"between 1 and {SEEDS:,} demonstrations can be made of a seed, not {count}")
    folder.mkdir(parents=True, exist_ok=True)
    shards = []
    for first in range(0, count, SHARD):
        path = folder / f"{level.replace('/', '-')}-{seed}-{first:07d}.npz"
        shard = _read(path)
        if shard is None:
            begin = (seed + 1) * SEEDS + first
            shard = asyncio.run(_play(level, range(begin, begin + SHARD), registry))
            _write(path, shard)
        shards.append(shard)
        if on_shard is not None:
            on_shard(min(first + SHARD, count), count)
    return _first(_joined(shards), count)


async def _play(level: str, seeds: range, registry: EnvironmentRegistry) -> Demonstrations:
    recipe = Recipe(
        id=level, options={}, registry=registry, advice=True, video=None,
        make_limit_s=RESET_LIMIT_S, step_limit_s=STEP_LIMIT_S, step_s=None,
    )  # fmt: skip
    host = EnvironmentHost(recipe, "demonstrations")
    views: list[NDArray[np.uint8]] = []
    actions: list[int] = []
    lengths: list[int] = []
    missions: list[str] = []
    left_out = 0
    try:
        for seed in seeds:
            try:
                episode = await _episode(host, seed)
            except EnvironmentHung:
                await host.discard()
                episode = None
            if episode is None:
                left_out += 1
                continue
            mission, seen, done = episode
            views += seen
            actions += done
            lengths.append(len(done))
            missions.append(mission)
        if not lengths:
            raise SimulationError(level, f"its expert solved none of the seeds {seeds}")
        words = host.words.words
    finally:
        await host.close()
    return Demonstrations(
        np.stack(views), np.array(actions, np.uint8), np.array(lengths, np.int32),
        tuple(missions), words, left_out,
    )  # fmt: skip


async def _episode(
    host: EnvironmentHost, seed: int
) -> tuple[str, list[NDArray[np.uint8]], list[int]] | None:
    """The instruction, what was seen and done; None where the expert did not get there."""
    moment = await host.reset(seed)
    mission = " ".join(text.text for text in moment.parts.text)
    if not mission:
        raise BadInput("a demonstration needs an instruction, and this level gives none")
    seen: list[NDArray[np.uint8]] = []
    done: list[int] = []
    while not (moment.terminated or moment.truncated):
        assert moment.advice is not None
        action = int(host.words.decode(moment.advice))
        seen.append(_view(moment))
        done.append(action)
        moment = await host.step(action, alone=True)
    return (mission, seen, done) if moment.reward > 0 else None


def _view(moment: Moment) -> NDArray[np.uint8]:
    part = moment.parts.arrays.get("image")
    if part is None or part.values.size != 147:
        raise BadInput("a demonstration needs MiniGrid's view of 7x7 cells (part 'image')")
    return part.values.reshape(VIEW).astype(np.uint8)


def _write(path: Path, shard: Demonstrations) -> None:
    """Whole or not at all: a run that is cut off leaves no half shard."""
    partial = path.with_suffix(f".{os.getpid()}.partial.npz")
    np.savez_compressed(
        partial, views=shard.views, actions=shard.actions, lengths=shard.lengths,
        missions=np.array(shard.missions), words=np.array(shard.words), left_out=shard.left_out,
    )  # fmt: skip
    partial.replace(path)


def _read(path: Path) -> Demonstrations | None:
    if not path.exists():
        return None
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as held:
            return Demonstrations(
                held["views"], held["actions"], held["lengths"],
                tuple(held["missions"].tolist()), tuple(held["words"].tolist()),
                int(held["left_out"]),
            )  # fmt: skip
    except Exception as error:
        raise BadInput(f"{path} is no shard of demonstrations ({error}): delete it") from error


def _joined(shards: list[Demonstrations]) -> Demonstrations:
    return Demonstrations(
        np.concatenate([s.views for s in shards]),
        np.concatenate([s.actions for s in shards]),
        np.concatenate([s.lengths for s in shards]),
        tuple(mission for s in shards for mission in s.missions),
        shards[0].words,
        sum(s.left_out for s in shards),
    )


def _first(held: Demonstrations, count: int) -> Demonstrations:
    if len(held) <= count:
        return held
    steps = int(held.lengths[:count].sum())
    return Demonstrations(
        held.views[:steps], held.actions[:steps], held.lengths[:count], held.missions[:count],
        held.words, held.left_out,
    )  # fmt: skip


def offsets(lengths: NDArray[Any]) -> NDArray[np.int64]:
    """(N + 1,) where each episode begins, and the end."""
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
