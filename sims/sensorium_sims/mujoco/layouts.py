"""What stands where at the start of an episode."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sensorium_sims.mujoco.scene import COLOURS, SIDES

F64 = NDArray[np.float64]
_APART = 0.11
"""Between the middles of two cubes: there is room for the finger."""
_CLEAR = 0.10
"""From another cube to the line that the one meant is pushed along, and to the targets."""


@dataclass(frozen=True)
class Layout:
    """An episode's beginning."""

    colour: str
    side: str
    cubes: dict[str, tuple[float, float, float]]
    """x, y (m) and turn (radians) by colour."""
    targets: dict[str, tuple[float, float]]
    finger: tuple[float, float]
    lamp: tuple[float, float, float]
    """Where a varied light shines to."""
    tint: F64
    """(3,) its colour, about 1."""

    @property
    def mission(self) -> str:
        """The instruction."""
        return f"push the {self.colour} cube to the {self.side} target"


def draw_layout(rng: np.random.Generator) -> Layout:
    """Draw one: until nothing stands in the way."""
    while True:
        layout = _draw(rng)
        if _fits(layout):
            return layout


def _draw(rng: np.random.Generator) -> Layout:
    def between(low: float, high: float) -> float:
        return float(rng.uniform(low, high))

    cubes = {
        colour: (between(-0.14, 0.14), between(-0.15, 0.15), between(0, np.pi / 2))
        for colour in COLOURS
    }
    targets = {
        side: (sign * between(0.20, 0.27), between(-0.15, 0.15))
        for side, sign in zip(SIDES, (-1, 1), strict=True)
    }
    return Layout(
        colour=str(rng.choice(list(COLOURS))),
        side=str(rng.choice(SIDES)),
        cubes=cubes,
        targets=targets,
        finger=(between(-0.15, 0.15), between(-0.15, 0.15)),
        lamp=(between(-0.6, 0.6), between(-0.2, 0.6), -1.0),
        tint=rng.uniform(0.6, 1.2) * rng.uniform(0.9, 1.1, 3),
    )


def _fits(layout: Layout) -> bool:
    places = {colour: np.array(cube[:2]) for colour, cube in layout.cubes.items()}
    meant, target = places[layout.colour], np.array(layout.targets[layout.side])
    for colour, place in places.items():
        if colour == layout.colour:
            continue
        if np.linalg.norm(place - meant) < _APART or _from_segment(place, meant, target) < _CLEAR:
            return False
    others = [place for colour, place in places.items() if colour != layout.colour]
    return float(np.linalg.norm(others[0] - others[1])) >= _APART


def _from_segment(point: F64, begin: F64, end: F64) -> float:
    along = end - begin
    share = float(np.clip((point - begin) @ along / (along @ along), 0, 1))
    return float(np.linalg.norm(point - begin - share * along))
