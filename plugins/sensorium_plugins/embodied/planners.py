"""Planners that decide by fused senses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from sensorium import ComponentOptions, Emit, Input, Output, Planner
from sensorium.errors import ComponentError
from sensorium.events import Event
from sensorium.payloads import Plan
from sensorium_plugins.embodied import avworld
from sensorium_plugins.embodied.payloads import Senses
from sensorium_sims.avworld.oracle import BearingFollower
from sensorium_sims.bridge.payloads import EpisodeStarted

BABYAI = "babyai_policy"
_SILENCE = np.zeros((2, 1), np.float32)


class FollowSound(Planner):
    """Walks to what is loudest, by its ears, in worlds with AVWorld's actions.

    Does as ``bearing_follower`` does. Without ears it walks on and turns where something bars it.
    """

    takes: ClassVar[Mapping[str, Input]] = {"senses": Input("senses/+/+", Senses)}
    gives: ClassVar[Mapping[str, Output]] = {"plan": Output("plan/+/+", Plan)}

    def __init__(self, options: Any, context: Any) -> None:
        super().__init__(options, context)
        self._followers: dict[str, BearingFollower] = {}

    async def process(self, event: Event[Senses], emit: Emit) -> None:
        """Answer each observation."""
        senses = event.payload
        topic = senses.plan_topic
        if senses.step == 0:
            self._followers[topic] = BearingFollower()
        if senses.final or topic not in self._followers:
            return
        heard = np.stack([ear.samples for ear in senses.ears]) if senses.ears else _SILENCE
        act = self._followers[topic].act(heard, barred=bool(senses.values.get("touch", 0)))
        await emit(Plan("follow the sound", (act.name.lower(),)), topic=topic)


class PolicyOptions(ComponentOptions):
    """Which model decides."""

    model: str = ""
    """By default the model of the environment's family: "avworld_policy" for AVWorld, else
    "babyai_policy". Another one is a model whose requests hold ``view``, ``mission``, ``memory``
    and ``level`` (the id of the environment), and whose results hold ``action`` (a number) and
    ``memory``, and may hold ``taught`` (False for a level that it was not taught) and ``policy``
    (what decided)."""


class Policy(Planner):
    """Does what a learned policy says, one action an observation.

    The model keeps nothing between calls: what it remembers of an episode comes back with each
    result and goes out with the next request. A missing sense is a view of nothing, or no words.
    Of a level that the model was not taught a warning tells, once.
    """

    Options = PolicyOptions
    takes: ClassVar[Mapping[str, Input]] = {
        "started": Input("sim/+/+/started", EpisodeStarted),
        "senses": Input("senses/+/+", Senses),
    }
    gives: ClassVar[Mapping[str, Output]] = {"plan": Output("plan/+/+", Plan)}

    def __init__(self, options: Any, context: Any) -> None:
        super().__init__(options, context)
        self._words: dict[str, tuple[str, ...]] = {}
        self._memories: dict[str, Any] = {}
        self._levels: dict[str, str] = {}
        self._told: set[str] = set()
        self._loaded: set[str] = set()

    async def setup(self) -> None:
        """Load the model, where settings name it; else when it is known which world it is."""
        if self.options.model:
            await self._load(self.options.model)

    def _model_of(self, topic: str) -> str:
        of_world = avworld.MODEL if avworld.known(self._levels[topic]) else BABYAI
        return str(self.options.model) or of_world

    async def _load(self, model: str) -> None:
        if model not in self._loaded:
            await self.model(model).load()
            self._loaded.add(model)

    async def process(self, event: Event[Any], emit: Emit) -> None:
        """Answer each observation. Raises :class:`ComponentError` for an action without a word."""
        told = event.payload
        if isinstance(told, EpisodeStarted):
            topic = f"plan/{told.environment}/{told.index}"
            self._words[topic] = told.actions
            self._levels[topic] = told.id
            self._memories.pop(topic, None)
            await self._load(self._model_of(topic))
        elif not told.final and told.plan_topic in self._words:
            await self._answer(told, emit)

    async def _answer(self, senses: Senses, emit: Emit) -> None:
        topic = senses.plan_topic
        seen = senses.arrays.get("image")
        request = (
            avworld.request_of(senses, self._memories.get(topic))
            if avworld.known(self._levels[topic])
            else {
                "view": None if seen is None else seen.values,
                "mission": senses.text,
                "memory": self._memories.get(topic),
                "level": self._levels[topic],
            }
        )
        model = self._model_of(topic)
        result = await self.model(model).infer(request)
        self._memories[topic] = result["memory"]
        if not result.get("taught", True):
            self._warn(self._levels[topic], str(result.get("policy", model)))
        words, action = self._words[topic], result["action"]
        if action >= len(words):
            raise ComponentError(
                self.name,
                f"the model chose action {action}, but the environment has {len(words)}:"
                " it was trained for another one",
            )
        await emit(Plan(senses.text, (words[action],)), topic=topic)

    def _warn(self, level: str, policy: str) -> None:
        if level not in self._told:
            self._told.add(level)
            self.log.warning(
                "%s was not taught %s and does what it was taught elsewhere. Teach one:"
                " sensorium train babyai --level %s", policy, level, level,
            )  # fmt: skip
