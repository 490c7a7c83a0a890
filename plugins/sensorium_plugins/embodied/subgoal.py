"""Subgoals: skills with their arguments, what they answer, and when they are reached."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sensorium_plugins.embodied.gridmap import DOOR, LOCKED, OPEN, Cell, GridMap
from sensorium_plugins.embodied.instruction import Described, Goal
from sensorium_plugins.embodied.routes import near

SkillName = Literal["go to", "pick up", "open", "put", "put aside", "unlock"]


@dataclass(slots=True, eq=False)
class Subgoal:
    """A skill with its arguments."""

    skill: SkillName
    goal: Goal | None = None
    """What the instruction asked for, where it is this that reaches it."""
    thing: Described | None = None
    beside: Described | None = None
    cell: Cell | None = None
    """Of ``put aside`` and ``unlock``: where it lies or stands."""

    def __str__(self) -> str:
        """As in "pick up the red ball"."""
        said: list[object] = [self.skill]
        said += [part for part in (self.thing, self.cell) if part is not None]
        if self.beside is not None:
            said += ["next to", self.beside]
        return " ".join(str(part) for part in said)


@dataclass(frozen=True, slots=True)
class Needs:
    """Another subgoal comes first."""

    subgoal: Subgoal


@dataclass(frozen=True, slots=True)
class Impossible:
    """Nothing that is known helps."""

    why: str


Answer = tuple[str, ...] | Needs | Impossible
"""Actions to do next; they may end short of the subgoal, where more has to be seen first."""


def subgoal_of(goal: Goal) -> Subgoal:
    """The subgoal that reaches a goal."""
    return Subgoal(goal.verb, goal, goal.thing, goal.beside)


def reached(subgoal: Subgoal, known: GridMap, action: str) -> bool:
    """Whether a subgoal is reached, by what is seen after ``action``, which had its effect; empty
    where there was none or it failed."""
    ahead = known.cells.get(known.front)
    match subgoal.skill:
        case "go to":
            assert subgoal.thing is not None
            return known.thing_at(known.front) in known.matching(subgoal.thing)
        case "pick up":
            assert subgoal.thing is not None
            return action == "pickup" and known.carried in known.matching(subgoal.thing)
        case "open":
            assert subgoal.thing is not None
            opened = ahead is not None and (ahead.kind, ahead.state) == (DOOR, OPEN)
            there = known.thing_at(known.front)
            return action == "toggle" and opened and there in known.matching(subgoal.thing)
        case "put":
            return action == "drop" and _dropped_well(subgoal, known)
        case "put aside":
            if subgoal.cell is not None and known.carried is None:
                return known.can_enter(subgoal.cell)
            return known.carried is None
        case "unlock":
            assert subgoal.cell is not None
            return subgoal.cell in known.cells and known.cells[subgoal.cell].state != LOCKED


def _dropped_well(subgoal: Subgoal, known: GridMap) -> bool:
    assert subgoal.thing is not None
    assert subgoal.beside is not None
    dropped = known.thing_at(known.front)
    if dropped is None or dropped not in known.matching(subgoal.thing):
        return False
    beside = {known.thing_at(place) for place in near(known, known.front)} - {dropped}
    return any(thing in beside for thing in known.matching(subgoal.beside))
