"""The planner ``language_skills``: a language model chooses among skills."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from sensorium import ComponentOptions, Emit, Input, Output, Planner
from sensorium.events import Event
from sensorium.payloads import Plan
from sensorium_plugins.embodied.gridmap import DOOR, GridMap
from sensorium_plugins.embodied.monitoring import Watch, Watched
from sensorium_plugins.embodied.payloads import PlanFailed, Senses
from sensorium_plugins.embodied.pursuit import Pursuit
from sensorium_plugins.embodied.skills import Skills
from sensorium_sims.bridge.payloads import EpisodeStarted

LOOK = "look around"
_TOKENS = 32


class LanguageSkillsOptions(ComponentOptions):
    """Which model chooses, and how long a skill is tried."""

    model: str = "language_model"
    """Any model with the language contract."""
    temperature: float = Field(0.0, ge=0, le=2)
    limit: int = Field(60, ge=1)
    """A skill is given up when so many actions brought nothing new."""


class _Episode:
    """What was chosen so far in one episode, and what is being done."""

    def __init__(self, started: EpisodeStarted) -> None:
        self.watch = Watch(started)
        self.chosen: list[str] = []
        self.pursuit: Pursuit | None = None
        self.looking = -1
        """Things that were known when it began to look around; -1 while it does not."""
        self.news = 0


class LanguageSkills(Planner, Watched):
    """Asks a language model what to do next: go to, pick up, open or put something that has been
    seen, or look around. How it is done is a skill of the planner ``subgoals``.

    Every choice can be carried out, because only such are offered; the model is held to them by a
    grammar, a mask or a schema.
    """

    Options = LanguageSkillsOptions
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
        self._episodes: dict[str, _Episode] = {}

    async def setup(self) -> None:
        """Load the model."""
        await self.model(self.options.model).load()

    async def process(self, event: Event[Any], emit: Emit) -> None:
        """Answer each observation that the plan does not cover."""
        told = event.payload
        if isinstance(told, EpisodeStarted):
            self._episodes[f"plan/{told.environment}/{told.index}"] = _Episode(told)
        elif told.plan_topic in self._episodes:
            await self._follow(told, self._episodes[told.plan_topic], emit)

    async def _follow(self, senses: Senses, episode: _Episode, emit: Emit) -> None:
        watch = episode.watch
        failed = watch.observe(senses)
        if failed is not None:
            await self.tell(emit, failed)
        if senses.final:
            return
        if (known := watch.map) is None:
            await self.tell(emit, _failed(senses, senses.text, "impossible", "no grid world"))
            return
        changed = await self._progress(senses, episode, known, emit)
        if failed is None and not changed and watch.left and episode.news == known.news:
            return
        steps = await self._steps(senses, episode, known, emit)
        episode.news = known.news
        plan = Plan(episode.chosen[-1], steps)
        watch.expect(plan)
        await emit(plan, "plan", topic=senses.plan_topic)

    async def _progress(
        self, senses: Senses, episode: _Episode, known: GridMap, emit: Emit
    ) -> bool:
        """Whether what was chosen is done, or was given up."""
        pursuit = episode.pursuit
        if pursuit is None:
            return len(known.things) > episode.looking >= 0
        changed = pursuit.observe(episode.watch.done)
        for back in pursuit.setbacks:
            await self.tell(emit, _failed(senses, back.goal, back.reason, back.detail))
        if pursuit.finished or pursuit.setbacks:
            episode.pursuit, changed = None, True
        return changed

    async def _steps(
        self, senses: Senses, episode: _Episode, known: GridMap, emit: Emit
    ) -> tuple[str, ...]:
        """The next actions, of what is under way or of what is chosen now."""
        looked = episode.pursuit is None and episode.looking == len(known.things)
        if not looked and episode.pursuit is None:
            await self._choose(senses, episode, known)
        if (pursuit := episode.pursuit) is not None:
            steps = pursuit.plan()
            for back in pursuit.setbacks:
                await self.tell(emit, _failed(senses, back.goal, back.reason, back.detail))
            if pursuit.setbacks:
                episode.pursuit = None
            return steps or ("done",)
        answer = Skills(known).explore()
        return answer if isinstance(answer, tuple) and answer else ("left",)

    async def _choose(self, senses: Senses, episode: _Episode, known: GridMap) -> None:
        choices = choices_of(known)
        request = {
            "messages": _messages(senses.text, episode.chosen, known),
            "choices": choices,
            "max_tokens": _TOKENS,
            "temperature": self.options.temperature,
            "seed": senses.step,
        }
        answer = await self.model(self.options.model).infer(request)
        said = str(answer["text"]).strip()
        said = said if said in choices else LOOK
        episode.chosen.append(said)
        episode.looking = -1
        if said == LOOK:
            episode.looking = len(known.things)
        else:
            episode.pursuit = Pursuit(said, known, self.options.limit)


def choices_of(known: GridMap) -> list[str]:
    """What can be done now with what has been seen, in BabyAI's words; and to look around.

    Full hands pick nothing up, and only what is held can be put somewhere.
    """
    things = {str(thing): thing.kind for thing in known.things if thing.at is not None}
    choices = [LOOK]
    for name, kind in sorted(things.items()):
        choices.append(f"go to the {name}")
        if kind == DOOR:
            choices.append(f"open the {name}")
        elif known.carried is None:
            choices.append(f"pick up the {name}")
    if known.carried is not None:
        choices += [f"put the {known.carried} next to the {name}" for name in sorted(things)]
    return choices


def _messages(mission: str, chosen: list[str], known: GridMap) -> list[dict[str, str]]:
    seen = ", ".join(sorted(f"a {thing}" for thing in known.things if thing.at)) or "nothing yet"
    asked = [
        f"Your goal: {mission}.",
        f"You have seen: {seen}.",
        f"You carry: {known.carried or 'nothing'}.",
        f"You have done: {', then '.join(chosen) or 'nothing yet'}.",
        "What do you do next?",
    ]
    return [
        {"role": "system", "content": "You control a robot. You answer with one command."},
        {"role": "user", "content": "\n".join(asked)},
    ]


def _failed(senses: Senses, goal: str, reason: Any, detail: str) -> PlanFailed:
    return PlanFailed(
        senses.environment, senses.index, senses.episode, senses.step, goal, reason, detail
    )
