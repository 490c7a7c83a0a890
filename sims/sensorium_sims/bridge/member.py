"""One environment of a vector environment: what ``gymnasium.vector`` resets and steps.

Runs wherever the vector environment puts it: in this process (sync) or in one of its own (async).
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import gymnasium

from sensorium.errors import EnvironmentFailed, EnvironmentHung, SensoriumError
from sensorium_sims.bridge.inside import Inside, Moment, Recipe

TOLD = "sensorium"
"""Where a member's own account lies in ``info``."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What went wrong in a member."""

    kind: str
    text: str


Account = Moment | Fault | None
"""What came of a member's turn; None where it had nothing to do."""


@dataclass(frozen=True)
class MakeMember:
    """What a vector environment calls, perhaps in another process, to make a member."""

    recipe: Recipe
    index: int

    def __call__(self) -> Member:
        """Make it. Raises what making the environment raises."""
        return Member(self.recipe, self.index)


class Member(gymnasium.Env[Any, Any]):
    """An environment that plays the seeds it is told, and says in ``info`` what came of it.

    A vector environment resets its members by itself, in the step after an episode's end and
    without a seed (autoreset ``NextStep``): the seed is the one :meth:`prepare` was told. A member
    without one has nothing to do. What goes wrong ends its episode and nobody else's.
    """

    def __init__(self, recipe: Recipe, index: int) -> None:
        self._inside = Inside(recipe)
        self._index = index
        self._inside.make()
        assert self._inside.env is not None
        self.observation_space = self._inside.env.observation_space
        self.action_space = self._inside.env.action_space
        self.metadata = self._inside.env.metadata
        self._next: int | None = None
        self._playing = False
        self._seen: Any = self.observation_space.sample()
        self.busy = False
        """Its environment is at work; stays so where that was interrupted from outside."""

    def prepare(self, seeds: Sequence[int | None]) -> None:
        """The seeds of the episodes that begin now, by member; None where none does."""
        self._next = seeds[self._index]

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        """Begin the episode that was prepared, if one was."""
        del seed, options
        account = self._begin()
        return self._seen, {TOLD: account}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Do one action; or begin, where an episode was given up before its end."""
        if self._next is not None:
            account = self._begin()
        elif self._playing:
            account = self._try("step", self._inside.recipe.step_limit_s, self._inside.step, action)
        else:
            account = None
        if not isinstance(account, Moment):
            return self._seen, 0.0, isinstance(account, Fault), False, {TOLD: account}
        ended = account.terminated, account.truncated
        self._playing = not any(ended)
        return self._seen, account.reward, *ended, {TOLD: account}

    def close(self) -> None:
        """Close environment and film."""
        self._inside.close()

    def _begin(self) -> Account:
        seed, self._next = self._next, None
        if seed is None:
            self._playing = False
            return None
        self._playing = True
        limit_s = self._inside.recipe.make_limit_s
        if self._inside.env is None and (fault := self._try("making it", limit_s, self._remake)):
            return fault
        return self._try("reset", limit_s, self._inside.reset, seed)

    def _remake(self) -> tuple[Any, None]:
        self._inside.make()
        return self._seen, None

    def _try(self, doing: str, limit_s: float, function: Any, *args: Any) -> Account:
        """What came of it; after a fault the next episode gets a fresh environment."""
        name = self._inside.recipe.id
        self.busy = True
        try:
            with _limit(name, doing, limit_s):
                self._seen, moment = function(*args)
            self.busy = False
            return moment  # type: ignore[no-any-return]
        except SensoriumError as error:
            fault = Fault(type(error).__name__, str(error))
        except Exception as error:  # noqa: BLE001 - an environment may raise anything
            told = EnvironmentFailed(name, f"{doing} raised {type(error).__name__}: {error}")
            fault = Fault(EnvironmentFailed.__name__, str(told))
        self.busy = self._playing = False
        environment = self._inside.forget()
        try:
            if environment is not None:
                environment.close()
        except Exception:  # noqa: BLE001 - it is thrown away, whatever it says
            pass
        return fault


@contextmanager
def _limit(environment: str, doing: str, limit_s: float) -> Iterator[None]:
    """Interrupt what takes longer, where this is the main thread of a process of its own."""
    if threading.current_thread() is not threading.main_thread():
        yield  # sync: the thread of the whole vector environment has a limit
        return

    def ring(*_: Any) -> None:
        raise EnvironmentHung(environment, doing, limit_s)

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, limit_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
