"""A policy plays, and its teacher says at every step what it would have done.

DAgger (Ross, Gordon & Bagnell 2011, arXiv:1011.0686): what a clone sees once it has erred is not in
the demonstrations, so it is shown there, too. BabyAI's bot is made for it: told which action was
really taken, it plans on from there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sensorium.errors import EnvironmentFailed, EnvironmentHung
from sensorium_models.policies.babyai import BabyAINetwork, tokens_of
from sensorium_models.policies.playing import Sight, Stage

if TYPE_CHECKING:
    from sensorium.plugins.environments import EnvironmentRegistry

SIDE_BY_SIDE = 16
"""Episodes that share a pass of the network."""
PATIENCE = 10
"""Steps against the teacher's advice that a policy may take; then the teacher ends the episode."""


class Episode(NamedTuple):
    """One that was played."""

    seed: int
    mission: str
    views: Sequence[NDArray[np.uint8]]
    """(T,) of (7, 7, 3): what was seen before each step."""
    done: Sequence[int]
    """(T,) actions taken."""
    advised: Sequence[int]
    """(T,) the teacher's; none without one."""
    solved: bool
    helped: bool
    """The teacher ended it."""
    stuck: str
    """What went wrong with the level or the teacher; what is here was before that."""


class _Seat:
    """Where one episode at a time is played."""

    def __init__(self, stage: Stage, *, taught: bool, patience: int) -> None:
        self._stage, self._taught, self._patience = stage, taught, patience

    def begin(self, seed: int) -> Episode | None:
        """Reset; an episode only where that failed."""
        self.seed, self.stuck, self.solved = seed, "", False
        self.views: list[NDArray[np.uint8]] = []
        self.done: list[int] = []
        self.advised: list[int] = []
        self._against = 0
        try:
            self._sight: Sight = self._stage.reset(seed)
            self._ask(None)
        except (EnvironmentHung, EnvironmentFailed) as error:
            self._sight = Sight(np.zeros((7, 7, 3), np.uint8), True, False)
            self.stuck = str(error)
            return self.ended()
        return None

    @property
    def view(self) -> NDArray[np.uint8]:
        return self._sight.view

    @property
    def mission(self) -> str:
        return self._stage.mission

    def act(self, action: int) -> Episode | None:
        """Do what the policy says, or what the teacher does who has lost patience."""
        if self._taught:
            self._against += action != self.advised[-1]
            if self._against > self._patience:
                action = self.advised[-1]
        self.views.append(self._sight.view)
        self.done.append(action)
        try:
            self._sight = self._stage.step(action)
            if not self._sight.over:
                self._ask(action)
        except (EnvironmentHung, EnvironmentFailed) as error:
            self.stuck = str(error)
            return self.ended()
        return self.ended() if self._sight.over else None

    def _ask(self, last: int | None) -> None:
        if self._taught:
            self.advised.append(self._stage.advise(last))

    def ended(self) -> Episode:
        helped = self._taught and self._against > self._patience
        return Episode(
            self.seed, self._stage.mission, self.views, self.done, self.advised,
            self._sight.solved, helped, self.stuck,
        )  # fmt: skip


def play(
    level: str,
    seeds: Iterable[int],
    registry: EnvironmentRegistry,
    network: BabyAINetwork,
    *,
    taught: bool,
    patience: int = PATIENCE,
    side_by_side: int = SIDE_BY_SIDE,
) -> Iterator[Episode]:
    """Episodes of ``level`` in the order in which they end.

    The network does what is likeliest, as the planner ``policy`` does. With ``taught`` the expert
    is asked at every step, and after ``patience`` steps against its advice it ends the episode.
    """
    waiting = iter(seeds)
    seats: list[_Seat] = []
    try:
        for _ in range(side_by_side):
            stage = Stage(level, registry, with_expert=taught)
            seats.append(_Seat(stage, taught=taught, patience=patience))
        yield from _turns(seats, waiting, network)
    finally:
        for seat in seats:
            seat._stage.close()


def _turns(
    seats: Sequence[_Seat], waiting: Iterator[int], network: BabyAINetwork
) -> Iterator[Episode]:
    playing: list[_Seat] = []
    free = list(seats)
    memory = torch.zeros(len(seats), network.remembers)
    queries: dict[_Seat, Tensor] = {}
    while True:
        for seat in list(free):
            for seed in waiting:
                failed = seat.begin(seed)
                if failed is None:
                    free.remove(seat)
                    playing.append(seat)
                    memory[seats.index(seat)] = 0
                    with torch.inference_mode():
                        queries[seat] = network.read(tokens_of([seat.mission]))[0]
                    break
                yield failed
        if not playing:
            return
        places = [seats.index(seat) for seat in playing]
        views = torch.from_numpy(np.stack([seat.view for seat in playing]).astype(np.int64))
        with torch.inference_mode():
            asked = torch.stack([queries[seat] for seat in playing])
            logits, after = network(views[:, None], asked, memory[places][None])
            memory[places] = after[0]
            actions = logits[:, 0].argmax(-1).tolist()
        for seat, action in zip(list(playing), actions, strict=True):
            episode = seat.act(action)
            if episode is not None:
                playing.remove(seat)
                free.append(seat)
                yield episode
