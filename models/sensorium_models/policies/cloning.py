"""Behaviour cloning: a network learns to do in each state what the expert did there."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from sensorium.errors import BadInput
from sensorium_models.policies.babyai import ACTIONS, BabyAINetwork, tokens_of
from sensorium_models.policies.demonstrations import Demonstrations, offsets

BATCH = 64
"""Episodes."""
LEARNING_RATE = 1e-3
LAST_RATE = 0.03
"""Share of the learning rate that is left at the end."""
HELD_BACK = 0.02
"""Share of the episodes that are not learnt from, and at most this many:"""
HELD_BACK_MOST = 512
REPORT_EVERY = 100
"""Steps."""
IGNORED = -1


@dataclass(frozen=True, slots=True)
class Progress:
    """Where training stands."""

    step: int
    share: float
    """Of the planned passes, in [0, 1]."""
    loss: float
    """Cross-entropy in nats, averaged over the last steps."""
    seconds: float


@dataclass(frozen=True, slots=True)
class Cloned:
    """A trained network, and how it went."""

    network: BabyAINetwork
    steps: int
    passes: float
    """Times each demonstration was seen."""
    seconds: float
    loss: float
    agreement: float
    """Share of the expert's actions in the held-back episodes that the network also chose."""
    held_back: int
    """Episodes that were not learnt from."""


def clone(
    shown: Demonstrations,
    *,
    seed: int,
    minutes: float,
    passes: int,
    on_progress: Callable[[Progress], None] | None = None,
) -> Cloned:
    """Learn from demonstrations for ``passes`` over them, at most ``minutes``.

    The learning rate falls as half a cosine, by the time or the passes, whichever goes faster. The
    same seed gives the same network where the passes end it, not the time. Raises
    :class:`BadInput` for fewer than 2 episodes, or another number of actions than seven.
    """
    if len(shown) < 2 or len(shown.words) != ACTIONS:
        raise BadInput(
            f"cloning needs 2 episodes or more of {ACTIONS} actions; here are {len(shown)}"
            f" of {len(shown.words)}"
        )
    torch.manual_seed(seed)
    order = np.random.default_rng(seed)
    mixed = order.permutation(len(shown))
    held = min(max(1, round(len(shown) * HELD_BACK)), HELD_BACK_MOST)
    kept, training = mixed[:held], mixed[held:]
    network = BabyAINetwork()
    optimiser = torch.optim.Adam(network.parameters(), LEARNING_RATE)
    batches = _Batches(shown)
    each = math.ceil(len(training) / BATCH)
    planned, limit_s = each * passes, minutes * 60
    began, step, recent, loss = time.monotonic(), 0, [], math.nan
    while step < planned and (spent := time.monotonic() - began) < limit_s:
        if step % each == 0:
            order.shuffle(training)
        share = max(step / planned, spent / limit_s)
        for group in optimiser.param_groups:
            group["lr"] = _rate(share)
        start = step % each * BATCH
        error = _error(network, *batches.take(training[start : start + BATCH]))
        optimiser.zero_grad()
        error.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        recent.append(error.item())
        step += 1
        if step % REPORT_EVERY == 0 or step == planned:
            loss, recent = float(np.mean(recent)), []
            if on_progress is not None:
                on_progress(Progress(step, step / planned, loss, time.monotonic() - began))
    seconds = time.monotonic() - began
    loss = float(np.mean(recent)) if recent and math.isnan(loss) else loss
    agreement = _agreement(network.eval(), batches, kept)
    return Cloned(network, step, step / each, seconds, loss, agreement, held)


def _rate(share: float) -> float:
    falling = (1 + math.cos(math.pi * min(share, 1.0))) / 2
    return LEARNING_RATE * (LAST_RATE + (1 - LAST_RATE) * falling)


def _error(network: BabyAINetwork, views: Tensor, tokens: Tensor, actions: Tensor) -> Tensor:
    logits, _ = network(views, network.read(tokens))
    return functional.cross_entropy(logits.flatten(0, 1), actions.flatten(), ignore_index=IGNORED)


@torch.no_grad()
def _agreement(network: BabyAINetwork, batches: _Batches, episodes: np.ndarray) -> float:
    agreed = asked = 0
    for start in range(0, len(episodes), BATCH):
        views, tokens, actions = batches.take(episodes[start : start + BATCH])
        logits, _ = network(views, network.read(tokens))
        wanted = actions != IGNORED
        agreed += int((logits.argmax(-1) == actions)[wanted].sum())
        asked += int(wanted.sum())
    return agreed / asked


class _Batches:
    """Episodes side by side, padded to the longest."""

    def __init__(self, shown: Demonstrations) -> None:
        self._shown = shown
        self._offsets = offsets(shown.lengths)
        self._tokens = tokens_of(shown.missions)

    def take(self, episodes: np.ndarray) -> tuple[Tensor, Tensor, Tensor]:
        """Views (N, T, 7, 7, 3), tokens (N, L) and actions (N, T), -1 where there is none."""
        shown, begins = self._shown, self._offsets
        longest = int(shown.lengths[episodes].max())
        views = np.zeros((len(episodes), longest, 7, 7, 3), np.int64)
        actions = np.full((len(episodes), longest), IGNORED, np.int64)
        for row, episode in enumerate(episodes):
            begin, end = begins[episode], begins[episode + 1]
            views[row, : end - begin] = shown.views[begin:end]
            actions[row, : end - begin] = shown.actions[begin:end]
        tokens = self._tokens[torch.from_numpy(episodes)]
        return torch.from_numpy(views), tokens, torch.from_numpy(actions)
