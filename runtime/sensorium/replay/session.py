"""The session of a replay: the components that think, without those that sense and act."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import aclosing

from sensorium.clocks import VirtualClock
from sensorium.errors import PluginError
from sensorium.events import AnyEvent
from sensorium.payloads.base import Payload
from sensorium.plugins.manager import Plugins
from sensorium.replay.bus import ReplayBus
from sensorium.replay.comparison import Comparison
from sensorium.replay.inputs import read_ahead
from sensorium.replay.options import ReplayOptions
from sensorium.replay.script import Script, Turn
from sensorium.replay.surroundings import ReplaySurroundings
from sensorium.replay.turns import Turns
from sensorium.session.runner import Runner
from sensorium.session.session import Session
from sensorium.session.wiring import Part, parts_of
from sensorium.settings import Settings

THINKING = ("perceiver", "fuser", "planner")
"""Kinds of component that a replay plays anew."""
ACTING = ("actuator",)


def played(settings: Settings, plugins: Plugins, *, act: bool) -> dict[str, Part]:
    """The parts that a replay plays anew; with ``act`` those that act, too."""
    kinds = (*THINKING, *(ACTING if act else ()))
    parts, _ = parts_of(settings, plugins)
    return {name: part for name, part in parts.items() if part.component_class.kind in kinds}


class ReplaySession(Session):
    """A session whose inputs, clock and models are those of a recording.

    ``inputs`` are the recorded events but those of components that are played anew.
    """

    def __init__(
        self,
        settings: Settings,
        plugins: Plugins,
        parts: Mapping[str, Part],
        script: Script,
        comparison: Comparison,
        inputs: Iterator[tuple[Turn, AnyEvent]],
        options: ReplayOptions,
    ) -> None:
        self._virtual = VirtualClock(script.began or 0)
        self._turns = Turns(self._virtual, script)
        bus = ReplayBus(self._turns, script, comparison)
        super().__init__(settings, plugins, self._virtual, bus)
        self._replayed = parts
        self._script = script
        self._feeding = bus
        self._inputs = inputs
        self._fed: asyncio.Task[None] | None = None
        self.surroundings = ReplaySurroundings(
            self._turns, self.models, script, comparison, options
        )

    async def announce(self, payload: Payload, *, source: str = "session") -> None:
        """Publish what a component announces; what the session did is in the recording."""
        if source in self._script.roles:
            await super().announce(payload, source=source)

    async def play(self, until: int, *, speed: float | None = None) -> None:
        """Play to ``until`` (ns on the virtual clock), at ``speed`` times real time or as fast
        as can be. Returns once everything up to then has happened.

        Raises what reading the inputs raised.
        """
        moving = self.scope.spawn(self._virtual.run(speed=speed), name="virtual time")
        try:
            async with self:
                await self._turns.come(Turn(until, self._script.length))
                self._feeding.over = True
                if self._fed is not None and self._fed.done():
                    self._fed.result()  # raises what reading the recording raised
        finally:
            moving.cancel()

    async def _start_all(self, runners: Sequence[Runner]) -> None:
        """Start these. Nobody waits until they are ready: some never were."""
        for runner in runners:
            self._start(runner)

    def _start(self, runner: Runner) -> None:
        super()._start(runner)
        stopped = self._script.roles[runner.name].stopped
        if stopped is not None:
            stopping = self._stop_then(self._tasks[runner.name], stopped)
            self.scope.spawn(stopping, name=f"end of {runner.name}")

    async def _stop_then(self, task: asyncio.Task[None], stopped: Turn) -> None:
        await self._turns.come(stopped)
        task.cancel()

    def _parts(self) -> tuple[dict[str, Part], dict[str, PluginError]]:
        return dict(self._replayed), {}

    def _surround(self, parts: Mapping[str, Part]) -> None:
        """Everything comes from the recording."""

    def _before_start(self) -> None:
        self._fed = self.scope.spawn(self._feed(), name="recorded inputs")

    async def _drain(self, timeout_s: float) -> None:
        """What comes after the end of the recording is of no interest."""

    async def _feed(self) -> None:
        async with aclosing(read_ahead(self._inputs, self._virtual)) as given:
            async for one in given:
                await self._feeding.feed(one)
