"""Agents that need no learning: the oracle, which knows where everything is, and two that guess.

The oracle follows the shortest way around walls and things. ``Oracle(world).act()`` may be asked
at any time, also after somebody else has acted, so it can teach (DAgger) as well as play.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from sensorium_sims.avworld.hearing import arrival
from sensorium_sims.avworld.moving import FORWARD_M, HEADINGS
from sensorium_sims.avworld.tasks import Episode
from sensorium_sims.avworld.world import REACH_M, Act, World

F64 = NDArray[np.float64]

LOST = 1000
"""Actions after which the oracle gives up (never seen)."""
TURN = 0.1
"""Steps forward that a turn is worth: little, because what counts is the length of the way."""
NEARER_M = 0.1
"""What a step must bring, to be one in the right direction."""
ROOM_M = 0.1
"""How much farther than it must the oracle keeps from things, where it can."""
_TURNS = sorted(range(-HEADINGS // 2 + 1, HEADINGS // 2 + 1), key=lambda t: (abs(t), -t))
_Step = tuple[float, int, tuple[float, float]]
CLOSE_M = 0.9 * REACH_M
"""The oracle goes a little nearer than it must."""


class Oracle:
    """The shortest way, by someone who sees through walls."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._field: F64 | None = None
        self._for: tuple[int, int] | None = None

    def act(self) -> Act:
        """The next action."""
        world, episode = self.world, self.world.episode
        if episode.wanted is None:
            goal = episode.target
        elif world.carrying not in (None, episode.wanted):
            return Act.DROP
        elif world.carrying is None and self._brought():
            return Act.STOP
        else:
            goal = episode.wanted if world.carrying is None else episode.target
        if self._arrived(goal):
            return self._at(goal)
        return self._towards(goal)

    def _brought(self) -> bool:
        episode, places = self.world.episode, self.world.places
        if episode.wanted is None or self.world.dropped != episode.wanted:
            return False
        key, box = places[episode.wanted], places[episode.target]
        return math.hypot(key.x - box.x, key.y - box.y) <= REACH_M

    def _arrived(self, goal: int) -> bool:
        """Near enough, and nearer than to anything else that it could be mistaken for."""
        world = self.world
        near = world.near(goal)
        if near > REACH_M:
            return False
        rivals = [
            i for i, thing in enumerate(world.episode.things)
            if i != goal and thing.solid == world.episode.things[goal].solid
        ]  # fmt: skip
        return all(near < world.near(i) for i in rivals)

    def _at(self, goal: int) -> Act:
        world = self.world
        if world.episode.wanted is None:
            return Act.STOP
        if goal == world.episode.target:
            return Act.DROP
        if world.graspable(goal):
            return Act.PICK_UP
        place = world.places[goal]
        return self._turn(math.atan2(place.y - world.y, place.x - world.x))

    def _towards(self, goal: int) -> Act:
        """Turn to, or walk, where the least is left; round about where nothing leads nearer."""
        world = self.world
        field = self._field_to(goal)
        here = world.ground.value(field, world.x, world.y)
        steps = self._steps(field, world.x, world.y, world.heading)
        nearer = [step for step in steps if step[0] < here - NEARER_M]
        if not nearer:
            nearer = [
                (left, turns, at)
                for _, turns, at in steps
                for left, _, _ in self._steps(field, *at, world.heading + turns)
                if left < here - NEARER_M
            ]
        best = min(nearer or steps, key=lambda step: step[0] / FORWARD_M + TURN * abs(step[1]))
        return Act.FORWARD if best[1] == 0 else Act.LEFT if best[1] > 0 else Act.RIGHT

    def _steps(self, field: F64, x: float, y: float, heading: int) -> list[_Step]:
        """Every step that nothing bars: metres left after it, turns before it, where it ends."""
        world, solids = self.world, self.world.solids()
        found: list[_Step] = []
        for turns in _TURNS:
            to = world.ground.step(x, y, (heading + turns) % HEADINGS, solids)
            if to is not None:
                found.append((world.ground.value(field, *to), turns, to))
        return found or [(math.inf, 1, (x, y))]

    def _field_to(self, goal: int) -> F64:
        moves = self.world.episode.task == "MovingSource"
        key = goal, self.world.steps if moves else 0
        if self._field is None or self._for != key:
            world = self.world
            field = field_to(world, goal, ROOM_M)
            if world.ground.value(field, world.x, world.y) == math.inf:
                field = field_to(world, goal)  # through the narrow gap after all
            self._field, self._for = field, key
        return self._field

    def _turn(self, direction: float) -> Act:
        ahead = self.world.heading * 2 * math.pi / HEADINGS
        return Act.LEFT if math.sin(direction - ahead) >= 0 else Act.RIGHT


def field_to(world: World, goal: int, room_m: float = 0.0) -> F64:
    """Metres from each cell to where ``goal`` is within reach and nothing else is nearer."""
    ground, place = world.ground, world.places[goal]
    x, y = ground.xs[None, :], ground.ys[:, None]
    near = np.hypot(x - place.x, y - place.y)
    within = near <= CLOSE_M
    x0, y0, x1, y1 = world.episode.world.rooms[place.room].tolist()
    within &= (x > x0) & (x < x1) & (y > y0) & (y < y1)
    solid = world.episode.things[goal].solid
    for index, other in enumerate(world.places):
        if index != goal and world.episode.things[index].solid == solid and not other.carried:
            within &= near < np.hypot(x - other.x, y - other.y)
    return ground.distances(within, world.solids(), room_m)


def actions_needed(episode: Episode) -> int:
    """How many actions the oracle takes from the start."""
    world = World(episode)
    oracle = Oracle(world)
    while not world.stopped and world.steps < LOST:
        world.act(oracle.act())
    return world.steps


def way_left(world: World) -> float:
    """Metres still to walk to where the episode can be ended well, along walls and doors.

    Things are walked through: they are small.
    """
    episode, here = world.episode, (world.x, world.y, world.room)
    target = world.places[episode.target]
    if episode.wanted is None or world.carrying == episode.wanted:
        return _way(episode, here, (target.x, target.y, target.room))
    key = world.places[episode.wanted]
    at_key = key.x, key.y, key.room
    box = target.x, target.y, target.room
    if math.hypot(key.x - target.x, key.y - target.y) <= REACH_M:
        return 0.0
    return _way(episode, here, at_key) + _way(episode, at_key, box)


def _way(episode: Episode, start: tuple[float, float, int], end: tuple[float, float, int]) -> float:
    x, y, room = start
    whole = arrival(episode.world, (x, y, 0.0), room, end[:2], end[2]).distance
    return max(0.0, whole - REACH_M)


class BearingFollower:
    """Turns to the louder ear, walks, turns round when it gets quieter, stops when it is loud.

    It reads the observation ``audio`` alone: a baseline without sight and words.
    """

    def __init__(self, loud: float = 0.07) -> None:
        self._loud = loud
        self._turns: list[Act] = []
        self._power = np.zeros(2)  # of each ear, over about a second: many sounds come and go
        self._best = 0.0
        self._walked = 0

    def act(self, audio: NDArray[np.float32], *, barred: bool = False) -> Act:
        """The next action from (2, T) of sound, and whether the last step was barred."""
        heard = np.mean(audio.astype(np.float64) ** 2, axis=1)
        self._power = heard if not self._power.any() else 0.6 * self._power + 0.4 * heard
        level = math.sqrt(self._power.mean())
        if level > self._loud:
            return Act.STOP
        if barred:
            self._turns, self._walked = [Act.LEFT, Act.LEFT, Act.FORWARD], 0
        elif self._walked > 4 and level < 0.8 * self._best:
            self._turns, self._walked = [Act.LEFT] * 6, 0
        if self._turns:
            return self._turns.pop(0)
        balance = math.log((heard[0] + 1e-9) / (heard[1] + 1e-9)) / 2
        if abs(balance) > 0.12:
            return Act.LEFT if balance > 0 else Act.RIGHT
        self._best = max(self._best, level) if self._walked else level
        self._walked += 1
        return Act.FORWARD
