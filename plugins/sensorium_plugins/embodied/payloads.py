"""What an agent in a world senses at one moment."""

from __future__ import annotations

from sensorium.delivery import DeliveryPolicy
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
