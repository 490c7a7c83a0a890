"""What an agent in a world senses at one moment, and what failed of what it did."""

from __future__ import annotations

from typing import Literal

from sensorium.delivery import DeliveryPolicy, EventClass
from sensorium.payloads.acting import Observation
from sensorium.payloads.base import Payload, payload
from sensorium.payloads.media import Audio, Image


@payload("senses", policy=DeliveryPolicy.block())
class Senses(Payload):
    """Everything of one observation. What the environment lacks, or is unplugged, is missing.

    Has the observation's originating time, and every event it is made of as a parent. Never
    dropped by default; ``policy = "latest"`` suits an agent that is slower than its world.
    """

    environment: str
    """Name of the component that is the environment."""
    index: int
    """Which of its environments, from 0."""
    episode: int
    step: int
    """Actions done so far in this episode."""
    reward: float
    """Of the last action."""
    final: bool
    """The episode is over: no plan is wanted."""
    image: Image | None
    audio: Audio | None
    """What a microphone hears; of two ears the mean."""
    ears: tuple[Audio, ...]
    """Left and right, or none."""
    text: str
    """The latest words of this episode; empty without any."""
    arrays: dict[str, Observation]
    """Other arrays by their names, flat."""
    values: dict[str, float | int | str | bool]
    """Numbers by their names."""

    @property
    def plan_topic(self) -> str:
        """Where a plan for this environment goes."""
        return f"plan/{self.environment}/{self.index}"


@payload("embodied.action_failed", event_class=EventClass.CONTROL)
class ActionFailed(Payload):
    """An action was not what it was meant to be, by what is sensed after it."""

    environment: str
    index: int
    episode: int
    step: int
    """Actions done so far in this episode, this one too."""
    action: str
    """Its word; empty where none was done."""
    reason: Literal["blocked", "no_effect", "timed_out"]
    """blocked: something barred the way. no_effect: all is as it was. timed_out: the world went on
    before there was a plan."""
    detail: str
    goal: str
    """Of the plan it belonged to."""


@payload("embodied.plan_failed", event_class=EventClass.CONTROL)
class PlanFailed(Payload):
    """A plan did not lead where it should. Where there is another way, a new plan follows."""

    environment: str
    index: int
    episode: int
    step: int
    goal: str
    """What was to be reached."""
    reason: Literal[
        "blocked", "timed_out", "impossible", "not_understood", "unconfirmed", "refused"
    ]
    """blocked: an action of it failed. timed_out: it took more actions than it may. impossible:
    nothing that is known leads there. not_understood: the instruction is not in the language.
    unconfirmed: all seems done, but the episode goes on. refused: the planner's model gave no
    action that can be done."""
    detail: str
