"""Behaviour cloning: a network learns to do in each state what the expert did there."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch

from sensorium.errors import BadInput
from sensorium_models.policies.babyai import MEMORY
from sensorium_models.policies.demonstrations import Demonstrations
from sensorium_models.policies.lessons import Cloning
from sensorium_models.training import Fitted, Plan, Progress, fit

BATCH = 64
"""Episodes."""
LEARNING_RATE = 1e-3
LAST_RATE = 0.01
"""Share of the learning rate that is left at the end."""
EVALUATIONS = 8
"""As often what is held back is measured."""


def clone(
    shown: Mapping[str, Demonstrations],
    folder: Path,
    *,
    seed: int,
    passes: float,
    minutes: float | None = None,
    memory: int = MEMORY,
    rate: float = LEARNING_RATE,
    start: Path | None = None,
    vary: Collection[str] = (),
    on_progress: Callable[[Progress], None] | None = None,
) -> Fitted:
    """Learn from the demonstrations of one or several levels, ``passes`` times over them all.

    The learning rate falls as half a cosine from ``rate``. A run that was stopped or killed goes on
    from its last checkpoint in ``folder``, and ends with the same weights. With ``minutes`` of
    processor time it ends with whichever comes first, its learning rate spent; two such runs are
    then not the same to the last bit. ``start`` is a file of weights to begin with; ``vary`` is
    how episodes are shown otherwise than they were (:mod:`.varying`).

    Raises :class:`BadInput` for fewer than 2 episodes of a level, and what
    :func:`sensorium_models.training.fit` raises.
    """
    if passes <= 0:
        raise BadInput(f"passes is above 0, not {passes:g}")
    task = Cloning(shown, seed=seed, memory=memory, start=start, vary=vary)
    steps = max(1, math.ceil(len(task.learnt) * passes / BATCH))
    plan = Plan(
        steps=steps, minutes=minutes, batch=BATCH, learning_rate=rate, last_rate=LAST_RATE,
        anneal_by="steps" if minutes is None else "minutes", weight_decay=0.0, clip=1.0, seed=seed,
        evaluate_every=max(1, steps // EVALUATIONS), keep="last",
    )  # fmt: skip
    with one_thread():
        return fit(task, plan, folder, sampler=task.sampler(), on_progress=on_progress)


@contextmanager
def one_thread() -> Iterator[None]:
    """More gain so small a network nothing, and one gives the same bits on any number of cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
