"""Counting an episode."""

from __future__ import annotations

from sensorium.errors import SimulationError
from sensorium_sims.bridge.host import Moment
from sensorium_sims.bridge.payloads import EpisodeEnded


class Tally:
    """What becomes an :class:`EpisodeEnded`."""

    def __init__(self, environment: str, index: int, episode: int, seed: int, id_: str) -> None:
        self.environment, self.index = environment, index
        self.episode, self.seed, self.id = episode, seed, id_
        self.missed_deadlines = 0
        self.unanswered = 0
        self.actions: list[str] = []
        self.rewards: list[float] = []
        self.ending = "failed"
        self.success_in = "info"
        self._success: bool | None = None
        self._figures: dict[str, float] = {}
        self._error = self._kind = ""

    @property
    def steps(self) -> int:
        """Actions done."""
        return len(self.actions)

    def count(self, action: str, moment: Moment) -> None:
        """One step was done."""
        self.actions.append(action)
        self.rewards.append(moment.reward)
        if moment.terminated or moment.truncated:
            self.ending = "terminated" if moment.terminated else "truncated"
        if self.success_in == "reward":
            self._success = moment.reward > 0
        elif "is_success" in moment.info:
            self._success = bool(moment.info["is_success"])
        self._figures = {
            key: float(value)
            for key, value in moment.info.items()
            if isinstance(value, int | float) and key != "is_success"
        }

    def fail(self, error: SimulationError) -> None:
        """The episode counts as failed."""
        self.ending, self._success = "failed", False
        self._error, self._kind = str(error), type(error).__name__

    def ended(self) -> EpisodeEnded:
        """The event."""
        return EpisodeEnded(
            environment=self.environment,
            index=self.index,
            episode=self.episode,
            seed=self.seed,
            id=self.id,
            steps=self.steps,
            total_reward=float(sum(self.rewards)),
            success=self._success,
            ending=self.ending,
            error=self._error,
            error_kind=self._kind,
            missed_deadlines=self.missed_deadlines,
            unanswered=self.unanswered,
            actions=tuple(self.actions),
            rewards=tuple(self.rewards),
            figures=self._figures,
        )
