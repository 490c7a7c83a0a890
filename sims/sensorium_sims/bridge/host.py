"""One environment in its thread: made, reset, stepped and drawn, with a limit to each."""

from __future__ import annotations

import logging
from typing import Any

from sensorium.errors import EnvironmentFailed, EnvironmentHung, SensoriumError
from sensorium_sims.bridge.inside import Inside, Moment, Recipe, step_seconds
from sensorium_sims.bridge.spaces import Vocabulary
from sensorium_sims.bridge.threads import EnvironmentThread

__all__ = ["EnvironmentHost", "Moment", "Recipe", "step_seconds"]

log = logging.getLogger("sensorium.sims")

CLOSE_S = 5.0
BLOCK_S = 0.002
"""How long a step may keep the event loop waiting while the agent is idle."""


class EnvironmentHost:
    """Owns one environment. Any failure is a :class:`SimulationError` that names it, after which
    :meth:`discard` and a new reset give a fresh environment."""

    together = False
    """Whether it steps with others, and waits for them: then it holds the clock by itself."""

    def __init__(self, recipe: Recipe, name: str) -> None:
        self._recipe = recipe
        self._name = name
        self._thread: EnvironmentThread | None = None
        self._inside = Inside(recipe)

    @property
    def step_s(self) -> float:
        """Simulated seconds of a step. Known after the first :meth:`reset`, as what follows."""
        return self._inside.step_s

    @property
    def words(self) -> Vocabulary:
        """What a plan may hold."""
        return self._inside.words

    @property
    def space(self) -> str:
        """The action space as Gymnasium writes it."""
        return self._inside.space

    @property
    def success(self) -> str:
        """Where success is read: ``info`` or ``reward``."""
        return self._inside.success

    async def reset(self, seed: int) -> Moment:
        """Begin an episode, in a new environment if there is none."""
        if self._thread is None:
            self._thread = EnvironmentThread(self._name)
        limit_s = self._recipe.make_limit_s
        if self._inside.env is None:
            await self._call("making it", limit_s, self._inside.make)
        _, moment = await self._call("reset", limit_s, self._inside.reset, seed)
        return moment  # type: ignore[no-any-return]

    async def step(self, action: Any, *, alone: bool = False) -> Moment:
        """Do one action. ``alone``: nobody else has anything to do, so the loop may wait a bit."""
        limit_s, block_s = self._recipe.step_limit_s, BLOCK_S if alone else 0.0
        _, moment = await self._call("step", limit_s, self._inside.step, action, block_s=block_s)
        return moment  # type: ignore[no-any-return]

    async def leave(self) -> None:
        """The episode is over."""

    async def close(self) -> bool:
        """Close film and environment; False when the environment would not end in time."""
        thread, self._thread = self._thread, None
        if thread is None and self._inside.film is None:
            return True
        thread = thread or EnvironmentThread(self._name)  # the last episode failed: film's end
        try:
            await thread.call(self._recipe.id, "close", CLOSE_S, self._inside.close)
        except EnvironmentHung:
            return False
        except Exception as error:  # noqa: BLE001 - it is over, whatever it says
            log.warning("closing %s raised %s: %s", self._recipe.id, type(error).__name__, error)
        return await thread.close(CLOSE_S)

    async def discard(self) -> bool:
        """Throw the environment away: it failed, or hangs. The film goes on with the next one."""
        thread, self._thread = self._thread, None
        env = self._inside.forget()
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
