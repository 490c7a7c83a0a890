"""Teaching the choice: cloning what the oracle would have taken, from any number of episodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sensorium.errors import BadInput
from sensorium_models.policies.avworld.chooser import Chooser
from sensorium_models.policies.avworld.options import FEATURES
from sensorium_models.training import Draw

F32 = NDArray[np.float32]
HELD_BACK = 20
"""One episode in so many is not learnt from."""


@dataclass(frozen=True, slots=True)
class Choices:
    """Labelled options of N moments, one after the other."""

    options: NDArray[np.float16]
    """(R, F) numbers of all options of all moments."""
    counts: NDArray[np.int32]
    """(N,) options of each moment."""
    labels: NDArray[np.int32]
    """(N,) which is the right one."""
    episodes: NDArray[np.int64]
    """(N,) seed of the episode that each belongs to."""

    def __len__(self) -> int:
        return len(self.labels)

    @classmethod
    def joined(cls, parts: Sequence[Choices]) -> Choices:
        """Several in a row."""
        if not parts:
            raise BadInput("there are no choices to join")
        return cls(
            np.concatenate([part.options for part in parts]),
            np.concatenate([part.counts for part in parts]),
            np.concatenate([part.labels for part in parts]),
            np.concatenate([part.episodes for part in parts]),
        )


class Batch(TypedDict):
    """Options (N, K, F), which there are (N, K), the right ones (N,)."""

    options: Tensor
    there: Tensor
    labels: Tensor


class ChooserTask:
    """What there is to learn, see :class:`sensorium_models.training.Task`; takes rows, of
    :attr:`rows`."""

    name = "avworld chooser"
    score = "fit"

    def __init__(self, choices: Choices) -> None:
        if len(choices) < 2:
            raise BadInput("the chooser needs two labelled moments or more")
        self._choices = choices
        self._ends = np.cumsum(choices.counts)
        held = choices.episodes % HELD_BACK == 0
        if held.all() or not held.any():
            held = np.arange(len(choices)) % HELD_BACK == 0
        self.rows, self._held = np.flatnonzero(~held), np.flatnonzero(held)

    def build(self, seed: int) -> Chooser:
        """A new network."""
        return Chooser()

    def batch(self, draw: Draw) -> Batch:
        """Moments by their rows."""
        return self.take(self.rows[draw.rows])

    def take(self, moments: NDArray[np.int64]) -> Batch:
        """Side by side, padded to the most options."""
        held = self._choices
        counts = held.counts[moments]
        options = np.zeros((len(moments), int(counts.max()), FEATURES), np.float32)
        for row, moment in enumerate(moments):
            end = self._ends[moment]
            options[row, : counts[row]] = held.options[end - counts[row] : end]
        there = np.arange(options.shape[1]) < counts[:, None]
        return Batch(
            options=torch.from_numpy(options),
            there=torch.from_numpy(there.astype(np.float32)),
            labels=torch.from_numpy(held.labels[moments].astype(np.int64)),
        )

    def losses(self, network: Chooser, batch: Batch) -> Mapping[str, Tensor]:
        """Cross-entropy."""
        logs = network(batch["options"], batch["there"])
        return {"choice": -logs.gather(1, batch["labels"][:, None]).mean()}

    def validate(self, network: Chooser) -> Mapping[str, float]:
        """Share of the held-back moments in which the right one is the likeliest; nats."""
        right, nats = 0, 0.0
        for start in range(0, len(self._held), 512):
            batch = self.take(self._held[start : start + 512])
            logs = network(batch["options"], batch["there"])
            right += int((logs.argmax(1) == batch["labels"]).sum())
            nats -= float(logs.gather(1, batch["labels"][:, None]).sum())
        many = len(self._held)
        return {"right": right / many, "nats": nats / many, "fit": -nats / many}
