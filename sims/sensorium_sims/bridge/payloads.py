"""What the bridge says of an environment beside what is seen, heard and read in it."""

from __future__ import annotations

from dataclasses import dataclass

from sensorium.delivery import EventClass
from sensorium.payloads.base import Payload, payload

_CONTROL = EventClass.CONTROL


@dataclass(frozen=True, slots=True)
class NumberSpace:
    """Actions that are arrays of numbers."""

    shape: tuple[int, ...]
    dtype: str
    """numpy's name."""
    low: tuple[float | None, ...]
    """The least value of each number, the array in C order; None where there is none."""
    high: tuple[float | None, ...]
    """The greatest value, inclusive."""


@payload("sim.episode_started", event_class=_CONTROL)
class EpisodeStarted(Payload):
    """An episode began. Published before its first observation."""

    environment: str
    """Name of the component."""
    index: int
    """Which of its environments, from 0."""
    episode: int
    seed: int
    id: str
    """Of the environment, as Gymnasium has it."""
    goal: str
    """The instruction, where the environment gives one in words."""
    actions: tuple[str, ...]
    """The words that a plan may hold; none where steps are JSON lists of numbers."""
    space: str
    """The action space as Gymnasium writes it."""
    numbers: NumberSpace | None = None
    """What the lists hold, where steps are JSON lists of numbers."""


@payload("sim.observed", event_class=_CONTROL)
class Observed(Payload):
    """All events of one observation are out: it is the agent's turn.

    Has the originating time of the observation; a plan that answers it keeps that time.
    """

    environment: str
    index: int
    episode: int
    step: int
    """Actions done so far in this episode."""
    reward: float
    """Of the last action."""
    final: bool
    """The episode is over: no plan is wanted."""


@payload("sim.advice", event_class=_CONTROL)
class Advice(Payload):
    """What a privileged expert would do now. Published before :class:`Observed`, if asked for."""

    environment: str
    index: int
    episode: int
    step: int
    action: str


@payload("sim.episode_ended", event_class=_CONTROL)
class EpisodeEnded(Payload):
    """How an episode went."""

    environment: str
    index: int
    episode: int
    seed: int
    id: str
    steps: int
    total_reward: float
    success: bool | None
    """None where the environment does not say what success is."""
    ending: str
    """terminated, truncated or failed."""
    error: str
    """Of a failed episode: what went wrong."""
    error_kind: str
    """Its type: EnvironmentFailed, EnvironmentHung, BadObservation, OutsideActionSpace,
    AgentSilent."""
    missed_deadlines: int
    """Steps that were due before the agent had answered (free-running)."""
    unanswered: int
    """Steps that the agent left out (``idle_action`` was done instead)."""
    actions: tuple[str, ...]
    rewards: tuple[float, ...]
    figures: dict[str, float]
    """Numbers that the environment's last ``info`` holds."""
