"""Where plans meet an environment: what the agent wants done next, and whether it came in time."""

from __future__ import annotations

import asyncio
from collections import deque
from weakref import WeakKeyDictionary

from sensorium.errors import ComponentError, SimulationError
from sensorium_sims.bridge.spaces import Vocabulary


class Seat:
    """The agent's place in one environment."""

    def __init__(self) -> None:
        self.words: Vocabulary | None = None
        """Set while an episode is under way."""
        self.step_seconds: list[float] = []
        """Real time of each step, from an observation to the next one."""
        self.error: SimulationError | None = None
        """A plan that could not be understood."""
        self._steps: deque[object] = deque()
        self._turn = 0
        self._answers = 0
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

    def propose(self, steps: tuple[str, ...], at: int) -> None:
        """A plan that answers the observation of time ``at`` takes the place of the one before."""
        if self.words is None:
            return
        try:
            actions = [self.words.decode(step) for step in steps]
        except SimulationError as error:
            self.error = error
            self._answered.set()
            return
        self._steps = deque(actions)
        if at >= self._turn and actions:
            self._answered.set()

    @property
    def answered(self) -> bool:
        """Whether there is an answer to the newest observation."""
        return self._answered.is_set()

    async def wait(self) -> None:
        """Return once it is answered."""
        await self._answered.wait()

    def take(self) -> object | None:
        """The next action, or None where nothing is planned."""
        return self._steps.popleft() if self._steps else None


class Seats:
    """The seats of one environment component."""

    def __init__(self, count: int) -> None:
        self.seats = [Seat() for _ in range(count)]

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
