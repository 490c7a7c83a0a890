"""What the policy knows in an episode, and how it comes to its next action.

It knows where it is, for it knows its own steps and whether they were barred. In each step it
puts what it perceives on its chart, asks the chooser which of the options of
:mod:`.options` is the one that the instruction means (or leads there), and takes the next step of
the shortest way on the chart. It turns once about itself at the beginning, to look and to listen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensorium_models.policies.avworld import tracks as tracking
from sensorium_models.policies.avworld.ground import Ground, Plan, survey, towards
from sensorium_models.policies.avworld.options import Moment, Option, Want, numbers, options_of
from sensorium_models.policies.avworld.percepts import SILENCE, Percept
from sensorium_models.policies.avworld.slots import COLOUR_WORDS, Slots
from sensorium_models.policies.avworld.tracks import Track
from sensorium_sims.avworld.moving import COS, FORWARD_M, HEADINGS, SIN
from sensorium_sims.avworld.vocabulary import look_of
from sensorium_sims.avworld.world import Act

F32 = NDArray[np.float32]
Choose = Callable[[F32], F32]
"""The chooser: (K, F) numbers of options -> (K,) logs of their chances."""

AROUND = 11
"""Turns at the beginning."""
STAYED, MOVED = 0.12, 0.3
"""How much what is heard now counts beside what was heard before, by what was done."""
NEAR_M = 0.85
"""Near enough to stop; the world asks for less than 1 m."""
SURE = 0.6
"""Chance from which a thing beside it is taken for the one that is meant."""
PATIENCE = 5
"""Turns spent listening beside a thing that it is not sure of."""
COSTS = 0.12
"""By how much each metre to walk lowers the log of a chance."""
STICK = 2.0
"""By how much the log of the chance of where it is going anyway is raised, until it is there: what
is known changes with every turn of the head, and whoever follows every change goes nowhere."""
SAME_M = 1.2
"""An option that is no farther from the last step's goal may be the same one."""
_USUAL = tracking.prior()


@dataclass(slots=True)
class Mind:
    """One episode."""

    x: float = 0.0
    y: float = 0.0
    heading: int = 0
    step: int = 0
    last: int = -1
    """The last action, -1 at the beginning."""
    waited: int = 0
    """Turns spent listening beside the thing at ``goal``."""
    carrying: int = 0
    brought: bool = False
    """The key was put down where it was to be brought."""
    goal: tuple[float, float] | None = None
    ground: Ground = field(default_factory=Ground)
    tracks: list[Track] = field(default_factory=list)
    recent: F32 = field(default_factory=SILENCE.copy)
    barred: set[tuple[float, float, int]] = field(default_factory=set)
    options: list[Option] = field(default_factory=list)
    numbers: F32 | None = None
    """Of the options of this step: what the chooser was asked."""

    def act(self, percept: Percept, slots: Slots, carry: int, barred: bool, choose: Choose) -> Act:
        """The next action, from what is perceived now."""
        self._moved(carry, barred)
        self._chart(percept)
        if self.brought:
            return self._done(Act.STOP)
        want = Want.of(slots, carrying=carry != 0)
        if carry and self._wrong_key(carry, slots):
            return self._done(Act.DROP)
        solids = self._solids()
        plan = survey(self.ground, self.x, self.y, solids)
        moment = Moment(
            self.ground, plan, self.tracks, self.recent, want,
            self.x, self.y, self.heading, self.step,
        )  # fmt: skip
        self.options = options_of(moment)
        self.numbers = numbers(moment, self.options) if self.options else None
        if self.step < AROUND or self.numbers is None:
            return self._done(Act.LEFT)
        chances = choose(self.numbers)
        return self._done(self._follow(plan, solids, chances, want, carry))

    def _moved(self, carry: int, barred: bool) -> None:
        """Where the last action led."""
        if self.last == Act.LEFT:
            self.heading = (self.heading + 1) % HEADINGS
        elif self.last == Act.RIGHT:
            self.heading = (self.heading - 1) % HEADINGS
        elif self.last == Act.FORWARD and barred:
            self.barred.add((round(self.x, 2), round(self.y, 2), self.heading))
            self.ground.bar(self.x, self.y, self.heading)
        elif self.last == Act.FORWARD:
            self.x += FORWARD_M * COS[self.heading]
            self.y += FORWARD_M * SIN[self.heading]
            self.waited = 0
        if carry and not self.carrying:  # picked up: it is no longer where it was
            self.tracks = [
                t for t in self.tracks
                if t.kinds()[-1] < 0.5 or math.hypot(t.x - self.x, t.y - self.y) > 1.2
            ]  # fmt: skip
            self.goal = None
        self.carrying = carry

    def _chart(self, percept: Percept) -> None:
        """Put on the chart what is seen and heard."""
        x, y = self.x, self.y
        self.ground.stand(x, y)
        if percept.depth is not None:
            self.ground.look(x, y, self.heading, percept.depth)
        tracking.watch(self.tracks, percept, x, y, self.heading)
        if percept.heard is None:
            return
        heard = tracking.turned(percept.heard, self.heading)
        share = MOVED if self.last == Act.FORWARD else max(STAYED, 1 / (self.step + 1))
        self.recent += share * (heard - self.recent)
        for track in self.tracks:
            clear = self.ground.in_sight(x, y, track.x, track.y)
            tracking.listen(track, heard, x, y, _USUAL, in_sight=clear)

    def _follow(
        self, plan: Plan, solids: list[tuple[float, float]], chances: F32, want: Want, carry: int
    ) -> Act:
        """One action towards the best option, or at it."""
        away = np.array([option.away for option in self.options])
        worth = chances - COSTS * away
        held = self._held()
        if held is not None:
            worth[held] += STICK
        for best in np.argsort(-worth):
            option = self.options[int(best)]
            if option.track is not None and self._beside(option):
                act = self._at(option, float(np.exp(chances[best])), want, carry)
            else:
                act = self._towards(plan, option, solids)
            if act is not None:
                self.goal = option.x, option.y
                return act
        self.goal = None
        return Act.LEFT if self.step % 7 else Act.FORWARD

    def _held(self) -> int | None:
        """The option that it was going to, where it is not beside it yet."""
        if self.goal is None or not self.options:
            return None
        goal = self.goal
        apart = [math.dist(goal, (option.x, option.y)) for option in self.options]
        nearest = int(np.argmin(apart))
        option = self.options[nearest]
        arrived = math.dist((self.x, self.y), (option.x, option.y)) < NEAR_M
        return nearest if apart[nearest] < SAME_M and not arrived else None

    def _beside(self, option: Option) -> bool:
        """Near enough, and nothing else nearer."""
        apart = math.hypot(option.x - self.x, option.y - self.y)
        if apart > NEAR_M or not self.ground.in_sight(self.x, self.y, option.x, option.y):
            return False
        assert option.track is not None
        key = bool(self.tracks[option.track].kinds()[-1] > 0.5)
        rivals = [t for i, t in enumerate(self.tracks)
                  if i != option.track and bool(t.kinds()[-1] > 0.5) == key]  # fmt: skip
        return all(math.hypot(t.x - self.x, t.y - self.y) > apart for t in rivals)

    def _at(self, option: Option, chance: float, want: Want, carry: int) -> Act | None:
        """What is done beside a thing; None: it is not the one."""
        bearing = math.atan2(option.y - self.y, option.x - self.x)
        off = (bearing - self.heading * 2 * math.pi / HEADINGS + math.pi) % (2 * math.pi) - math.pi
        if want.is_key:
            if abs(off) > math.radians(30):
                return Act.LEFT if off > 0 else Act.RIGHT
            self.waited += 1
            return Act.PICK_UP if self.waited < PATIENCE else None
        if chance < SURE:
            self.waited += 1
            return Act.LEFT if self.waited <= PATIENCE else None
        return Act.DROP if carry else Act.STOP

    def _towards(self, plan: Plan, option: Option, solids: list[tuple[float, float]]) -> Act | None:
        """The next step of the way to an option; None where there is no way."""
        radius = 0.75 if option.track is not None else 0.3
        field_ = plan.field(plan.discs(option.x, option.y, radius))
        if not np.isfinite(field_).any():
            field_ = plan.field(plan.discs(option.x, option.y, 1.2))
        turn = towards(self.ground, plan, field_, solids, self.x, self.y, self.heading, self.barred)
        if turn is None:
            return None
        return Act.FORWARD if turn == 0 else Act.LEFT if turn > 0 else Act.RIGHT

    def _solids(self) -> list[tuple[float, float]]:
        """Things that cannot be walked through: all but keys."""
        return [(t.x, t.y) for t in self.tracks if t.kinds()[-1] < 0.5 and t.sure > 0.5]

    def _wrong_key(self, carry: int, slots: Slots) -> bool:
        look = look_of(carry)
        if look is None or slots.fetches < 0.5:
            return True
        colours = list(slots.key[:-1])
        return bool(colours[COLOUR_WORDS.index(look.colour)] < 0.3)

    def _done(self, act: Act) -> Act:
        if act == Act.DROP and self.last != Act.DROP:
            self.brought = self.goal is not None
        self.step += 1
        self.last = int(act)
        return act

    def pack(self) -> dict[str, Any]:
        """Plain data that :meth:`of` makes the same mind of."""
        return {
            "pose": np.array([self.x, self.y, *(self.goal or (np.nan, np.nan))]),
            "counts": [
                self.heading, self.step, self.last, self.waited, self.carrying, int(self.brought)
            ],
            "odds": self.ground.odds,
            "tracks": np.stack([t.flat() for t in self.tracks]) if self.tracks else None,
            "recent": self.recent,
            "barred": [list(step) for step in sorted(self.barred)],
        }  # fmt: skip

    @classmethod
    def of(cls, packed: Mapping[str, Any]) -> Mind:
        """From :meth:`pack`."""
        x, y, goal_x, goal_y = (float(number) for number in packed["pose"])
        heading, step, last, waited, carrying, brought = packed["counts"]
        tracks = packed["tracks"]
        return cls(
            x, y, heading, step, last, waited, carrying, bool(brought),
            None if math.isnan(goal_x) else (goal_x, goal_y),
            Ground(np.array(packed["odds"], np.int8)),
            [] if tracks is None else [Track.of(row) for row in np.asarray(tracks)],
            np.array(packed["recent"], np.float32),
            {(a, b, int(h)) for a, b, h in packed["barred"]},
        )  # fmt: skip
