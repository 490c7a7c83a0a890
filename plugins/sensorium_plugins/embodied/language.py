"""The planner ``language``: a language model chooses among the actions there are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from sensorium import ComponentOptions, Emit, Input, Output, Planner
from sensorium.events import Event
from sensorium.payloads import Plan
from sensorium_plugins.embodied.monitoring import Watch, Watched
from sensorium_plugins.embodied.payloads import PlanFailed, Senses
from sensorium_plugins.embodied.telling import actions_of, tell
from sensorium_sims.balrog.words import HISTORY, QUESTION, instruction
from sensorium_sims.bridge.payloads import EpisodeStarted

_TOKENS = 16
"""Of an answer at most: an action has up to three words."""


class LanguageOptions(ComponentOptions):
    """Which model, what it is shown, and what happens when it answers with no action."""

    model: str = "language_model"
    """Any model with the language contract: ``language_model`` (llama.cpp, GGUF),
    ``language_model_transformers``, ``language_model_openai`` (a server)."""
    temperature: float = Field(1.0, ge=0, le=2)
    """BALROG's; at 0 a small model repeats itself for ever."""
    history: int = Field(HISTORY, ge=1)
    """Observations it is shown at most. Beyond that the older half is forgotten at once: a model
    that keeps what it has read need not read it all again at every step."""
    retries: int = Field(2, ge=0)
    """How often it is asked again after an answer that is no action."""
    fallback: str = ""
    """The action where no answer was one, as in BALROG ("forward"). Without it the answer becomes
    the plan, and the episode fails as OutsideActionSpace."""


class _Episode:
    """What was seen and done so far in one episode."""

    def __init__(self, started: EpisodeStarted) -> None:
        self.watch = Watch(started)
        self.seed = started.seed
        self.words = started.actions
        self.actions = actions_of(started.actions)
        self.turns: list[tuple[str, str]] = []
        """What was observed, and the action that followed."""


class Language(Planner, Watched):
    """Asks a language model for one action an observation, without examples (zero-shot).

    What is sensed is told in words, with what was observed and done before. The model is held to
    the actions of the environment: by a grammar, a mask or a schema. An answer that is still none
    of them is refused, which is an event, and the model is asked again.
    """

    Options = LanguageOptions
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
        """Answer each observation."""
        told = event.payload
        if isinstance(told, EpisodeStarted):
            self._episodes[f"plan/{told.environment}/{told.index}"] = _Episode(told)
            return
        episode = self._episodes.get(told.plan_topic)
        if episode is None:
            return
        failed = episode.watch.observe(told)
        if failed is not None:
            await self.tell(emit, failed)
        if not told.final and episode.actions:
            await self._answer(told, episode, emit)

    async def _answer(self, senses: Senses, episode: _Episode, emit: Emit) -> None:
        if len(episode.turns) >= self.options.history:
            episode.turns = episode.turns[(len(episode.turns) + 1) // 2 :]
        seen = tell(senses, episode.words)
        said = await self._choose(senses, episode, seen, emit)
        known = episode.actions.get(said)
        word = known[0] if known is not None else self.options.fallback or said
        episode.turns.append((seen, said))
        plan = Plan(senses.text, (word,))
        episode.watch.expect(plan)
        await emit(plan, "plan", topic=senses.plan_topic)

    async def _choose(self, senses: Senses, episode: _Episode, seen: str, emit: Emit) -> str:
        """An action in the model's words; what it said instead when every answer was refused."""
        messages = _messages(senses.text, episode, seen)
        said = ""
        for attempt in range(self.options.retries + 1):
            request = {
                "messages": messages,
                "choices": list(episode.actions),
                "max_tokens": _TOKENS,
                "temperature": self.options.temperature,
                "seed": _seed(episode.seed, senses.step, attempt),
            }
            answer = await self.model(self.options.model).infer(request)
            said = str(answer["text"]).strip()
            if said in episode.actions:
                return said
            await self.tell(emit, _refused(senses, said))
            allowed = f"That is none of the actions: {', '.join(episode.actions)}. {QUESTION}"
            messages = [
                *messages,
                {"role": "assistant", "content": said or "?"},
                {"role": "user", "content": allowed},
            ]
        return said


def _messages(mission: str, episode: _Episode, seen: str) -> list[dict[str, str]]:
    """The goal and the actions, then what was observed and done, then what is observed now."""
    described = {name: what for name, (_, what) in episode.actions.items()}
    messages = [{"role": "system", "content": instruction(mission or "look around", described)}]
    for before, said in episode.turns:
        messages.append({"role": "user", "content": f"Observation:\n{before}"})
        messages.append({"role": "assistant", "content": said})
    messages.append({"role": "user", "content": f"Observation:\n{seen}\n\n{QUESTION}"})
    return messages


def _seed(*numbers: int) -> int:
    """One of its own for each question, the same in each run, whoever else plays beside it."""
    seed = 0
    for number in numbers:
        seed = (seed * 1_000_003 + number) % (1 << 31)
    return seed


def _refused(senses: Senses, said: str) -> PlanFailed:
    return PlanFailed(
        senses.environment, senses.index, senses.episode, senses.step,
        senses.text, "refused", f"{said!r} is no action",
    )  # fmt: skip
