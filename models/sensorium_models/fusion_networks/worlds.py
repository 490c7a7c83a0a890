"""Tasks whose information lies where we put it: in one modality, in each, or in several together.

The kinds are those of the partial information decomposition as Liang et al. use it for fusion
("Quantifying & Modeling Multimodal Interactions", NeurIPS 2023).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sensorium.errors import UnknownName

Part = Literal["train", "validation", "test"]
COUNTS: dict[Part, int] = {"train": 4096, "validation": 512, "test": 2048}
SIZE = 16
MODALITIES = ("a", "b", "c")
NOISE = 1.0


@dataclass(frozen=True)
class Rows:
    """``inputs`` (N, size) float32 by modality, and ``labels`` (N,) int64."""

    inputs: dict[str, Tensor]
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class FusionData:
    """A task: its parts, what its classes mean, and how often the commonest comes in the test."""

    name: str
    train: Rows
    validation: Rows
    test: Rows
    labels: tuple[str, ...]

    @property
    def sizes(self) -> dict[str, int]:
        """Widths by modality."""
        return {name: values.shape[1] for name, values in self.train.inputs.items()}

    @property
    def chance(self) -> float:
        """What the commonest class gives."""
        return float(np.bincount(self.test.labels.numpy()).max() / len(self.test))


Rng = np.random.Generator
Codes = NDArray[np.int64]


def _unique(rng: Rng, n: int) -> tuple[list[Codes], Codes]:
    a, b, c = (rng.integers(4, size=n) for _ in range(3))
    return [a, b, c], a


def _redundant(rng: Rng, n: int) -> tuple[list[Codes], Codes]:
    label = rng.integers(4, size=n)

    def seen() -> Codes:
        wrong = rng.random(n) < 0.3
        return np.where(wrong, rng.integers(4, size=n), label)

    return [seen(), seen(), seen()], label


def _synergy(rng: Rng, n: int) -> tuple[list[Codes], Codes]:
    a, b, c = (rng.integers(4, size=n) for _ in range(3))
    return [a, b, c], (a + b) % 4


def _synergy_of_three(rng: Rng, n: int) -> tuple[list[Codes], Codes]:
    a, b, c = (rng.integers(2, size=n) for _ in range(3))
    return [a, b, c], a ^ b ^ c


VECTOR_TASKS: dict[str, Callable[[Rng, int], tuple[list[Codes], Codes]]] = {
    "unique": _unique,
    "redundant": _redundant,
    "synergy": _synergy,
    "synergy_of_three": _synergy_of_three,
}


def vectors(name: str, seed: int = 0) -> FusionData:
    """One of the tasks made of vectors: three modalities of 16 numbers, a code hidden in each.

    - ``unique``: the label is a's code; b and c know nothing of it
    - ``redundant``: each code is the label, in 30 % of the rows drawn anew
    - ``synergy``: the label is (a + b) mod 4; c knows nothing
    - ``synergy_of_three``: the label is the parity of three bits

    Raises UnknownName for any other.
    """
    if name not in VECTOR_TASKS:
        raise UnknownName(
            "fusion task", name, VECTOR_TASKS, "They are in fusion_networks/worlds.py."
        )
    places = np.random.default_rng([seed, 1])
    kinds = 2 if name == "synergy_of_three" else 4
    shown = [places.normal(size=(kinds, SIZE)) for _ in MODALITIES]

    def part(which: int, count: int) -> Rows:
        rng = np.random.default_rng([seed, 2, which])
        codes, labels = VECTOR_TASKS[name](rng, count)
        inputs = {
            m: torch.from_numpy(
                (shown[at][codes[at]] + NOISE * rng.normal(size=(count, SIZE))).astype(np.float32)
            )
            for at, m in enumerate(MODALITIES)
        }
        return Rows(inputs, torch.from_numpy(labels.astype(np.int64)))

    train, validation, test = (part(at, count) for at, count in enumerate(COUNTS.values()))
    return FusionData(name, train, validation, test, tuple(str(kind) for kind in range(kinds)))
