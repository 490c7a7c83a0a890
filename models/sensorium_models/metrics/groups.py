"""Winoground's scores, GenEval's table, and the gain of lips in decibels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import numpy as np

from sensorium.errors import BadInput
from sensorium_models.metrics.rates import Rate, rate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sensorium_sims.world.prompts import Prompt, Verdict


@dataclass(frozen=True, slots=True)
class Winoground:
    """By chance: text and image 25 %, group 16.7 %."""

    text: Rate
    image: Rate
    group: Rate


def winoground(scores: NDArray[np.floating]) -> Winoground:
    """From scores (N, 2, 2) of [caption, image] in N groups, where 0 goes with 0 and 1 with 1.

    Text: for each image its caption beats the other's. Image: for each caption its image does.
    Group: both. Ties lose (Thrush et al., 2022).
    """
    s = np.asarray(scores, np.float64)
    if s.ndim != 3 or s.shape[1:] != (2, 2) or np.isnan(s).any():
        raise BadInput(f"Winoground's scores are numbers of shape (N, 2, 2), not {s.shape}")
    text = (s[:, 0, 0] > s[:, 1, 0]) & (s[:, 1, 1] > s[:, 0, 1])
    image = (s[:, 0, 0] > s[:, 0, 1]) & (s[:, 1, 1] > s[:, 1, 0])
    return Winoground(rate(text), rate(image), rate(text & image))


@dataclass(frozen=True, slots=True)
class GenEval:
    """The rate of right pictures by task; ``overall`` is the mean of the tasks, as published."""

    tasks: dict[str, Rate]

    @property
    def overall(self) -> float:
        """From 0 to 1."""
        return sum(task.value for task in self.tasks.values()) / len(self.tasks)


def geneval(judged: Iterable[tuple[Prompt, Verdict]]) -> GenEval:
    """From each picture's prompt and verdict (:func:`sensorium_sims.world.prompts.judge`)."""
    by_task: dict[str, list[bool]] = {}
    for prompt, verdict in judged:
        by_task.setdefault(prompt.task, []).append(verdict.correct)
    if not by_task:
        raise BadInput("GenEval needs at least one judged picture")
    return GenEval({task: rate(outcomes) for task, outcomes in by_task.items()})


@dataclass(frozen=True, slots=True)
class Gain:
    """``db`` of signal to noise; ``bound`` says whether it is that, or more, or less."""

    db: float
    bound: Literal["exact", "at least", "at most"]


def snr_gain(alone: Mapping[float, float], joint: Mapping[float, float], at: float = 0.0) -> Gain:
    """How many dB cleaner the sound would have to be for audio alone to do as well as both do.

    ``alone`` and ``joint`` give the word error rate at each SNR in dB. Between measured points the
    rate is linear; where audio alone does as well nowhere, or everywhere, the gain is a bound.
    """
    if at not in joint:
        raise BadInput(f"the joint word error rate at {at:g} dB was not measured")
    if len(alone) < 2:
        raise BadInput("the gain needs audio alone at two or more SNRs")
    levels = sorted(alone)
    # A curve that wiggles is taken at its best so far, from noisy to clean: it then only falls.
    rates = np.minimum.accumulate([alone[level] for level in levels]).tolist()
    wanted = joint[at]
    if wanted >= rates[0]:
        return Gain(levels[0] - at, "exact" if wanted == rates[0] else "at most")
    for (low, worse), (high, better) in pairwise(zip(levels, rates, strict=True)):
        if better <= wanted < worse:
            share = (worse - wanted) / (worse - better)
            return Gain(low + share * (high - low) - at, "exact")
    return Gain(levels[-1] - at, "at least")
