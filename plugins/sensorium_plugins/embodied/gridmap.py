"""What an agent in a grid world knows of it: a map put together from its own views.

Nothing privileged goes in: each view is MiniGrid's (N, N, 3) cells of kind, colour and state, the
agent in the middle of its last row, looking up. Places are relative to where the episode began.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import BadInput
from sensorium_plugins.embodied.instruction import Described

Cell = tuple[int, int]
"""Columns to the east and rows to the south of the start."""
AHEAD: tuple[Cell, ...] = ((1, 0), (0, 1), (-1, 0), (0, -1))
"""The step of each heading: MiniGrid's 0 is east, 1 south, 2 west, 3 north."""
UNSEEN, EMPTY, WALL, FLOOR, DOOR, KEY, BALL, BOX, GOAL, LAVA = range(10)
OPEN, CLOSED, LOCKED = range(3)
KIND_NAMES = {DOOR: "door", KEY: "key", BALL: "ball", BOX: "box"}
COLOR_NAMES = ("red", "green", "blue", "purple", "yellow", "grey")
_ENTERED = (EMPTY, FLOOR, GOAL)
_THINGS = (KEY, BALL, BOX)
_HANDS = ("pickup", "drop", "toggle")
Outcome = Literal["done", "blocked", "no_effect"]
"""What became of an action."""


class Seen(NamedTuple):
    """One cell: MiniGrid's numbers of kind and colour, and of a door its state."""

    kind: int
    color: int = 0
    state: int = 0

    def __str__(self) -> str:
        """As in "red ball"."""
        return f"{COLOR_NAMES[self.color]} {KIND_NAMES.get(self.kind, 'thing')}"


@dataclass(slots=True, eq=False)
class Thing:
    """Something that can be carried, or a door; followed when the agent moves it."""

    kind: int
    color: int
    at: Cell | None
    """None while it is carried."""
    origin: Cell
    """Where it was first seen."""

    def __str__(self) -> str:
        """As in "red ball"."""
        return str(Seen(self.kind, self.color))


def cells_of(values: NDArray[np.floating]) -> NDArray[np.int64]:
    """A flat view as (N, N, 3). Raises :class:`BadInput` for what is none."""
    side = round((values.size / 3) ** 0.5)
    if side * side * 3 != values.size or side % 2 == 0:
        raise BadInput(f"{values.size} numbers are no view of N x N cells of 3 numbers, N odd")
    return np.asarray(values, np.int64).reshape(side, side, 3)


class GridMap:
    """Where the agent is, what it carries, and all it has seen."""

    def __init__(self, heading: int = 0) -> None:
        self.at: Cell = (0, 0)
        self.heading = heading
        self.start_heading = heading
        self.cells: dict[Cell, Seen] = {(0, 0): Seen(EMPTY)}
        self.things: list[Thing] = []
        self.carried: Thing | None = None
        self.reach = 6
        """How many cells it sees ahead."""
        self.news = 0
        """Counts changes of what is known: a plan made at another count may be out of date."""

    # --- looking -------------------------------------------------------------------------------

    def look(self, view: NDArray[np.int64]) -> None:
        """Take in what is in view from here."""
        side = view.shape[0]
        self.reach = side - 1
        self._look_at_hands(view[side // 2, side - 1])  # before what it took is seen to be gone
        for column, cells in zip(view.tolist(), self._places(side), strict=True):
            for cell, place in zip(column, cells, strict=True):
                if cell[0] != UNSEEN and place != self.at:
                    self._learn(place, Seen(*cell))

    def mismatches(self, view: NDArray[np.int64], at: Cell) -> int:
        """How many cells in view contradict what is known, were the agent at ``at``."""
        wrong = 0
        for column, cells in zip(view.tolist(), self._places(view.shape[0], at), strict=True):
            for cell, place in zip(column, cells, strict=True):
                known = self.cells.get(place)
                if known is not None and place != at and cell[0] != UNSEEN:
                    wrong += known != tuple(cell)
        return wrong

    def _places(self, side: int, at: Cell | None = None) -> list[list[Cell]]:
        (x, y), (dx, dy) = at or self.at, AHEAD[self.heading]
        half = side // 2
        offsets = [[(side - 1 - j, i - half) for j in range(side)] for i in range(side)]
        return [[(x + dx * f - dy * r, y + dy * f + dx * r) for f, r in row] for row in offsets]

    def _learn(self, place: Cell, seen: Seen) -> None:
        if self.cells.get(place) == seen:
            return
        self.cells[place] = seen
        self.news += 1
        there = self.thing_at(place)
        if there is not None and (there.kind, there.color) != (seen.kind, seen.color):
            self.things.remove(there)  # somebody took it away
            there = None
        if there is None and (seen.kind in _THINGS or seen.kind == DOOR):
            self.things.append(Thing(seen.kind, seen.color, place, place))

    def _look_at_hands(self, cell: NDArray[np.int64]) -> None:
        kind, color = int(cell[0]), int(cell[1])
        if kind not in _THINGS:
            if self.carried is not None:
                self.put(self.front)
        elif self.carried is None or (self.carried.kind, self.carried.color) != (kind, color):
            self.take(kind, color)

    def take(self, kind: int, color: int) -> None:
        """It holds something now: what lay in front of it, if that was such a thing."""
        for thing in self.things:
            if thing.at == self.front and (thing.kind, thing.color) == (kind, color):
                break
        else:
            thing = Thing(kind, color, self.at, self.at)
            self.things.append(thing)
        thing.at, self.carried = None, thing
        self.news += 1

    def put(self, place: Cell) -> None:
        """Its hands are empty now."""
        if self.carried is not None:
            self.carried.at = place
            self.cells[place] = Seen(self.carried.kind, self.carried.color)
            self.carried = None
            self.news += 1

    # --- asking --------------------------------------------------------------------------------

    @property
    def front(self) -> Cell:
        """The cell ahead."""
        dx, dy = AHEAD[self.heading]
        return self.at[0] + dx, self.at[1] + dy

    def thing_at(self, place: Cell) -> Thing | None:
        """What lies or stands there, a door included."""
        return next((thing for thing in self.things if thing.at == place), None)

    def kind(self, place: Cell) -> int:
        """The kind of a cell; UNSEEN where it is not known."""
        seen = self.cells.get(place)
        return UNSEEN if seen is None else seen.kind

    def can_enter(self, place: Cell) -> bool:
        """Whether a step goes there: floor, goals, open doors."""
        seen = self.cells.get(place)
        return seen is not None and (
            seen.kind in _ENTERED or (seen.kind == DOOR and seen.state == OPEN)
        )

    def start_room(self) -> set[Cell]:
        """Cells known to lie in the room the episode began in, with the doors in its walls."""
        room, edge = {(0, 0)}, [(0, 0)]
        while edge:
            x, y = edge.pop()
            if self.kind((x, y)) == DOOR:
                continue
            for dx, dy in AHEAD:
                place = x + dx, y + dy
                if place not in room and self.kind(place) not in (UNSEEN, WALL):
                    room.add(place)
                    edge.append(place)
        return room

    def matching(self, described: Described) -> list[Thing]:
        """Everything known that the words fit; places are those of the start."""
        found = [
            thing
            for thing in self.things
            if described.kind in (None, KIND_NAMES[thing.kind])
            and described.color in (None, COLOR_NAMES[thing.color])
        ]
        if described.place is None or not found:
            return found
        room = self.start_room()
        dx, dy = AHEAD[self.start_heading]
        (sx, sy), sign = {
            "front": ((dx, dy), 1), "behind": ((dx, dy), -1),
            "right": ((-dy, dx), 1), "left": ((-dy, dx), -1),
        }[described.place]  # fmt: skip
        return [
            thing
            for thing in found
            if thing.origin in room and (thing.origin[0] * sx + thing.origin[1] * sy) * sign > 0
        ]

    def forget(self) -> None:
        """Everything but what is held, and where the start is: to look again."""
        self.cells = {self.at: Seen(EMPTY)}
        self.things = [self.carried] if self.carried is not None else []
        self.news += 1

    # --- moving --------------------------------------------------------------------------------

    def follow(self, action: str, view: NDArray[np.int64], compass: int | None) -> Outcome:
        """Take in the first view after an action, and say what became of the action.

        Whether a step forward was made is read off the view: of the two places where the agent can
        be now it is at the one that fits what is known, and where it should be if both do.
        """
        turned = {"left": -1, "right": 1}.get(action, 0)
        heading = (self.heading + turned) % 4 if compass is None else compass
        outcome: Outcome = "done"
        if turned and heading == self.heading:
            outcome = "no_effect"
        self.heading = heading
        if action == "forward":
            outcome = self._step(view)
        before = self._reachable()
        self.look(view)
        if action in _HANDS and self._reachable() == before:
            outcome = "no_effect"
        return outcome

    def _step(self, view: NDArray[np.int64]) -> Outcome:
        ahead = self.front
        here, there = self.mismatches(view, self.at), self.mismatches(view, ahead)
        moved = self.can_enter(ahead) if here == there else there < here
        if moved:
            self.at = ahead
        return "done" if moved else "blocked"

    def _reachable(self) -> tuple[Seen | None, Thing | None]:
        return self.cells.get(self.front), self.carried
