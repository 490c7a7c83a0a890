"""The planner ``subgoals``: an instruction becomes subgoals, each reached by a skill."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from sensorium import ComponentOptions, Emit, Input, Output, Planner
from sensorium.errors import BadInput, MissingDependency, ModelUnavailable
from sensorium.events import Event
from sensorium.payloads import Plan
from sensorium.workers.executor import ModelHandle
from sensorium_plugins.embodied.learned import LearnedSkill
from sensorium_plugins.embodied.monitoring import Watch, Watched
from sensorium_plugins.embodied.payloads import ActionFailed, PlanFailed, Senses
from sensorium_plugins.embodied.pursuit import Pursuit
from sensorium_sims.bridge.payloads import EpisodeStarted


class SubgoalsOptions(ComponentOptions):
    """Whose skills, and how long a subgoal is tried."""

    limit: int = Field(100, ge=1)
    """A subgoal is given up, and planned anew, when so many actions brought nothing new."""
    policy: str = "babyai_policy"
    """A learned policy for what it was taught; empty: every skill is a search."""
    taught: tuple[Literal["go to", "pick up"], ...] = ("go to", "pick up")
    """What the policy was taught, in one room. What it is not, is a search."""
    policy_limit: int = Field(24, ge=1)
    """Actions after which the policy's subgoal is reached by a search instead."""


class Subgoals(Planner, Watched):
    """Carries out BabyAI's instructions in grid worlds, by what it has seen.

    The instruction is parsed into goals, a goal becomes a skill with its arguments, and a skill
    asks for others where it needs them. A skill is the learned policy's where it was taught that,
    else a search of what has been seen. A plan goes out when there is none, when the subgoal
    changes, when an action failed, and when something new was seen.
    """

    Options = SubgoalsOptions
    takes: ClassVar[Mapping[str, Input]] = {
        "started": Input("sim/+/+/started", EpisodeStarted),
        "senses": Input("senses/+/+", Senses),
    }
    gives: ClassVar[Mapping[str, Output]] = {
        "plan": Output("plan/+/+", Plan),
        **Watched.failures,
    }

    def __init__(self, options: Any, context: Any) -> None:
        super().__init__(options, context)
        self._watches: dict[str, Watch] = {}
        self._pursuits: dict[str, Pursuit] = {}
        self._news: dict[str, int] = {}
        self._learned: dict[str, LearnedSkill] = {}
        self._policy: ModelHandle | None = None

    async def setup(self) -> None:
        """Load the policy; without its weights or libraries every skill is a search."""
        if not self.options.policy:
            return
        policy = self.model(self.options.policy)
        try:
            await policy.load()
        except (MissingDependency, ModelUnavailable) as error:
            self.log.warning("no learned skills: %s", error)
        else:
            self._policy = policy

    async def process(self, event: Event[Any], emit: Emit) -> None:
        """Answer each observation that the plan does not cover."""
        told = event.payload
        if isinstance(told, EpisodeStarted):
            topic = f"plan/{told.environment}/{told.index}"
            self._watches[topic] = Watch(told)
            self._pursuits.pop(topic, None)
            if self._policy is not None:
                options = self.options
                self._learned[topic] = LearnedSkill(
                    self._policy, options.taught, options.policy_limit
                )
        elif told.plan_topic in self._watches:
            await self._follow(told, self._watches[told.plan_topic], emit)

    async def _follow(self, senses: Senses, watch: Watch, emit: Emit) -> None:
        topic = senses.plan_topic
        failed = watch.observe(senses)
        if failed is not None:
            await self.tell(emit, failed)
        if senses.final:
            return
        pursuit = self._pursuits.get(topic) or await self._begin(senses, watch, emit)
        if pursuit is None:
            return
        changed = pursuit.observe(watch.done)
        if (
            failed is None
            and not changed
            and watch.left
            and self._news[topic] == pursuit.known.news
        ):
            return
        await self._plan(senses, watch, pursuit, failed, emit)

    async def _begin(self, senses: Senses, watch: Watch, emit: Emit) -> Pursuit | None:
        if watch.map is None:
            await self.tell(emit, _plan_failed(senses, senses.text, "impossible", _NO_GRID))
            return None
        try:
            pursuit = Pursuit(senses.text, watch.map, self.options.limit)
        except BadInput as error:
            await self.tell(emit, _plan_failed(senses, senses.text, "not_understood", str(error)))
            return None
        self._pursuits[senses.plan_topic] = pursuit
        return pursuit

    async def _plan(
        self,
        senses: Senses,
        watch: Watch,
        pursuit: Pursuit,
        failed: ActionFailed | None,
        emit: Emit,
    ) -> None:
        topic = senses.plan_topic
        if failed is not None and watch.left:
            await self.tell(
                emit,
                _plan_failed(senses, failed.goal, "blocked", f"{failed.action}: {failed.detail}"),
            )
        steps = await self._skilled(senses, watch, pursuit, failed, emit) or pursuit.plan()
        for back in pursuit.setbacks:
            await self.tell(emit, _plan_failed(senses, back.goal, back.reason, back.detail))
        pursuit.setbacks.clear()
        self._news[topic] = pursuit.known.news
        if steps:
            plan = Plan(pursuit.agenda, steps)
            watch.expect(plan)
            await emit(plan, "plan", topic=topic)

    async def _skilled(
        self,
        senses: Senses,
        watch: Watch,
        pursuit: Pursuit,
        failed: ActionFailed | None,
        emit: Emit,
    ) -> tuple[str, ...]:
        """What the learned policy does now; nothing where it was not taught what is at hand."""
        learned, subgoal = self._learned.get(senses.plan_topic), pursuit.at_hand
        if learned is None or subgoal is None or not learned.fits(subgoal, pursuit.known):
            return ()
        if failed is not None:
            learned.give_up(subgoal)
            return ()
        action = await learned.act(subgoal, senses, watch.words)
        if not action:
            why = f"the learned skill took {self.options.policy_limit} actions"
            await self.tell(emit, _plan_failed(senses, str(subgoal), "timed_out", why))
        return (action,) if action else ()


_NO_GRID = "there is no view of cells to make a map of, or not MiniGrid's actions"


def _plan_failed(senses: Senses, goal: str, reason: Any, detail: str) -> PlanFailed:
    return PlanFailed(
        senses.environment, senses.index, senses.episode, senses.step, goal, reason, detail
    )
