"""A plugin for the workers of a test: a room of two steps whose expert goes wrong at some seeds."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np
from gymnasium import spaces

from sensorium.plugins.hookspecs import hookimpl

if TYPE_CHECKING:
    from sensorium.plugins.environments import EnvironmentRegistry

LOOPS, STUCK, DIES, DIES_ONCE, RAISES = 7, 11, 13, 17, 19
"""Seeds, above the first of the shard, at which the room of that name has its expert do so."""


class Room(gymnasium.Env[Any, Any]):
    """Done after two steps; solved by action 3. ``trouble``: at which seed, and what for."""

    def __init__(self, trouble: int = 0) -> None:
        self.trouble = trouble
        self.observation_space = spaces.Dict(
            {"image": spaces.Box(0, 255, (7, 7, 3), np.uint8), "mission": spaces.Text(20)}
        )
        self.action_space = spaces.Discrete(7)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        self.seed, self.steps = seed or 0, 0
        print("a library that prints")
        return self._see(), {}

    def step(self, action: Any) -> Any:
        self.steps += 1
        done = self.steps == 2
        return self._see(), float(done and action == 3), done, False, {}

    def _see(self) -> dict[str, Any]:
        return {"image": np.full((7, 7, 3), self.steps, np.uint8), "mission": "go there"}


class Expert:
    """Wrong on every tenth seed."""

    def __init__(self, environment: Any) -> None:
        self._room = environment.unwrapped

    def act(self, last: Any) -> int:
        trouble = self._room.trouble
        if trouble and self._room.seed % 200 == trouble:
            _misbehave(trouble)
        return 2 if self._room.seed % 10 == 5 else 3


def _misbehave(trouble: int) -> None:
    flag = Path(os.environ["ROOM_FLAG"])
    before = flag.exists()
    flag.touch()
    if trouble == LOOPS:
        while True:  # as BabyAI's bot can be
            pass
    if trouble == STUCK:
        threading.Event().wait()  # uses no processor time: its own process cannot cut it off
    if trouble == DIES or (trouble == DIES_ONCE and not before):
        os._exit(3)
    if trouble == RAISES:
        raise AssertionError("nothing left to explore")


@hookimpl
def sensorium_register_environments(registry: EnvironmentRegistry) -> None:
    """One room a trouble."""
    for trouble in (0, LOOPS, STUCK, DIES, DIES_ONCE, RAISES):
        registry.add(
            f"lab/Room{trouble}-v0", Room, success="reward", options={"trouble": trouble},
            expert="teaching_room:Expert",
        )  # fmt: skip
