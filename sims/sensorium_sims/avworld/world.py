"""The world as it goes: who stands where, what an action does, and how an episode ends."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from sensorium_sims.avworld.hearing import in_sight
from sensorium_sims.avworld.moving import COS, HEADINGS, SIN, TOUCH_M
from sensorium_sims.avworld.tasks import Episode, ground_of
from sensorium_sims.avworld.vocabulary import Look

REACH_M = 1.0
"""How near is near enough, to stop at a thing or to pick it up."""
GRASP = math.cos(math.radians(45))
WALK_M = 0.08
"""What a wandering thing covers in a step."""


class Act(IntEnum):
    """The actions."""

    LEFT = 0
    RIGHT = 1
    FORWARD = 2
    PICK_UP = 3
    DROP = 4
    STOP = 5


@dataclass(slots=True)
class Place:
    """A thing as it stands now."""

    x: float
    y: float
    room: int
    carried: bool = False


class World:
    """One episode under way; knows everything, draws nothing, plays nothing."""

    def __init__(self, episode: Episode) -> None:
        self.episode = episode
        self.ground = ground_of(episode.world)
        self.x, self.y, self.heading = episode.start
        self.room = episode.world.room_at(self.x, self.y)
        room_at = episode.world.room_at
        self.places = [Place(t.x, t.y, room_at(t.x, t.y)) for t in episode.things]
        self.carrying: int | None = None
        self.dropped: int | None = None
        """The thing that was put down last."""
        self.steps = 0
        self.path_m = 0.0
        self.barred = False
        """Whether something stood in the way of the last step."""
        self.stopped = False
        self.chosen: int | None = None
        """The thing it stopped at."""
        self._walks = np.random.default_rng(episode.walk_seed)
        self._ways: list[tuple[float, float] | None] = [None] * len(self.places)

    @property
    def success(self) -> bool:
        """Whether the episode ended as the instruction asks."""
        if not self.stopped or self.chosen != self.episode.target:
            return False
        return self.episode.wanted is None or self.dropped == self.episode.wanted

    @property
    def wrong_object(self) -> bool:
        """Whether it ended at a thing that was not meant, or with the wrong key."""
        return self.stopped and self.chosen is not None and not self.success

    @property
    def carried_look(self) -> Look | None:
        """What the agent carries."""
        return None if self.carrying is None else self.episode.things[self.carrying].look

    def act(self, action: int) -> None:
        """Do one action."""
        self.barred = False
        if action == Act.LEFT:
            self.heading = (self.heading + 1) % HEADINGS
        elif action == Act.RIGHT:
            self.heading = (self.heading - 1) % HEADINGS
        elif action == Act.FORWARD:
            self.barred = not self._forward()
        elif action == Act.PICK_UP:
            self._pick_up()
        elif action == Act.DROP:
            self._drop()
        else:
            self.stopped = True
            self.chosen = self._at_hand()
        self.steps += 1
        if self.episode.task == "MovingSource" and not self.stopped:
            self._wander()

    def solids(self, besides: int | None = None) -> list[tuple[float, float]]:
        """Where things stand that nobody can walk through."""
        return [
            (place.x, place.y)
            for index, (place, thing) in enumerate(
                zip(self.places, self.episode.things, strict=True)
            )
            if thing.solid and index != besides
        ]

    def near(self, index: int) -> float:
        """Metres to a thing, or infinity where a wall is between."""
        place = self.places[index]
        apart = math.hypot(place.x - self.x, place.y - self.y)
        seen = in_sight(self.episode.world, self.x, self.y, place.x, place.y)
        return apart if seen else math.inf

    def graspable(self, index: int) -> bool:
        """Whether a thing can be picked up from here: a key, near and ahead."""
        place, thing = self.places[index], self.episode.things[index]
        if thing.solid or place.carried:
            return False
        apart = self.near(index)
        if apart > REACH_M:
            return False
        ahead = (place.x - self.x) * COS[self.heading] + (place.y - self.y) * SIN[self.heading]
        return apart < 0.1 or ahead >= GRASP * apart

    def _forward(self) -> bool:
        to = self.ground.step(self.x, self.y, self.heading, self.solids())
        if to is None:
            return False
        self.path_m += math.hypot(to[0] - self.x, to[1] - self.y)
        self.x, self.y = to
        self.room = self.episode.world.room_at(*to)
        if self.carrying is not None:
            place = self.places[self.carrying]
            place.x, place.y, place.room = self.x, self.y, self.room
        return True

    def _pick_up(self) -> None:
        reachable = [i for i in range(len(self.places)) if self.graspable(i)]
        if self.carrying is None and reachable:
            self.carrying = min(reachable, key=self.near)
            place = self.places[self.carrying]
            place.carried, place.x, place.y, place.room = True, self.x, self.y, self.room

    def _drop(self) -> None:
        if self.carrying is not None:
            place = self.places[self.carrying]
            place.carried, place.x, place.y, place.room = False, self.x, self.y, self.room
            self.carrying, self.dropped = None, self.carrying

    def _at_hand(self) -> int | None:
        """The thing that a stop here stands for; in Fetch, the box that a key was brought to."""
        things = self.episode.things
        if self.episode.wanted is not None:
            if self.dropped is None or self.carrying is not None:
                return None
            key = self.places[self.dropped]
            apart = [
                (math.hypot(p.x - key.x, p.y - key.y), i)
                for i, p in enumerate(self.places)
                if things[i].solid and in_sight(self.episode.world, key.x, key.y, p.x, p.y)
            ]
        else:
            apart = [(self.near(i), i) for i in range(len(things))]
        nearest = min(apart, default=(math.inf, -1))
        return nearest[1] if nearest[0] <= REACH_M else None

    def _wander(self) -> None:
        """Everything strolls about its room, so that motion gives nothing away."""
        for index, place in enumerate(self.places):
            way = self._ways[index]
            if way is None or math.hypot(way[0] - place.x, way[1] - place.y) < WALK_M:
                x0, y0, x1, y1 = self.episode.world.rooms[place.room].tolist()
                u, v = self._walks.random(2).tolist()
                way = self._ways[index] = (
                    x0 + 0.6 + (x1 - x0 - 1.2) * u,
                    y0 + 0.6 + (y1 - y0 - 1.2) * v,
                )
            left = math.hypot(way[0] - place.x, way[1] - place.y)
            if left < WALK_M:
                continue
            x = place.x + (way[0] - place.x) / left * WALK_M
            y = place.y + (way[1] - place.y) / left * WALK_M
            clear = all(
                math.hypot(other.x - x, other.y - y) > 2 * TOUCH_M
                for other in self.places
                if other is not place
            )
            if clear and math.hypot(self.x - x, self.y - y) > TOUCH_M + 0.05:
                place.x, place.y = x, y
            else:
                self._ways[index] = None
