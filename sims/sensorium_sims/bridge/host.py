"""One environment in its thread: made, reset, stepped and drawn, with everything checked."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sensorium.errors import (
    BadObservation,
    EnvironmentFailed,
    EnvironmentHung,
    SensoriumError,
)
from sensorium_sims.bridge.spaces import Parts, Splitter, Vocabulary
from sensorium_sims.bridge.threads import EnvironmentThread
from sensorium_sims.environments import AnyEnv, load, make
from sensorium_sims.video import Film

if TYPE_CHECKING:
    from sensorium.plugins.environments import EnvironmentRegistry
    from sensorium_sims.experts import Expert

log = logging.getLogger("sensorium.sims")

CLOSE_S = 5.0
BLOCK_S = 0.002
"""How long a step may keep the event loop waiting while the agent is idle."""


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


class EnvironmentHost:
    """Owns one environment. Any failure is a :class:`SimulationError` that names it, after which
    :meth:`discard` and a new reset give a fresh environment."""

    step_s: float
    """Simulated seconds of a step. Known after the first :meth:`reset`, as what follows."""
    words: Vocabulary
    space: str
    success: str
    """Where success is read: ``info`` or ``reward``."""

    def __init__(self, recipe: Recipe, name: str) -> None:
        self._recipe = recipe
        self._name = name
        self._thread: EnvironmentThread | None = None
        self._env: AnyEnv | None = None
        self._splitter: Splitter
        self._expert: Expert | None = None
        self._film: Film | None = None

    async def reset(self, seed: int) -> Moment:
        """Begin an episode, in a new environment if there is none."""
        if self._thread is None:
            self._thread = EnvironmentThread(self._name)
        if self._env is None:
            await self._call("making it", self._recipe.make_limit_s, self._make)
        moment: Moment = await self._call("reset", self._recipe.make_limit_s, self._reset, seed)
        return moment

    async def step(self, action: Any, *, alone: bool = False) -> Moment:
        """Do one action. ``alone``: nobody else has anything to do, so the loop may wait a bit."""
        moment: Moment = await self._call(
            "step", self._recipe.step_limit_s, self._step, action, block_s=BLOCK_S if alone else 0.0
        )
        return moment

    async def close(self) -> bool:
        """Close film and environment; False when the environment would not end in time."""
        thread, self._thread = self._thread, None
        if thread is None and self._film is None:
            return True
        thread = thread or EnvironmentThread(self._name)  # the last episode failed: film's end
        try:
            await thread.call(self._recipe.id, "close", CLOSE_S, self._close)
        except EnvironmentHung:
            return False
        except Exception as error:  # noqa: BLE001 - it is over, whatever it says
            log.warning("closing %s raised %s: %s", self._recipe.id, type(error).__name__, error)
        return await thread.close(CLOSE_S)

    async def _call(
        self, doing: str, limit_s: float, function: Any, *args: Any, block_s: float = 0.0
    ) -> Any:
        assert self._thread is not None
        environment = self._recipe.id
        try:
            return await self._thread.call(
                environment, doing, limit_s, function, *args, block_s=block_s
            )
        except SensoriumError:
            raise
        except Exception as error:
            raise EnvironmentFailed(
                environment, f"{doing} raised {type(error).__name__}: {error}"
            ) from error

    # --- in the thread ------------------------------------------------------------------------

    def _make(self) -> None:
        recipe = self._recipe
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
        if recipe.video is not None and self._film is None:
            self._film = Film(recipe.video, 1 / self.step_s)
        self._env = env

    def _reset(self, seed: int) -> Moment:
        assert self._env is not None
        observation, info = self._env.reset(seed=seed)
        if self._recipe.advice:
            assert self._teacher is not None
            self._expert = self._teacher(self._env)
        return self._moment(observation, 0.0, False, False, info, None)

    def _step(self, action: Any) -> Moment:
        assert self._env is not None
        observation, reward, terminated, truncated, info = self._env.step(action)
        try:
            value = float(reward)
        except (TypeError, ValueError):
            value = math.nan
        if not math.isfinite(value):
            raise BadObservation(self._recipe.id, f"the reward is {reward!r}, not a finite number")
        return self._moment(observation, value, bool(terminated), bool(truncated), info, action)

    def _moment(
        self, observation: Any, reward: float, terminated: bool, truncated: bool, info: Any,
        action: Any,
    ) -> Moment:  # fmt: skip
        parts = self._splitter.split(observation)
        if self._film is not None and self._env is not None:
            self._film.add(self._env.render(), parts.ears)
        advice = None
        if self._expert is not None and not (terminated or truncated):
            advice = self.words.encode(self._expert.act(action))
        return Moment(parts, reward, terminated, truncated, dict(info), advice)

    def _close(self) -> None:
        film, self._film = self._film, None
        env, self._env = self._env, None
        try:
            if film is not None:
                film.close()
        finally:
            if env is not None:
                env.close()

    async def discard(self) -> bool:
        """Throw the environment away: it failed, or hangs. The film goes on with the next one."""
        thread, self._thread = self._thread, None
        env, self._env, self._expert = self._env, None, None
        if thread is None:
            return True
        if thread.stuck:
            return False
        if not thread.alive:  # the call that hung has been interrupted
            thread = EnvironmentThread(self._name)
        try:
            if env is not None:
                await thread.call(self._recipe.id, "close", CLOSE_S, env.close)
        except EnvironmentHung:
            return not thread.stuck
        except Exception:  # noqa: BLE001 - it is thrown away, whatever it says
            pass
        return await thread.close(CLOSE_S)


def step_seconds(env: AnyEnv) -> float:
    """Simulated length of a step: from ``metadata["render_fps"]``, else a tenth of a second."""
    fps = env.unwrapped.metadata.get("render_fps") or 10
    skip = getattr(env.unwrapped, "frame_skip", 1)
    return float(max(1, skip) / fps) if isinstance(skip, int) else float(1 / fps)
