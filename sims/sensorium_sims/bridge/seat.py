"""Where plans meet an environment: what the agent wants done next, and whether it came in time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from sensorium.effects import OpenEffect
from sensorium.errors import ComponentError, SimulationError
from sensorium_sims.bridge.spaces import Vocabulary

Performing = AbstractAsyncContextManager[OpenEffect | None]
Perform = Callable[[int, str], Performing]
"""The block that step ``number`` of a plan, this word, is done in: an entry of the ledger."""


@dataclass(frozen=True, slots=True)
class Step:
    """One action that the environment is to do."""

    action: Any
    number: int = 0
    """Its place in its plan."""
    word: str = ""
    perform: Perform | None = None
    """None for what nobody asked for: the environment does it by itself."""

    def performing(self) -> Performing:
        """The block that it is done in. Entering raises :class:`EffectRefused` where the same
        step was asked for before."""
        return nullcontext() if self.perform is None else self.perform(self.number, self.word)


class Seat:
    """The agent's place in one environment."""

    def __init__(self) -> None:
        self.words: Vocabulary | None = None
        """Set while an episode is under way."""
        self.step_seconds: list[float] = []
        """Real time of each step, from an observation to the next one."""
        self.error: SimulationError | None = None
        """A plan that could not be understood."""
        self._steps: deque[Step] = deque()
        self._turn = 0
        self._answered = asyncio.Event()

    def begin(self, words: Vocabulary | None) -> None:
        """A new episode, or none: what was planned before is void."""
        self.words, self.error = words, None
        self._steps.clear()
        self._answered.clear()

    def observed(self, at: int) -> None:
        """An observation with this originating time (ns) is about to go out."""
        self._turn = at
        self._answered.clear()
        if self._steps:  # of a longer plan
            self._answered.set()

    def propose(self, steps: tuple[str, ...], at: int, perform: Perform | None = None) -> None:
        """A plan that answers the observation of time ``at`` takes the place of the one before.

        Its steps are done inside ``perform``, if given. What was left of the plan before was not
        begun, and never is.
        """
        if self.words is None:
            return
        try:
            planned = [
                Step(self.words.decode(word), number, word, perform)
                for number, word in enumerate(steps)
            ]
        except SimulationError as error:
            self.error = error
            self._answered.set()
            return
        self._steps = deque(planned)
        if not planned:
            self._answered.clear()
        elif at >= self._turn:
            self._answered.set()

    @property
    def answered(self) -> bool:
        """Whether there is an answer to the newest observation."""
        return self._answered.is_set()

    async def wait(self) -> None:
        """Return once it is answered."""
        await self._answered.wait()

    def take(self) -> Step | None:
        """The next step, or None where nothing is planned."""
        if self._steps:
            return self._steps.popleft()
        self._answered.clear()
        return None


class Seats:
    """The seats of one environment component, from its setup to its close: of one world."""

    def __init__(self, count: int) -> None:
        self.seats = [Seat() for _ in range(count)]
        self.world = 0
        """Which world of its name this is, as the ledger counts them from 1; 0 before anybody
        acted in it."""

    def __getitem__(self, index: int) -> Seat:
        return self.seats[index]


_open: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, Seats]] = WeakKeyDictionary()


def open_seats(name: str, count: int) -> Seats:
    """Offer seats under a component's name, to actuators on the same event loop.

    Raises :class:`ComponentError` when the name is taken.
    """
    held = _open.setdefault(asyncio.get_running_loop(), {})
    if name in held:
        raise ComponentError(
            name, "an environment of this name runs in another session here; give it another name"
        )
    held[name] = Seats(count)
    return held[name]


def close_seats(name: str) -> None:
    """Take the seats away."""
    _open.get(asyncio.get_running_loop(), {}).pop(name, None)


def find_seats(name: str) -> Seats | None:
    """The seats of that environment, if it runs."""
    return _open.get(asyncio.get_running_loop(), {}).get(name)
