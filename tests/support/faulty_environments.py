"""Gymnasium environments that go wrong in one way each, at a step or seed of choice."""

from __future__ import annotations

import threading
from typing import Any, ClassVar

import gymnasium
import numpy as np
from gymnasium import spaces

LENGTH = 4


class Steady(gymnasium.Env[Any, Any]):
    """Counts to LENGTH; action 1 is right. Fails on odd seeds, at step 2, in ``fault``'s way."""

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"], "render_fps": 10}
    made = 0
    closed = 0

    def __init__(self, fault: str = "", render_mode: str | None = None) -> None:
        type(self).made += 1
        self.fault, self.render_mode = fault, render_mode
        self.observation_space = spaces.Box(-10, 10, (3,), np.float32)
        self.action_space = spaces.Discrete(3)
        self.release = threading.Event()
        if fault == "make":
            raise RuntimeError("no licence")

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.seed, self.count, self.right = seed or 0, 0, 0
        return np.zeros(3, np.float32), {}

    def step(self, action: Any) -> Any:
        self.count += 1
        self.right += int(action) == 1
        observation: Any = np.full(3, self.count, np.float32)
        reward: Any = float(self.right == LENGTH)
        if self.seed % 2 and self.count == 2:
            observation, reward = self._go_wrong(observation, reward)
        return observation, reward, self.count == LENGTH, False, {"is_success": reward > 0}

    def _go_wrong(self, observation: Any, reward: Any) -> Any:
        match self.fault:
            case "raise":
                raise ZeroDivisionError("in the physics")
            case "exit":
                raise SystemExit(3)
            case "hang":
                while True:
                    pass
            case "wait":
                self.release.wait()
            case "nan":
                observation[1] = np.nan
            case "shape":
                return np.zeros(4, np.float32), reward
            case "dtype":
                return np.zeros(3), reward
            case "none":
                return None, reward
            case "reward":
                return observation, float("inf")
        return observation, reward

    def render(self) -> Any:
        return np.full((48, 64, 3), 40 * self.count, np.uint8)

    def close(self) -> None:
        type(self).closed += 1


class WithExpert(Steady):
    """Its expert never answers on odd seeds."""


class Forgetful:
    """An expert: knows the answer, but on odd seeds thinks for ever."""

    def __init__(self, environment: Any) -> None:
        self._environment = environment.unwrapped

    def act(self, last: Any) -> int:
        while self._environment.seed % 2:
            pass
        return 1


STEADY = "sensorium-tests/Steady-v0"


def register() -> str:
    if STEADY not in gymnasium.registry:
        gymnasium.register(STEADY, entry_point=Steady)
    Steady.made = Steady.closed = 0
    return STEADY


register()
