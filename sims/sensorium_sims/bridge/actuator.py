"""The actuator of an environment: carries out plans in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sensorium.components import Actuator, ComponentOptions, Emit, Input
from sensorium.errors import ComponentError
from sensorium.events import Event
from sensorium.payloads.acting import Plan
from sensorium_sims.bridge.seat import Perform, Performing, Seats, find_seats


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

    Each step that is done is an effect named ``act``, on ``effects/{name}``, caused by its plan
    and done at most once. It is failed when the environment raises, and unknown when it hangs or
    the session ends meanwhile.
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
        perform = self._effects_of(event, seats, int(number))
        seats[int(number)].propose(event.payload.steps, event.originating_time, perform)

    def _effects_of(self, event: Event[Plan], seats: Seats, index: int) -> Perform:
        """How the steps of a plan enter the ledger: the same step of the same plan has one id."""
        environment = self.options.environment
        if not seats.world:
            seats.world = self._new_world(environment)
        plan = f"{environment} {seats.world}: {event.id}"
        effects = self.context.effects

        def perform(number: int, word: str) -> Performing:
            request = {"environment": environment, "index": index, "action": word}
            return effects.perform(f"{plan} step {number}", "act", request, cause=event)

        return perform

    def _new_world(self, environment: str) -> int:
        """Events are counted from 0 in every session: the number of the world tells one session's
        from another's in a journal, and depends on nothing else."""
        worlds = [0]
        for entry in self.context.effects.entries:
            name, _, rest = entry.effect_id.rpartition(": ")[0].rpartition(" ")
            if name == environment and rest.isdigit():
                worlds.append(int(rest))
        return max(worlds) + 1
