"""Privileged agents: made from the environment itself, at the start of each episode."""

from __future__ import annotations

from typing import Any, Protocol

from sensorium_sims.avworld.oracle import Oracle


class Expert(Protocol):
    """What an environment's ``expert`` is: ``Expert(environment)`` after each reset."""

    def act(self, last: Any) -> Any:
        """The best action now; ``last`` is the one taken before, or None at the start."""


class AVWorldExpert:
    """The shortest way in :class:`~sensorium_sims.avworld.env.AVWorld`."""

    def __init__(self, environment: Any) -> None:
        self._oracle = Oracle(environment.unwrapped.world)

    def act(self, last: Any) -> int:
        """The next action."""
        del last
        return int(self._oracle.act())


class BabyAIExpert:
    """The bot of BabyAI. It can loop for ever: ask it with a time limit."""

    def __init__(self, environment: Any) -> None:
        from minigrid.utils.baby_ai_bot import BabyAIBot

        self._bot: Any = BabyAIBot(environment.unwrapped)  # type: ignore[no-untyped-call]

    def act(self, last: Any) -> int:
        """The next action."""
        return int(self._bot.replan(last))
