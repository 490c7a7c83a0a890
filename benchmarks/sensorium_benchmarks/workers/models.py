"""The models that every contender runs, in numpy alone: the same code wherever it is called."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]
Infer = Callable[[Sequence[Vector]], Sequence[Any]]
"""As many results as vectors."""

LAYERS = {"small": (128, 256, 256, 10), "large": (512, 1024, 1024, 10)}
"""Widths of the networks, input first."""
TINY_WIDTH = 16


def width(model: str) -> int:
    """Length of the vector that ``model`` takes."""
    return TINY_WIDTH if model == "tiny" else LAYERS[model][0]


def make(model: str) -> Infer:
    """``tiny`` (16 numbers to their sum), or the ``small`` or ``large`` perceptron."""
    return _tiny if model == "tiny" else _perceptron(LAYERS[model])


def _tiny(batch: Sequence[Vector]) -> Sequence[float]:
    sums: list[float] = np.stack(batch).sum(axis=1).tolist()
    return sums


def _perceptron(layers: Sequence[int]) -> Infer:
    """Fully connected layers with a rectifier between; returns the (10,) logits of each."""
    random = np.random.default_rng(0)
    weights = [
        random.standard_normal((given, taken)).astype(np.float32) / np.float32(given**0.5)
        for given, taken in pairwise(layers)
    ]

    def infer(batch: Sequence[Vector]) -> Sequence[Vector]:
        hidden = np.stack(batch)  # (B, in)
        for weight in weights[:-1]:
            hidden = np.maximum(hidden @ weight, 0)
        logits: NDArray[np.float32] = hidden @ weights[-1]  # (B, 10)
        return list(logits)

    return infer
