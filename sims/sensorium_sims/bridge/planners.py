"""Planners that need no learning: one that guesses, one that does as the expert says."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from sensorium.components import Emit, Input, Output, Planner
from sensorium.events import Event
from sensorium.payloads.acting import Plan, State
from sensorium.payloads.media import Audio
from sensorium_sims.avworld.oracle import BearingFollower
from sensorium_sims.bridge.payloads import Advice, EpisodeStarted, NumberSpace, Observed
from sensorium_sims.bridge.spaces import box


class RandomPlanner(Planner):
    """Guesses, the same guesses for the same seed of an episode.

    Named actions are equally likely. Numbers are drawn as Gymnasium does: evenly between their
    limits, and where there are none from a normal or an exponential distribution.
    """

    takes: ClassVar[Mapping[str, Input]] = {
        "started": Input("sim/+/+/started", EpisodeStarted),
        "observed": Input("sim/+/+/observed", Observed),
    }
    gives: ClassVar[Mapping[str, Output]] = {"plan": Output("plan/+/+", Plan)}

    def __init__(self, options: Any, context: Any) -> None:
        super().__init__(options, context)
        self._guessers: dict[tuple[str, int], Guesser] = {}

    async def process(self, event: Event[Any], emit: Emit) -> None:
        """Answer each observation."""
        told = event.payload
        key = told.environment, told.index
        if isinstance(told, EpisodeStarted):
            self._guessers[key] = Guesser(told.actions, told.numbers, told.seed)
        elif not told.final and key in self._guessers:
            step = self._guessers[key].guess()
            await emit(Plan("guess", (step,)), topic=f"plan/{told.environment}/{told.index}")


class Guesser:
    """Guesses the steps of an episode."""

    def __init__(self, words: tuple[str, ...], numbers: NumberSpace | None, seed: int) -> None:
        self._words = words or ("?",)
        self._random = random.Random(f"guess {seed}")
        self._box = None if numbers is None else box(numbers)
        if self._box is not None:
            self._box.seed(self._random.getrandbits(32))

    def guess(self) -> str:
        """The next step; "?" where the actions are neither words nor numbers, which no
        environment knows."""
        if self._box is not None:
            return json.dumps(self._box.sample().tolist())
        return self._random.choice(self._words)


class OraclePlanner(Planner):
    """Does what the environment's expert advises; the environment needs ``advice = true``."""

    takes: ClassVar[Mapping[str, Input]] = {"advice": Input("sim/+/+/advice", Advice)}
    gives: ClassVar[Mapping[str, Output]] = {"plan": Output("plan/+/+", Plan)}

    async def process(self, event: Event[Advice], emit: Emit) -> None:
        """Pass the advice on as a plan."""
        told = event.payload
        topic = f"plan/{told.environment}/{told.index}"
        await emit(Plan("as advised", (told.action,)), topic=topic)


class BearingFollowerPlanner(Planner):
    """Walks to what is loudest, by ear alone, in worlds with AVWorld's actions."""

    takes: ClassVar[Mapping[str, Input]] = {
        "left": Input("ears/+/left", Audio),
        "right": Input("ears/+/right", Audio),
        "touch": Input("state/+", State),
        "started": Input("sim/+/+/started", EpisodeStarted),
        "observed": Input("sim/+/+/observed", Observed),
    }
    gives: ClassVar[Mapping[str, Output]] = {"plan": Output("plan/+/+", Plan)}

    def __init__(self, options: Any, context: Any) -> None:
        super().__init__(options, context)
        self._followers: dict[tuple[str, int], BearingFollower] = {}
        self._ears: dict[str, NDArray[np.float32]] = {}
        self._barred: dict[str, bool] = {}

    async def process(self, event: Event[Any], emit: Emit) -> None:
        """Listen; answer each observation."""
        told = event.payload
        name = event.topic.split("/")[1]
        if isinstance(told, Audio):
            left = event.topic.endswith("left")
            self._ears[f"{name}/{'left' if left else 'right'}"] = told.samples
        elif isinstance(told, State):
            self._barred[name] = bool(told.values.get("touch", 0))
        elif isinstance(told, EpisodeStarted):
            self._followers[told.environment, told.index] = BearingFollower()
        elif not told.final:
            await self._answer(told, emit)

    async def _answer(self, told: Observed, emit: Emit) -> None:
        alone, several = told.environment, f"{told.environment}-{told.index}"
        name = several if f"{several}/left" in self._ears else alone
        if f"{name}/left" not in self._ears:
            return  # a world without sound: it has nothing to go by
        heard = np.stack([self._ears[f"{name}/left"], self._ears[f"{name}/right"]])
        follower = self._followers.setdefault((alone, told.index), BearingFollower())
        act = follower.act(heard, barred=self._barred.get(name, False))
        step = act.name.lower()
        await emit(Plan("follow the sound", (step,)), topic=f"plan/{alone}/{told.index}")
