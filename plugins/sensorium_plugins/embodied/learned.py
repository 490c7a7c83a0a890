"""A subgoal reached by a learned policy: it is told the subgoal's words, and asked at each step."""

from __future__ import annotations

from typing import Any

from sensorium.workers.executor import ModelHandle
from sensorium_plugins.embodied.gridmap import AHEAD, DOOR, GridMap
from sensorium_plugins.embodied.payloads import Senses
from sensorium_plugins.embodied.subgoal import Subgoal

LEVELS = {
    "go to": "BabyAI-GoToLocal-v0",
    "pick up": "BabyAI-PickupLoc-v0",
}
"""Where each skill is taught: what bundled weights are chosen by."""


class LearnedSkill:
    """One policy in one episode: what it may be asked, and what it remembers.

    ``taught``: the beginnings of the instructions it was taught ("go to"). It is asked only for
    what is in view and has no place in words: those are of where the episode began.
    """

    def __init__(self, model: ModelHandle, taught: tuple[str, ...], limit: int) -> None:
        self._model, self._taught, self._limit = model, taught, limit
        self._pursued: Subgoal | None = None
        self._memory: Any = None
        self._given_up: list[Subgoal] = []
        self.steps = 0
        """Actions of it in all, for the records."""

    def fits(self, subgoal: Subgoal | None, known: GridMap) -> bool:
        """Whether it was taught this, and what it is about is in view."""
        if subgoal is None or subgoal.skill not in self._taught:
            return False
        if subgoal.thing is None or subgoal.thing.place is not None:
            return False
        if subgoal in self._given_up or known.carried is not None:
            return False
        return any(_in_view(known, thing.at) for thing in known.matching(subgoal.thing))

    async def act(self, subgoal: Subgoal, senses: Senses, words: tuple[str, ...]) -> str:
        """Its next action; empty, and the subgoal is given up, where it takes too long."""
        if self._pursued is not subgoal:
            self._pursued, self._memory, self._began = subgoal, None, self.steps
        if self.steps - self._began >= self._limit:
            self.give_up(subgoal)
            return ""
        result = await self._model.infer(
            {
                "view": senses.arrays["image"].values,
                "mission": str(subgoal),
                "memory": self._memory,
                "level": LEVELS.get(subgoal.skill, ""),
            }
        )
        self._memory = result["memory"]
        self.steps += 1
        return words[result["action"]] if result["action"] < len(words) else ""

    def give_up(self, subgoal: Subgoal) -> None:
        """It is not asked for this subgoal again."""
        self._given_up.append(subgoal)


def _in_view(known: GridMap, place: tuple[int, int] | None) -> bool:
    """Whether a cell lies in view, and no closed door: those may be another room's."""
    if place is None or known.kind(place) == DOOR:
        return False
    dx, dy = AHEAD[known.heading]
    x, y = place[0] - known.at[0], place[1] - known.at[1]
    ahead, aside = x * dx + y * dy, y * dx - x * dy
    return 0 <= ahead <= known.reach and abs(aside) <= known.reach // 2
