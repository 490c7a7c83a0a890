"""Pursuing an instruction: which subgoal is at hand, when it is reached, and when to plan anew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sensorium_plugins.embodied.gridmap import GridMap, Thing
from sensorium_plugins.embodied.instruction import Goal, Group, parse
from sensorium_plugins.embodied.skills import Skills
from sensorium_plugins.embodied.subgoal import Impossible, Needs, Subgoal, reached, subgoal_of

DEEPEST = 8
"""Subgoals that may wait for one another; more would be going in circles."""
Reason = Literal["timed_out", "impossible", "unconfirmed"]


@dataclass(frozen=True, slots=True)
class Setback:
    """A plan that did not lead where it should."""

    goal: str
    reason: Reason
    detail: str


class Pursuit:
    """One episode's instruction, subgoal after subgoal, in one grid world."""

    def __init__(self, instruction: str, known: GridMap, limit: int) -> None:
        """Raises :class:`BadInput` for an instruction that is not in the language."""
        self._groups: tuple[Group, ...] = parse(instruction)
        self._limit = limit
        self.known = known
        self.skills = Skills(known)
        self.setbacks: list[Setback] = []
        """Since they were last taken."""
        self._stack: list[Subgoal] = []
        self._left: list[list[Goal]]
        self._tried: set[Thing] = set()
        self._idle, self._news = 0, known.news
        self._begin_again()

    @property
    def agenda(self) -> str:
        """What it is about, the nearest last: "open the door < pick up the key"."""
        return " < ".join(str(subgoal) for subgoal in self._stack) or "nothing"

    @property
    def finished(self) -> bool:
        """Whether every goal is reached."""
        return not self._stack and not any(self._left)

    @property
    def at_hand(self) -> Subgoal | None:
        """The subgoal that is pursued now."""
        return self._stack[-1] if self._stack else None

    def observe(self, action: str) -> bool:
        """Take note of what ``action`` led to (empty where it failed, or there was none); says
        whether the subgoal at hand has changed."""
        changed = False
        while self._stack and reached(self._stack[-1], self.known, action):
            self._finish(self._stack.pop())
            changed = True
        if changed or self.known.news != self._news:
            self._idle, self._news = 0, self.known.news
        else:
            self._idle += 1
        if self._stack and self._idle > self._limit:
            self._idle = 0
            self._fail(self._stack[-1], "timed_out", f"{self._limit} actions brought nothing new")
            changed = True
        return changed

    def plan(self) -> tuple[str, ...]:
        """The next actions; none where there is nothing to be done.

        Where all there is to try has been tried it forgets what it has seen and looks again: the
        world may have changed.
        """
        for _ in range(4 * DEEPEST):
            if not self._stack:
                self._next_goal()
            subgoal = self._stack[-1]
            answer = self.skills.plan(subgoal)
            if isinstance(answer, Needs):
                if len(self._stack) >= DEEPEST:
                    self._fail(subgoal, "impossible", "it goes round in circles")
                else:
                    self._stack.append(answer.subgoal)
            elif isinstance(answer, Impossible):
                self._fail(subgoal, "impossible", answer.why)
                if self._hopeless():
                    self.known.forget()
            elif answer:
                return answer
            else:  # it is there already: to be seen to be so takes an action
                return ("done",)
        return ()

    def _next_goal(self) -> None:
        while self._left and not self._left[0]:
            self._left.pop(0)
        if not self._left:
            self.setbacks.append(
                Setback("the instruction", "unconfirmed", "all is done, but the episode goes on")
            )
            self._begin_again()
        self._stack = [subgoal_of(self._left[0][0])]

    def _begin_again(self) -> None:
        """From the first goal, with other things where there are others."""
        self._left = [list(group) for group in self._groups]
        self.skills.shunned |= self._tried
        self._tried.clear()

    def _finish(self, subgoal: Subgoal) -> None:
        if subgoal.goal is None:
            return
        self._left[0].remove(subgoal.goal)
        thing = self.known.carried or self.known.thing_at(self.known.front)
        if thing is not None:
            self._tried.add(thing)

    def _fail(self, subgoal: Subgoal, reason: Reason, detail: str) -> None:
        """Give up what is at hand, and all that waits for it."""
        self.setbacks.append(Setback(str(subgoal), reason, detail))
        self._stack = []
        group = self._left[0]
        group.append(group.pop(0))  # what else may be done first

    def _hopeless(self) -> bool:
        return sum(back.reason == "impossible" for back in self.setbacks) >= len(self._left[0])
