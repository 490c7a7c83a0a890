"""A level with its expert, played in a plain loop: what a teacher's worker does all day.

The expert's thinking is cut off by the processor time of this process, so that a busy machine
gives the same demonstrations as a quiet one. That takes a signal, so a stage is for the main
thread of a process; :mod:`sensorium_models.policies.crew` starts such processes.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import BadInput, EnvironmentFailed, EnvironmentHung, SimulationError
from sensorium_sims.environments import load, make

if TYPE_CHECKING:
    from sensorium.plugins.environments import EnvironmentRegistry

VIEW = (7, 7, 3)
RESET_LIMIT_S, STEP_LIMIT_S = 15.0, 2.0
"""Processor seconds for making an episode, and for a step and the expert's thought on it."""
ACTIONS = 7


class Sight(NamedTuple):
    """What is seen after a reset or a step."""

    view: NDArray[np.uint8]
    """(7, 7, 3): MiniGrid's cells of object, colour and state."""
    over: bool
    solved: bool


class Stage:
    """One environment and its expert, episode after episode.

    Raises :class:`SimulationError` for a level without an expert, :class:`BadInput` for one whose
    observations are no view of 7x7 cells with an instruction, or that has other actions than
    seven. With ``with_expert=False`` there is nobody to ask. Every call may raise
    :class:`EnvironmentHung` and :class:`EnvironmentFailed`; the next reset begins anew.
    """

    def __init__(
        self, level: str, registry: EnvironmentRegistry, *, with_expert: bool = True
    ) -> None:
        self._env, entry = make(level, registry)
        try:
            if with_expert and (entry is None or not entry.expert):
                raise SimulationError(level, "it has no expert to learn from")
            if getattr(self._env.action_space, "n", None) != ACTIONS:
                raise BadInput(f"{level} has other actions than MiniGrid's {ACTIONS}")
        except Exception:
            self._env.close()
            raise
        self._level, self._registry = level, registry
        self._expert_class = load(entry.expert) if entry and with_expert else None
        self._expert: Any = None
        self._stale = False
        self._sight = _Once(self._env.unwrapped)
        self.mission = ""

    def reset(self, seed: int) -> Sight:
        """Begin the episode of ``seed``."""
        if self._stale:
            self._env.close()
            self._env, _ = make(self._level, self._registry)
            self._sight = _Once(self._env.unwrapped)
        self._stale = True
        with _limited(self._level, "reset", RESET_LIMIT_S):
            self._sight.forget()
            seen, _ = self._env.reset(seed=seed)
            if self._expert_class is not None:
                self._expert = self._expert_class(self._env)
        self._stale = False
        if not isinstance(seen, dict) or not isinstance(seen.get("mission"), str):
            raise BadInput("a demonstration needs an instruction, and this level gives none")
        self.mission = seen["mission"]
        return Sight(_view(seen), False, False)

    def advise(self, last: int | None) -> int:
        """What the expert would do now; ``last`` is what was done, None at the start."""
        self._stale = True
        with _limited(self._level, "its expert's thought", STEP_LIMIT_S):
            advice = int(self._expert.act(last))
        self._stale = False
        return advice

    def step(self, action: int) -> Sight:
        """Do it. An episode is solved where it ends with a reward."""
        self._stale = True
        with _limited(self._level, "step", STEP_LIMIT_S):
            self._sight.forget()
            seen, reward, terminated, truncated, _ = self._env.step(action)
        self._stale = False
        return Sight(_view(seen), bool(terminated or truncated), float(reward) > 0)

    def close(self) -> None:
        """Let go of the environment."""
        self._env.close()


class _Once:
    """MiniGrid's costly view, worked out once a step: the bot asks for it again."""

    def __init__(self, world: Any) -> None:
        self._made: Any = None
        make_view = getattr(world, "gen_obs_grid", None)
        if make_view is None:
            return

        def gen_obs_grid(agent_view_size: int | None = None) -> Any:
            if agent_view_size is not None:
                return make_view(agent_view_size)
            if self._made is None:
                self._made = make_view()
            return self._made

        world.gen_obs_grid = gen_obs_grid

    def forget(self) -> None:
        """The world is about to change."""
        self._made = None


@contextmanager
def _limited(level: str, during: str, seconds: float) -> Iterator[None]:
    def cut_off(*_: object) -> None:
        raise EnvironmentHung(level, during, seconds)

    before = signal.signal(signal.SIGVTALRM, cut_off)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    except EnvironmentHung:
        raise
    except Exception as error:  # BabyAI's bot asserts that it knows what to do
        raise EnvironmentFailed(
            level, f"{during} raised {type(error).__name__}: {error}"
        ) from error
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def _view(seen: Any) -> NDArray[np.uint8]:
    view = np.asarray(seen["image"]) if "image" in seen else np.zeros(0)
    if view.size != np.prod(VIEW):
        raise BadInput("a demonstration needs MiniGrid's view of 7x7 cells (part 'image')")
    return view.reshape(VIEW).astype(np.uint8)
