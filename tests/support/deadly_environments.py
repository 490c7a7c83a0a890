"""A Gymnasium environment that ends, or blocks, the process it runs in."""

from __future__ import annotations

import ctypes
import os
import signal
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

SEED = 2
DEADLY = "sensorium-tests/Deadly-v0"


class Deadly(gymnasium.Env[Any, Any]):
    """Ends the process in the first step of the episode of ``SEED``, in the way of ``how``.

    With ``once``, a file, only if there is none: it says then that it has happened.
    """

    def __init__(self, how: str = "kill", once: str = "") -> None:
        self.how, self.once = how, once
        self.observation_space = spaces.Box(-10, 10, (3,), np.float32)
        self.action_space = spaces.Discrete(3)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.seed = seed
        return np.zeros(3, np.float32), {}

    def step(self, action: Any) -> Any:
        if self.seed == SEED and not (self.once and Path(self.once).exists()):
            if self.once:
                Path(self.once).write_text(str(self.seed))
            self._die()
        return np.zeros(3, np.float32), 0.0, False, False, {"is_success": True}

    def _die(self) -> None:
        match self.how:
            case "exit":
                os._exit(7)
            case "stuck":  # in C, and it keeps Python's lock: nothing in this process runs any more
                ctypes.PyDLL(None).pause()
            case _:
                os.kill(os.getpid(), signal.SIGKILL)


if DEADLY not in gymnasium.registry:
    gymnasium.register(DEADLY, entry_point=Deadly)
