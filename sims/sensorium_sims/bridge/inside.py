"""An environment with its vocabulary, its expert and its film: everything checked, no threads."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sensorium.errors import BadObservation, EnvironmentFailed
from sensorium_sims.bridge.spaces import Parts, Splitter, Vocabulary
from sensorium_sims.environments import AnyEnv, load, make
from sensorium_sims.video import Film

if TYPE_CHECKING:
    from sensorium.plugins.environments import EnvironmentRegistry
    from sensorium_sims.experts import Expert


@dataclass(frozen=True)
class Recipe:
    """How to make and treat an environment."""

    id: str
    options: Mapping[str, Any]
    registry: EnvironmentRegistry
    advice: bool
    """Ask its expert before each step."""
    video: Path | None
    make_limit_s: float
    step_limit_s: float
    step_s: float | None
    """Simulated length of a step; None is the environment's own."""


@dataclass(slots=True)
class Moment:
    """What the environment said after a reset or a step."""

    parts: Parts
    reward: float
    terminated: bool
    truncated: bool
    info: dict[str, Any]
    advice: str | None


class Inside:
    """One environment. Use it from one thread at a time."""

    step_s: float
    """Simulated seconds of a step. Known after :meth:`make`, as what follows."""
    words: Vocabulary
    space: str
    success: str
    """Where success is read: ``info`` or ``reward``."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.env: AnyEnv | None = None
        self.film: Film | None = None
        self._splitter: Splitter
        self._expert: Expert | None = None

    def make(self) -> None:
        """Make the environment; a film goes on where another one left it."""
        recipe = self.recipe
        drawn = {"render_mode": "rgb_array"} if recipe.video is not None else {}
        env, entry = make(recipe.id, recipe.registry, **{**recipe.options, **drawn})
        self.step_s = recipe.step_s or step_seconds(env)
        self.words = Vocabulary(recipe.id, env.action_space, env.unwrapped)
        self.space = str(env.action_space)
        self.success = entry.success if entry is not None else "info"
        self._splitter = Splitter(recipe.id, env.observation_space, self.step_s)
        self._teacher = load(entry.expert) if entry is not None and entry.expert else None
        if recipe.advice and self._teacher is None:
            raise EnvironmentFailed(recipe.id, "has no expert: no plugin registered one with it")
        self.env = env

    def reset(self, seed: int) -> tuple[Any, Moment]:
        """Begin an episode; the observation, and what is made of it."""
        assert self.env is not None
        observation, info = self.env.reset(seed=seed)
        if self.recipe.advice:
            assert self._teacher is not None
            self._expert = self._teacher(self.env)
        return observation, self._moment(observation, 0.0, False, False, info, None)

    def step(self, action: Any) -> tuple[Any, Moment]:
        """Do one action. Raises :class:`BadObservation`, and what the environment raises."""
        assert self.env is not None
        observation, reward, terminated, truncated, info = self.env.step(action)
        try:
            value = float(reward)
        except (TypeError, ValueError):
            value = math.nan
        if not math.isfinite(value):
            raise BadObservation(self.recipe.id, f"the reward is {reward!r}, not a finite number")
        ended = bool(terminated), bool(truncated)
        return observation, self._moment(observation, value, *ended, info, action)

    def forget(self) -> AnyEnv | None:
        """Let go of the environment, which failed: whoever called closes it."""
        env, self.env, self._expert = self.env, None, None
        return env

    def close(self) -> None:
        """Close film and environment."""
        film, self.film = self.film, None
        env = self.forget()
        try:
            if film is not None:
                film.close()
        finally:
            if env is not None:
                env.close()

    def _moment(
        self, observation: Any, reward: float, terminated: bool, truncated: bool, info: Any,
        action: Any,
    ) -> Moment:  # fmt: skip
        parts = self._splitter.split(observation)
        if self.recipe.video is not None and self.env is not None:
            if self.film is None:
                self.film = Film(self.recipe.video, 1 / self.step_s)
            self.film.add(self.env.render(), parts.ears)
        advice = None
        if self._expert is not None and not (terminated or truncated):
            advice = self.words.encode(self._expert.act(action))
        return Moment(parts, reward, terminated, truncated, dict(info), advice)


def step_seconds(env: AnyEnv) -> float:
    """Simulated length of a step: from ``metadata["render_fps"]``, else a tenth of a second."""
    fps = env.unwrapped.metadata.get("render_fps") or 10
    skip = getattr(env.unwrapped, "frame_skip", 1)
    return float(max(1, skip) / fps) if isinstance(skip, int) else float(1 / fps)
