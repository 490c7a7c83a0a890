"""Fusion for an agent in a world: all that it senses at one moment, in one event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, get_args

from pydantic import Field, field_validator

from sensorium import ComponentOptions, DeliveryPolicy, Emit, Input, Output, Payload
from sensorium.events import AnyEvent
from sensorium.fusion import Aligned, Joiner, Joining, With, join
from sensorium.fusion.joiner import LIVES
from sensorium.payloads import Audio, Image, Observation, State, Text
from sensorium_plugins.embodied.payloads import Senses
from sensorium_sims.bridge.payloads import EpisodeStarted, Observed

Sensor = Literal["camera", "microphone", "ears", "text", "state"]
_NOTHING_LOST = DeliveryPolicy.block(64)
_JOINED: dict[str, With] = {
    "camera": With(match="exact"),
    "microphone": With(match="exact"),
    "left": With(match="exact"),
    "right": With(match="exact"),
    "text": With(match="last", keep_s=1e9),  # said once, it holds until something else is said
    "state": With(match="window", equal_times="all"),  # everything of this moment
}
_OF_SENSOR: dict[str, tuple[str, ...]] = {"ears": ("left", "right")}


class SensesOptions(ComponentOptions):
    """Whose senses, and which of them."""

    environment: str = "environment"
    """Name of the component that is the environment."""
    index: int | None = Field(None, ge=0)
    """Which of its environments, where it has several (``count`` above 1)."""
    unplugged: tuple[Sensor, ...] = ()
    """Sensors that are not listened to: camera, microphone, ears, text, state."""

    @field_validator("unplugged")
    @classmethod
    def _one_is_left(cls, unplugged: tuple[Sensor, ...]) -> tuple[Sensor, ...]:
        if set(unplugged) == set(get_args(Sensor)):
            raise ValueError("every sensor is unplugged; leave one")
        return unplugged


class SensesFuser(Joiner):
    """Joins what an environment gives at one simulated moment into one :class:`Senses`.

    Camera, sound and state of just the observation's originating time, and the latest words of
    its episode. ``sim/+/+/observed``, which the environment publishes after all else, is the
    primary, and tells how far every stream has come: a set is made at once and never lacks what
    came, whichever senses the environment has.
    """

    Options = SensesOptions
    gives: ClassVar[Mapping[str, Output]] = {"senses": Output("senses/+/+", Senses)}

    @classmethod
    def inputs(cls, options: SensesOptions) -> Mapping[str, Input]:
        """The topics of its environment, less those of unplugged sensors.

        In the order of publishing: on a virtual clock much is created at one time, and events of
        one time are taken in the order of the inputs.
        """
        name, number = options.environment, options.index or 0
        if options.index is not None:
            name += f"-{options.index}"
        senses = {
            "camera": Input(f"camera/{name}/image", Image, _NOTHING_LOST),
            "microphone": Input(f"microphone/{name}/audio", Audio, _NOTHING_LOST),
            "left": Input(f"ears/{name}/left", Audio, _NOTHING_LOST),
            "right": Input(f"ears/{name}/right", Audio, _NOTHING_LOST),
            "text": Input(f"text/{name}", Text, _NOTHING_LOST),
            "state": Input(f"state/{name}/#", Payload, _NOTHING_LOST),
        }
        plugged = _plugged(options)
        around = f"sim/{options.environment}/{number}"
        return {
            **LIVES,
            "started": Input(f"{around}/started", EpisodeStarted),
            **{stream: taken for stream, taken in senses.items() if stream in plugged},
            "observed": Input(f"{around}/observed", Observed),
        }

    @classmethod
    def outputs(cls, options: SensesOptions) -> Mapping[str, Output]:
        """One topic: ``senses/ENVIRONMENT/INDEX``."""
        topic = f"senses/{options.environment}/{options.index or 0}"
        return {"senses": Output(topic, Senses)}

    @property
    def joining(self) -> Joining:
        """The plugged sensors to the observation."""
        plugged = _plugged(self.options)
        return join("observed", {name: _JOINED[name] for name in plugged})

    async def setup(self) -> None:
        """Prepare the join."""
        await super().setup()
        self._joined = range(1, 1 + len(self.joining.others))

    async def process(self, event: AnyEvent, emit: Emit) -> None:
        """Take one event into the join; an observation completes all streams up to its time."""
        if self.came_by == "observed":
            now = self.context.clock.now()
            for stream in self._joined:
                self.alignment.join.progress(stream, event.originating_time + 1, now)
        await super().process(event, emit)

    async def other(self, event: AnyEvent, emit: Emit) -> None:
        """An episode begins, at the very time of the last one's final observation: forget that."""
        for stream in ("observed", *self.joining.others):
            await self.alignment.begin_again(stream)

    async def joined(self, aligned: Aligned, emit: Emit) -> None:
        """Make one event of a set."""
        found = {name: aligned.members(name) for name in aligned.names}
        told: Observed = aligned.primary.payload
        left, right = _one(found, "left"), _one(found, "right")
        arrays: dict[str, Observation] = {}
        values: dict[str, float | int | str | bool] = {}
        for event in found.get("state", ()):
            if isinstance(event.payload, State):
                values |= event.payload.values
            elif isinstance(event.payload, Observation):
                arrays[event.topic.split("/", 2)[2]] = event.payload
        text = _one(found, "text")
        senses = Senses(
            environment=told.environment,
            index=told.index,
            episode=told.episode,
            step=told.step,
            reward=told.reward,
            final=told.final,
            image=_one(found, "camera"),
            audio=_one(found, "microphone"),
            ears=(left, right) if left is not None and right is not None else (),
            text=text.text if text is not None else "",
            arrays=arrays,
            values=values,
        )
        await emit(senses)


def _plugged(options: SensesOptions) -> tuple[str, ...]:
    """The streams that are joined, in order."""
    out = {name for sensor in options.unplugged for name in _OF_SENSOR.get(sensor, (sensor,))}
    return tuple(name for name in _JOINED if name not in out)


def _one(found: Mapping[str, tuple[AnyEvent, ...]], stream: str) -> Any:
    events = found.get(stream)
    return events[0].payload if events else None
