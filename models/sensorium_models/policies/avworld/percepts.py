"""What the networks say of one moment, in metres and radians, and what an instruction says."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sensorium_models.policies.avworld.hearing import DIRECTIONS, MAPS, RINGS
from sensorium_models.policies.avworld.scenes import ASIDE
from sensorium_models.policies.avworld.sensing import Senses
from sensorium_models.policies.avworld.sight import COLOURS
from sensorium_sims.avworld.seeing import SIZE

F32 = NDArray[np.float32]
SURE = 0.3
"""How likely the middle of a thing must be."""
HALF = SIZE / 2


@dataclass(frozen=True, slots=True)
class Seen:
    """One thing in one picture."""

    ahead: float
    """Metres, and"""
    left: float
    """metres to the left."""
    sure: float
    colour: F32
    """(6,) chances."""
    kind: F32
    """(5,) chances."""


@dataclass(frozen=True, slots=True)
class Percept:
    """One moment. A sense that is missing is None."""

    depth: F32 | None
    """(64,) metres ahead to the wall, from left to right."""
    things: tuple[Seen, ...]
    heard: F32 | None
    """(9, 24, 5) chances, see :class:`~.hearing.Hearing`."""


def perceive(
    senses: Senses, pictures: list[NDArray[np.uint8] | None], sounds: list[F32 | None]
) -> list[Percept]:
    """What the networks make of moments side by side."""
    seen, heard = _all(senses.sight, pictures), _all(senses.hearing, sounds)
    return [
        Percept(
            None if picture is None else np.exp(picture[0]),
            () if picture is None else tuple(_things(picture)),
            None if sound is None else (1 / (1 + np.exp(-sound))).astype(np.float32),
        )
        for picture, sound in zip(seen, heard, strict=True)
    ]


def _all(network: torch.nn.Module, given: list[Any]) -> list[F32 | None]:
    """The network's answers, in one batch, for those that there are."""
    answers: list[F32 | None] = [None] * len(given)
    there = [at for at, item in enumerate(given) if item is not None]
    if there:
        batch = torch.from_numpy(np.stack([given[at] for at in there]))
        device = next(network.parameters()).device
        with torch.inference_mode():
            found = network(batch.to(device)).float().cpu().numpy()
        for row, at in enumerate(there):
            answers[at] = found[row]
    return answers


def _things(picture: F32) -> list[Seen]:
    """Peaks among the columns."""
    sure = 1 / (1 + np.exp(-picture[1]))
    around = np.pad(sure, 1)
    peaks = (sure > SURE) & (sure >= around[:-2]) & (sure > around[2:])
    found = []
    for column in np.flatnonzero(peaks):
        ahead = math.exp(float(np.clip(picture[2, column], -3, 4)))
        middle = column + 0.5 + ASIDE * float(np.clip(picture[3, column], -0.1, 0.1))
        found.append(
            Seen(
                ahead, -(middle / HALF - 1) * ahead, float(sure[column]),
                _softmax(picture[4 : 4 + COLOURS, column]),
                _softmax(picture[4 + COLOURS :, column]),
            )
        )  # fmt: skip
    return found


def _softmax(logits: F32) -> F32:
    shares = np.exp(logits - logits.max())
    return np.asarray(shares / shares.sum(), np.float32)


SILENCE: F32 = np.zeros((MAPS, DIRECTIONS, RINGS), np.float32)
"""Nothing is heard from anywhere."""
