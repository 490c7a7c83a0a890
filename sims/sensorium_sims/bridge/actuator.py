"""The actuator of an environment: carries out plans in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sensorium.components import Actuator, ComponentOptions, Emit, Input
from sensorium.errors import ComponentError
from sensorium.events import Event
from sensorium.payloads.acting import Plan
from sensorium_sims.bridge.seat import find_seats


class EnvironmentActuatorOptions(ComponentOptions):
    """Which environment it acts in."""

    environment: str = "environment"
    """Name of the component that is the environment."""


class EnvironmentActuator(Actuator):
    """Hands plans to an environment, which does one step of a plan in each of its own.

    A plan for environment ``world`` comes on ``plan/world/0`` (or 1, 2 … where there are several).
    Its steps are words that :class:`~sensorium_sims.bridge.payloads.EpisodeStarted` lists. A newer
    plan takes the place of what is left of an older one. A step that is no word of the
    environment fails the episode with :class:`OutsideActionSpace`.
    """

    Options = EnvironmentActuatorOptions

    @classmethod
    def inputs(cls, options: Any) -> Mapping[str, Input]:
        """Plans for its environment."""
        return {"plan": Input(f"plan/{options.environment}/+", Plan)}

    async def process(self, event: Event[Plan], emit: Emit) -> None:
        """Pass one plan on. Raises :class:`ComponentError` when there is no such environment."""
        seats = find_seats(self.options.environment)
        if seats is None:
            raise ComponentError(
                self.name, f"no environment named {self.options.environment!r} runs here"
            )
        number = event.topic.rpartition("/")[2]
        if not number.isdigit() or int(number) >= len(seats.seats):
            raise ComponentError(
                self.name, f"{event.topic}: there are environments 0 to {len(seats.seats) - 1}"
            )
        seats[int(number)].propose(event.payload.steps, event.originating_time)
