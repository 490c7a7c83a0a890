"""How a network is trained: every number that decides it, in one place."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, Literal

from sensorium.errors import BadInput


@dataclass(frozen=True, slots=True)
class Plan:
    """Numbers of one training run; BadInput for one that makes no sense, by its name.

    ``steps`` counts steps of the optimiser. Each takes ``accumulate`` batches of ``batch`` items,
    one after the other, and is what one batch of all of them would give.
    """

    steps: int = 1000
    minutes: float | None = None
    """The most CPU time to spend, over all runs of one folder. None: as long as it takes."""
    batch: int = 64
    accumulate: int = 1
    learning_rate: float = 1e-3
    warm_up: int = 0
    """Steps in which the learning rate rises from 0."""
    schedule: Literal["cosine", "constant"] = "cosine"
    """After the warm-up: half a cosine down to ``last_rate``, or as it is."""
    anneal_by: Literal["steps", "minutes"] = "steps"
    """What the cosine runs along. By ``minutes`` it is at its end when they are spent; two runs are
    then not alike to the last bit."""
    last_rate: float = 0.0
    """Share of the learning rate that is left at the end."""
    weight_decay: float = 0.01
    """AdamW's, on weights of two dimensions and more: not on biases and norms."""
    betas: tuple[float, float] = (0.9, 0.999)
    clip: float | None = 1.0
    """The most that the gradient's norm may be."""
    ema: float | None = None
    """Decay of the weights' moving average, which is then what is evaluated and kept."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """bfloat16: the forward pass under autocast; weights and optimiser stay float32."""
    seed: int = 0
    evaluate_every: int | None = None
    """Steps between two evaluations. None: at the end alone."""
    checkpoint_every: int | None = None
    """Steps between two checkpoints. None: when there was an evaluation, and every minute."""
    patience: int | None = None
    """Evaluations without a better score after which training ends."""
    keep: Literal["best", "last"] = "best"
    """The weights that training gives: of the best score, or of the last step."""

    def __post_init__(self) -> None:
        whole = ("steps", "batch", "accumulate", "evaluate_every", "checkpoint_every", "patience")
        for name in whole:
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or value < 1):
                raise BadInput(f"{name} is 1 or more, not {value!r}")
        for name in ("minutes", "learning_rate", "clip"):
            value = getattr(self, name)
            if value is not None and not (value > 0 and math.isfinite(value)):
                raise BadInput(f"{name} is a number above 0, not {value!r}")
        if self.ema is not None and not 0 < self.ema < 1:
            raise BadInput(f"ema is between 0 and 1, not {self.ema!r}")
        if not 0 <= self.last_rate <= 1 or self.weight_decay < 0 or self.warm_up < 0:
            raise BadInput("last_rate is in [0, 1]; weight_decay and warm_up are 0 or more")
        if self.anneal_by == "minutes" and self.minutes is None:
            raise BadInput("anneal_by is 'minutes': say how many in minutes")
        if self.patience is not None and self.evaluate_every is None:
            raise BadInput("patience counts evaluations: say evaluate_every, too")
        for name, known in (
            ("schedule", ("cosine", "constant")),
            ("anneal_by", ("steps", "minutes")),
            ("precision", ("float32", "bfloat16")),
            ("keep", ("best", "last")),
        ):
            if getattr(self, name) not in known:
                raise BadInput(f"{name} is one of {', '.join(known)}, not {getattr(self, name)!r}")

    def rate(self, step: int, spent_s: float = 0.0) -> float:
        """The learning rate of ``step`` (from 0), ``spent_s`` seconds of CPU into training."""
        if step < self.warm_up:
            return self.learning_rate * (step + 1) / (self.warm_up + 1)
        if self.schedule == "constant":
            return self.learning_rate
        share = (step - self.warm_up) / max(1, self.steps - self.warm_up)
        if self.anneal_by == "minutes" and self.minutes is not None:
            share = max(share, spent_s / (60 * self.minutes))
        falling = (1 + math.cos(math.pi * min(share, 1.0))) / 2
        return self.learning_rate * (self.last_rate + (1 - self.last_rate) * falling)

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return {**dataclasses.asdict(self), "betas": list(self.betas)}


FREE = frozenset({"minutes", "checkpoint_every"})
"""What may differ when a run goes on: none of it changes what a step does."""


def check_same(before: dict[str, Any], now: dict[str, Any], folder: object) -> None:
    """Raise BadInput where a run would go on under other numbers than it began with."""
    free = FREE if now.get("anneal_by") != "minutes" else FREE - {"minutes"}
    names = sorted((before.keys() | now.keys()) - free)
    other = [f"{n} {before.get(n)!r} -> {now.get(n)!r}" for n in names
             if before.get(n) != now.get(n)]  # fmt: skip
    if other:
        raise BadInput(
            f"{folder} holds a run begun otherwise ({', '.join(other)}): give the numbers it began"
            " with to go on, or another folder (or resume=False) to begin anew"
        )
