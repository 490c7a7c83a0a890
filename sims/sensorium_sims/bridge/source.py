"""The environment as a source: what is seen, heard and read in it, in simulated time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from sensorium.components import Context, Emit, Output, Source
from sensorium.errors import EnvironmentHung, SimulationError
from sensorium.payloads.acting import Observation, State
from sensorium.payloads.media import Audio, Image, Text
from sensorium.plugins.environments import EnvironmentRegistry
from sensorium_sims.bridge.episode import Episode
from sensorium_sims.bridge.host import EnvironmentHost, Recipe
from sensorium_sims.bridge.options import EnvironmentOptions
from sensorium_sims.bridge.payloads import Advice, EpisodeEnded, EpisodeStarted, Observed
from sensorium_sims.bridge.seat import close_seats, open_seats
from sensorium_sims.bridge.tally import Tally
from sensorium_sims.bridge.vector import PlayAgain, VectorGroup, VectorHost
from sensorium_sims.environments import in_use

__all__ = ["Environment", "EnvironmentOptions"]


class Environment(Source):
    """Any Gymnasium environment. Its observation is split by what each part is:

    * pictures go to ``camera/{name}/image``;
    * sound goes to ``microphone/{name}/audio`` (of two ears the mean) and, where there are two,
      to ``ears/{name}/left`` and ``ears/{name}/right``;
    * words go to ``text/{name}``, when an episode begins and when they change;
    * other arrays go, flat, to ``state/{name}/KEY``, and numbers to ``state/{name}``.

    All have the simulated time of the observation as their originating time. Then
    ``sim/{name}/0/observed`` says that it is the agent's turn. With ``count`` above 1 the names
    are ``{name}-0``, ``{name}-1`` …, and ``sim/{name}/1/observed`` belongs to ``{name}-1``.

    An environment that raises, hangs, or gives what it does not declare fails its episode, with
    the error's name in ``sim/{name}/0/ended``; the next episode gets a fresh one.
    """

    Options = EnvironmentOptions

    def __init__(self, options: EnvironmentOptions, context: Context) -> None:
        super().__init__(options, context)
        self._hosts: Sequence[EnvironmentHost | VectorHost] = ()
        self._opened = False
        self._to_do: deque[tuple[int, int]] = deque()

    @classmethod
    def outputs(cls, options: EnvironmentOptions) -> Mapping[str, Output]:
        """Those of each of its environments."""
        gives: dict[str, Output] = {}
        for index in range(options.count):
            mark = options.mark(index)
            name, sim = "{name}" + mark, f"sim/{{name}}/{index}"
            gives |= {
                f"camera{mark}": Output(f"camera/{name}/image", Image),
                f"audio{mark}": Output(f"microphone/{name}/audio", Audio),
                f"left{mark}": Output(f"ears/{name}/left", Audio),
                f"right{mark}": Output(f"ears/{name}/right", Audio),
                f"text{mark}": Output(f"text/{name}", Text),
                f"array{mark}": Output(f"state/{name}/#", Observation),
                f"numbers{mark}": Output(f"state/{name}", State),
                f"started{mark}": Output(f"{sim}/started", EpisodeStarted),
                f"observed{mark}": Output(f"{sim}/observed", Observed),
                f"advice{mark}": Output(f"{sim}/advice", Advice),
                f"ended{mark}": Output(f"{sim}/ended", EpisodeEnded),
            }
        return gives

    async def setup(self) -> None:
        """Take the seats; environments are made when their first episode begins."""
        options = self.options
        self._seats = open_seats(self.name, options.count)
        self._opened = True
        recipes = [
            Recipe(
                id=options.id,
                options=options.options,
                registry=_registry(),
                advice=options.advice,
                video=Path(options.video) if options.video and index == 0 else None,
                make_limit_s=options.make_limit_s,
                step_limit_s=options.step_limit_s,
                step_s=1 / options.rate_hz if options.rate_hz else None,
            )
            for index in range(options.count)
        ]
        if options.vector:
            group = VectorGroup(options.vector, recipes, self.name, self.context.clock)
            self._hosts = [VectorHost(group, index) for index in range(options.count)]
        else:
            self._hosts = [
                EnvironmentHost(recipe, f"{self.name}-{index}")
                for index, recipe in enumerate(recipes)
            ]

    async def run(self, emit: Emit) -> None:
        """Run the episodes."""
        options = self.options
        self._to_do.extend((n, options.seed + n) for n in range(options.episodes))
        try:
            async with asyncio.TaskGroup() as group:
                for index in range(options.count):
                    group.create_task(
                        self._run_one(index, emit), name=f"{self.name} environment {index}"
                    )
        except ExceptionGroup as errors:  # the first ended all the others
            raise errors.exceptions[0] from None

    async def close(self) -> None:
        """Close the environments and the film."""
        if self._opened:
            close_seats(self.name)
        for host in self._hosts:
            with self.context.clock.hold():
                if not await host.close():
                    self.log.warning("environment %s did not end in time", self.options.id)

    async def _run_one(self, index: int, emit: Emit) -> None:
        while self._to_do:
            number, seed = self._to_do.popleft()
            tally = Tally(self.name, index, number, seed, self.options.id)
            run = Episode(self, self._hosts[index], self._seats[index], tally, emit)
            try:
                await run.play()
            except PlayAgain as error:
                self.log.warning("episode %d (seed %d) begins again: %s", number, seed, error)
                self._to_do.appendleft((number, seed))
                continue
            except SimulationError as error:
                self.log.warning("episode %d (seed %d) failed: %s", number, seed, error)
                tally.fail(error)
                with self.context.clock.hold():
                    gone = await self._hosts[index].discard()
                if not gone and isinstance(error, EnvironmentHung):
                    self.log.warning("what hangs goes on in a thread of its own")
            finally:
                self._seats[index].begin(None)
            await self._hosts[index].leave()
            await emit(tally.ended(), f"ended{self.options.mark(index)}")


def _registry() -> EnvironmentRegistry:
    registry = in_use.get(None)
    return _installed() if registry is None else registry


@lru_cache(maxsize=1)
def _installed() -> EnvironmentRegistry:
    from sensorium.plugins import load_plugins

    return load_plugins().environments
