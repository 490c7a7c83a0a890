"""A planner that does in the listening arenas what a learned policy says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from sensorium import ComponentOptions, Emit, Input, Output, Planner
from sensorium.errors import ComponentError
from sensorium.events import Event
from sensorium.payloads import Plan
from sensorium_plugins.embodied.payloads import Senses
from sensorium_sims.bridge.payloads import EpisodeStarted


class ListenerOptions(ComponentOptions):
    """Which model decides."""

    model: str = "doom_policy"
    """A model whose requests hold ``camera``, ``ears``, ``mission``, ``last`` and ``memory``."""


class Listener(Planner):
    """Looks and listens, one action an observation, in `sensorium/DoomFind-v0` and `DoomTold-v0`.

    The model keeps nothing between calls: what it remembers of an episode comes back with each
    result and goes out with the next request. A missing sense is darkness, silence, or no words.
    """

    Options = ListenerOptions
    takes: ClassVar[Mapping[str, Input]] = {
        "started": Input("sim/+/+/started", EpisodeStarted),
        "senses": Input("senses/+/+", Senses),
    }
    gives: ClassVar[Mapping[str, Output]] = {"plan": Output("plan/+/+", Plan)}

    def __init__(self, options: Any, context: Any) -> None:
        super().__init__(options, context)
        self._words: dict[str, tuple[str, ...]] = {}
        self._before: dict[str, Any] = {}

    async def setup(self) -> None:
        """Load the model."""
        await self.model(self.options.model).load()

    async def process(self, event: Event[Any], emit: Emit) -> None:
        """Answer each observation. Raises :class:`ComponentError` for an action without a word."""
        told = event.payload
        if isinstance(told, EpisodeStarted):
            topic = f"plan/{told.environment}/{told.index}"
            self._words[topic] = told.actions
            self._before.pop(topic, None)
        elif not told.final and told.plan_topic in self._words:
            await self._answer(told, emit)

    async def _answer(self, senses: Senses, emit: Emit) -> None:
        topic = senses.plan_topic
        before = self._before.get(topic)
        request = {
            "camera": None if senses.image is None else senses.image.data,
            "ears": np.stack([ear.samples for ear in senses.ears]) if senses.ears else None,
            "mission": senses.text,
            "last": before and before["action"],
            "memory": before and before["memory"],
        }
        result = await self.model(self.options.model).infer(request)
        self._before[topic] = result
        words, action = self._words[topic], result["action"]
        if action >= len(words):
            raise ComponentError(
                self.name,
                f"the model chose action {action}, but the environment has {len(words)}:"
                " it was trained for another one",
            )
        await emit(Plan(senses.text, (words[action],)), topic=topic)
