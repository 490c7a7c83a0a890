"""Where pillars and player stand at the start of an episode, and the way to one."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sensorium_sims.doom.wad import COLOURS, HALF, SOUNDS

Place = tuple[float, float]
PILLARS = 4
REACHED = 68.0
"""Map units from a pillar's middle at which the player has reached it: it nearly touches."""
_WALL = 120
_APART = 230.0
_FAR = 220.0
CLEAR = 105.0
"""That far from the middle of a pillar the way past it is free."""


@dataclass(frozen=True)
class Layout:
    """An episode's beginning."""

    pillars: tuple[Place, ...]
    colours: tuple[str, ...]
    target: int
    sound: str
    player: Place
    heading: float


def draw_layout(rng: np.random.Generator, task: str) -> Layout:
    """Draw one, in which every pillar can be walked to in a straight line.

    In Find all pillars are green, and the sound is any of four; in Told each has its own colour,
    in the order of the sounds that name them.
    """
    target = int(rng.integers(PILLARS))
    sound = SOUNDS[target] if task == "Told" else str(rng.choice(SOUNDS))
    colours = tuple(COLOURS) if task == "Told" else ("green",) * PILLARS
    reach = HALF - _WALL
    while True:
        places = rng.uniform(-reach, reach, (PILLARS + 1, 2))
        pillars = tuple((float(x), float(y)) for x, y in places[1:])
        player = float(places[0, 0]), float(places[0, 1])
        if _fits(player, pillars):
            return Layout(pillars, colours, target, sound, player, float(rng.uniform(0, 360)))


def waypoint(player: Place, pillars: tuple[Place, ...], target: int) -> Place:
    """Where to head for: the target, or a point beside a pillar that stands in the way."""
    goal = pillars[target]
    far = math.dist(player, goal)
    ahead = (goal[0] - player[0]) / far, (goal[1] - player[1]) / far
    nearest, beside = far, goal
    for number, (x, y) in enumerate(pillars):
        along = (x - player[0]) * ahead[0] + (y - player[1]) * ahead[1]
        across = (y - player[1]) * ahead[0] - (x - player[0]) * ahead[1]
        if number != target and 0 < along < nearest and abs(across) < CLEAR:
            side = -CLEAR if across > 0 else CLEAR
            nearest, beside = along, (x - ahead[1] * side, y + ahead[0] * side)
    return beside


def _fits(player: Place, pillars: tuple[Place, ...]) -> bool:
    for number, one in enumerate(pillars):
        if math.dist(player, one) < _FAR or waypoint(player, pillars, number) != one:
            return False
        if any(math.dist(one, other) < _APART for other in pillars[:number]):
            return False
    return True
