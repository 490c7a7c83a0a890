"""What the trainer is given to clone an expert: whole episodes, those of like length together."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from sensorium.errors import BadInput
from sensorium_models.policies.babyai import (
    CELLS,
    COLOURS,
    KINDS,
    STATES,
    BabyAINetwork,
    Episodes,
    tokens_of,
)
from sensorium_models.policies.demonstrations import Demonstrations, offsets
from sensorium_models.policies.files import load_network
from sensorium_models.policies.varying import check_variations, varied
from sensorium_models.store.files import sha256_of
from sensorium_models.training import Draw, Passes

HELD_BACK = 0.02
"""Share of the episodes that are not learnt from, and at most this many of a level:"""
HELD_BACK_MOST = 256
TOGETHER = 16
"""Batches that are sorted by length at a time."""


class Lesson(NamedTuple):
    """A batch."""

    episodes: Episodes
    actions: Tensor
    """(F,) the expert's."""


class ByLength:
    """Passes over all episodes, those of like length in one batch: less is padded.

    ``rows`` are learnt from; ``lengths`` are of all. See :class:`sensorium_models.training.Sampler`.
    """  # noqa: E501

    def __init__(self, rows: NDArray[np.int64], lengths: NDArray[np.int32]) -> None:
        self._rows, self._lengths = rows, lengths
        self._passes = Passes(len(rows))
        self._window = lru_cache(maxsize=2)(self._sorted)

    def take(self, seed: int, start: int, size: int) -> NDArray[np.int64]:
        """The rows of the batch that begins at ``start``, a multiple of ``size``."""
        window, within = divmod(start // size, TOGETHER)
        rows: NDArray[np.int64] = self._window(seed, window, size)[within]
        return rows

    def _sorted(self, seed: int, window: int, size: int) -> NDArray[np.int64]:
        places = self._passes.take(seed, window * TOGETHER * size, TOGETHER * size)
        rows = self._rows[places]
        rows = rows[np.argsort(self._lengths[rows], kind="stable")].reshape(TOGETHER, size)
        order = np.random.default_rng([seed, window, 19]).permutation(TOGETHER)
        return np.asarray(rows[order])


class Cloning:
    """A task for :func:`sensorium_models.training.fit`: do in each state what the expert did.

    ``shown`` are the demonstrations by name of their level; what is held back is measured for each.
    With ``start`` training goes on from the weights in that file. Episodes are learnt from ``vary``
    (:data:`~.varying.VARIATIONS`), and measured as they were. Raises :class:`BadInput` for fewer
    than 2 episodes of a level and for weights of another size of memory.
    """

    score = "agreement"
    name = "babyai"

    def __init__(
        self,
        shown: Mapping[str, Demonstrations],
        *,
        seed: int,
        memory: int,
        start: Path | None = None,
        vary: Collection[str] = (),
    ) -> None:
        for level, demonstrations in shown.items():
            if len(demonstrations) < 2:
                raise BadInput(f"cloning needs 2 episodes or more; {level} has fewer")
        check_variations(vary)
        self._memory, self._start, self._vary = memory, None, frozenset(vary)
        if start is not None:
            network, _ = load_network(start)
            if network.remembers != memory:
                raise BadInput(f"{start} has a memory of {network.remembers}, not of {memory}")
            self._start = network.state_dict()
            self.name = f"babyai from {sha256_of(start)[:12]}"
        if vary:
            self.name += f", varied by {', '.join(sorted(self._vary))}"
        sets = list(shown.values())
        self.lengths = np.concatenate([each.lengths for each in sets])
        self._begins = offsets(self.lengths)
        codes = np.concatenate([_codes(each.views) for each in sets])
        kinds, cells = np.unique(codes, return_inverse=True)
        self._cells = cells.reshape(-1, CELLS).astype(np.int16)
        self._kinds = torch.from_numpy(_decoded(kinds))
        self._actions = np.concatenate([each.actions for each in sets])
        self._tokens = tokens_of(m for each in sets for m in each.missions)
        self.kept: dict[str, NDArray[np.int64]] = {}
        learnt, begin = [], 0
        for at, (level, each) in enumerate(shown.items()):
            mixed = begin + np.random.default_rng([seed, at, 23]).permutation(len(each))
            held = min(max(1, round(len(each) * HELD_BACK)), HELD_BACK_MOST)
            self.kept[level] = mixed[:held]
            learnt.append(mixed[held:])
            begin += len(each)
        self.learnt = np.concatenate(learnt)

    def sampler(self) -> ByLength:
        """Passes over what is learnt from."""
        return ByLength(self.learnt, self.lengths)

    def build(self, seed: int) -> BabyAINetwork:
        """A new network, or the one to start from."""
        torch.manual_seed(seed)
        network = BabyAINetwork(self._memory)
        if self._start is not None:
            network.load_state_dict(self._start)
        return network

    def batch(self, draw: Draw) -> Lesson:
        """Whole episodes."""
        lesson = self.take(draw.rows)
        return varied(lesson, self._vary, draw.rng()) if self._vary else lesson

    def losses(self, network: BabyAINetwork, batch: Lesson) -> dict[str, Tensor]:
        """Cross-entropy in nats an action."""
        logits = network.replay(batch.episodes)
        return {"actions": functional.cross_entropy(logits, batch.actions)}

    def validate(self, network: BabyAINetwork) -> dict[str, float]:
        """Share of the expert's actions chosen in held-back episodes: the mean over levels."""
        shares = [self._agreement(network, rows) for rows in self.kept.values()]
        return {"agreement": float(np.mean(shares)), "worst_level": min(shares)}

    def take(self, rows: NDArray[np.int64]) -> Lesson:
        """These episodes as one batch."""
        lengths = self.lengths[rows].astype(np.int64)
        ends = np.cumsum(lengths)
        step = np.arange(ends[-1]) - np.repeat(ends - lengths, lengths)
        frames = np.repeat(self._begins[rows], lengths) + step
        episode = np.repeat(np.arange(len(rows)), lengths)
        tokens = self._tokens[torch.from_numpy(rows)]
        tokens = tokens[:, : int((tokens != 0).sum(1).max())]
        episodes = Episodes(
            torch.from_numpy(self._cells[frames].astype(np.int64)), self._kinds,
            torch.from_numpy(episode), torch.from_numpy(step), tokens,
        )  # fmt: skip
        return Lesson(episodes, torch.from_numpy(self._actions[frames].astype(np.int64)))

    def _agreement(self, network: BabyAINetwork, rows: NDArray[np.int64]) -> float:
        agreed = asked = 0
        for part in _parts(rows[np.argsort(self.lengths[rows])], 64):
            lesson = self.take(part)
            agreed += int((network.replay(lesson.episodes).argmax(-1) == lesson.actions).sum())
            asked += len(lesson.actions)
        return agreed / asked


def _parts(rows: NDArray[np.int64], size: int) -> Sequence[NDArray[np.int64]]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def _codes(views: NDArray[np.uint8]) -> NDArray[np.int16]:
    """(T, 49) one number a cell."""
    most = np.array([KINDS - 1, COLOURS - 1, STATES - 1], np.uint8)
    cells = np.minimum(views.reshape(-1, CELLS, 3), most).astype(np.int16)
    return np.asarray((cells[..., 0] * COLOURS + cells[..., 1]) * STATES + cells[..., 2])


def _decoded(codes: NDArray[np.int16]) -> NDArray[np.int64]:
    numbers = codes.astype(np.int64)
    return np.stack(
        [numbers // (COLOURS * STATES), numbers // STATES % COLOURS, numbers % STATES], 1
    )
