"""Watching what becomes of actions: an action that fails is an event.

A :class:`Watch` knows what was planned, sees what is sensed after it, and says which action had no
effect, met a barrier, or was not done in time. Planners that plan ahead have one each
(:class:`Watched`); the component ``monitor`` watches any other planner from outside.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, ClassVar

from sensorium import Emit, Input, Output, Perceiver
from sensorium.events import Event
from sensorium.payloads import Plan
from sensorium_plugins.embodied.gridmap import GridMap, cells_of
from sensorium_plugins.embodied.payloads import ActionFailed, PlanFailed, Senses
from sensorium_sims.bridge.payloads import EpisodeStarted

GRID_WORDS = frozenset({"left", "right", "forward", "pickup", "drop", "toggle"})
"""The actions of a MiniGrid: with these and a view of cells, a map can be kept."""
_IDLE = frozenset({"done", "stop", "noop", "wait"})


class Watch:
    """One environment's episode, from the outside."""

    def __init__(self, started: EpisodeStarted) -> None:
        self.words = started.actions
        self.map: GridMap | None = None
        """What is known of a grid world; None in other worlds."""
        self.done = ""
        """The action that the newest senses follow, where it had its effect."""
        self._planned: deque[str] = deque()
        self._goal = ""
        self._before: Senses | None = None

    def expect(self, plan: Plan) -> None:
        """A plan went out: it takes the place of what was left of the one before."""
        self._goal = plan.goal
        self._planned = deque(plan.steps)

    @property
    def left(self) -> tuple[str, ...]:
        """The actions that are still to come."""
        return tuple(self._planned)

    def observe(self, senses: Senses) -> ActionFailed | None:
        """Take in what is sensed, and say whether the action before it failed."""
        before, self._before = self._before, senses
        view = senses.arrays.get("image") if set(self.words) >= GRID_WORDS else None
        compass = senses.values.get("direction")
        heading = int(compass) if isinstance(compass, int | float) else None
        self.done = ""
        if before is None:
            if view is not None:
                self.map = GridMap(heading or 0)
                self.map.look(cells_of(view.values))
            return None
        passed = senses.step - before.step
        if passed > len(self._planned):
            missed, self._planned = passed - len(self._planned), deque()
            if self.map is not None and view is not None:  # what was done is not known
                self.map = GridMap(heading or 0)
                self.map.look(cells_of(view.values))
            return self._failed(senses, "", "timed_out", f"{missed} steps passed without a plan")
        for _ in range(passed):
            action = self._planned.popleft()
        if passed != 1:
            return None
        if view is None or self.map is None:
            reason, why = judge(before, action, senses)
        else:
            ahead = self.map.front
            outcome = self.map.follow(action, cells_of(view.values), heading)
            reason = "" if outcome == "done" else outcome
            why = f"{_barring(self.map, ahead)} is ahead"
        self.done = "" if reason else action
        return self._failed(senses, action, reason, why) if reason else None

    def _failed(self, senses: Senses, action: str, reason: Any, detail: str) -> ActionFailed:
        return ActionFailed(
            senses.environment, senses.index, senses.episode, senses.step,
            action, reason, detail, self._goal,
        )  # fmt: skip


def judge(before: Senses, action: str, after: Senses) -> tuple[str, str]:
    """Why an action failed, and what shows it; two empty words if nothing does.

    A world that tells of touch says so itself; elsewhere an action after which everything that is
    seen and known is as it was had no effect.
    """
    if action in _IDLE:
        return "", ""
    if "touch" in after.values:
        return ("blocked", "something barred the way") if after.values["touch"] else ("", "")
    if not _seen(after) or _seen(before) != _seen(after):
        return "", ""
    return "no_effect", "everything looks as it did"


def _seen(senses: Senses) -> dict[str, object]:
    seen: dict[str, object] = dict(senses.values)
    seen |= {name: array.values.tobytes() for name, array in senses.arrays.items()}
    if senses.image is not None:
        seen["camera"] = senses.image.data.tobytes()
    return seen


def _barring(known: GridMap, place: tuple[int, int]) -> str:
    thing = known.thing_at(place)
    if thing is not None:
        return f"a {thing}"
    return {0: "what is not seen", 1: "nothing", 2: "a wall"}.get(known.kind(place), "something")


class Watched:
    """What planners with a watch share: its life, and the topics of failures."""

    failures: ClassVar[Mapping[str, Output]] = {
        "action_failed": Output("action_failed/+/+", ActionFailed),
        "plan_failed": Output("plan_failed/+/+", PlanFailed),
    }

    @staticmethod
    async def tell(emit: Emit, failed: ActionFailed | PlanFailed) -> None:
        """Publish a failure."""
        kind = "action_failed" if isinstance(failed, ActionFailed) else "plan_failed"
        await emit(failed, kind, topic=f"{kind}/{failed.environment}/{failed.index}")


class Monitor(Perceiver):
    """Watches the plans of any planner, and tells of every action that failed."""

    takes: ClassVar[Mapping[str, Input]] = {
        "started": Input("sim/+/+/started", EpisodeStarted),
        "plan": Input("plan/+/+", Plan),
        "senses": Input("senses/+/+", Senses),
    }
    gives: ClassVar[Mapping[str, Output]] = {
        "action_failed": Output("action_failed/+/+", ActionFailed)
    }

    def __init__(self, options: Any, context: Any) -> None:
        super().__init__(options, context)
        self._watches: dict[str, Watch] = {}
        self._early: dict[str, list[Event[Any]]] = {}

    async def process(self, event: Event[Any], emit: Emit) -> None:
        """Follow episodes, plans and senses."""
        told = event.payload
        where = event.topic.split("/", 1)[1]
        if isinstance(told, EpisodeStarted):
            where = f"{told.environment}/{told.index}"
            self._watches[where], self._early[where] = Watch(told), []
        elif where not in self._watches:
            return
        elif isinstance(told, Plan):  # it may come before the senses that it answers
            self._early[where].append(event)
        else:
            await self._sense(where, event, emit)

    async def _sense(self, where: str, event: Event[Senses], emit: Emit) -> None:
        watch, early = self._watches[where], self._early[where]
        for plan in [plan for plan in early if plan.originating_time < event.originating_time]:
            watch.expect(plan.payload)
            early.remove(plan)
        failed = watch.observe(event.payload)
        if failed is not None:
            await emit(failed, topic=f"action_failed/{where}")
