"""How to push a cube to a place: what the oracle does with the truth, others with estimates."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from sensorium_sims.mujoco.scene import FINGER, HALF, LOWERED, RAISED, REACH

F64 = NDArray[np.float64]
F32 = NDArray[np.float32]

SPEED = 0.25, 0.4
"""Metres a second of a full action: across the table, and up or down."""
STEP_S = 0.1
_BEHIND = HALF + FINGER + 0.028
"""From the middle of the cube to where the finger comes down."""
_PUSH = 0.75
"""Share of the full speed while pushing: faster, and the cube slips off."""
_SLIPPED = 0.024
"""The finger is that far beside the line that it pushes along: it begins again."""


class Pusher:
    """Goes behind the cube with the finger raised, lowers it, pushes, and begins again when the
    cube slips away. One for each episode."""

    def __init__(self) -> None:
        self._pushing = False

    def act(self, finger: F64, cube: F64, target: F64) -> F32:
        """The action (3,) for the finger's tip (3,), and the places (2,) of cube and target."""
        way = target - cube
        ahead = way / max(1e-6, float(np.linalg.norm(way)))
        beside = np.array([-ahead[1], ahead[0]])
        from_cube = finger[:2] - cube
        along, across = float(from_cube @ ahead), float(from_cube @ beside)
        low = finger[2] < LOWERED + 0.012
        if self._pushing and (abs(across) > _SLIPPED or along > -HALF * 0.8):
            self._pushing = False
        if self._pushing:
            speed = ahead * SPEED[0] * _PUSH - beside * across * 4.0
            return _action(speed, 0.0)
        start = _within(cube - ahead * _BEHIND)
        off = start - finger[:2]
        if math.hypot(*off) < 0.012:
            self._pushing = low
            return _action(off / STEP_S, LOWERED - finger[2])
        raised = finger[2] > RAISED - 0.03
        return _action(off / STEP_S if raised else np.zeros(2), RAISED - finger[2])


def _within(place: F64) -> F64:
    limit = np.array(REACH)
    return np.clip(place, -limit, limit)


def _action(speed: F64, rise: float) -> F32:
    """Speeds in m/s and a change of height in m as an action, no longer than a full one."""
    across = speed / SPEED[0]
    across = across / max(1.0, float(np.linalg.norm(across)))
    up = float(np.clip(rise / (SPEED[1] * STEP_S), -1, 1))
    return np.array([*across, up], np.float32)
