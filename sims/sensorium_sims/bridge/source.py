"""The environment as a source: what is seen, heard and read in it, in simulated time."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from sensorium.components import ComponentOptions, Context, Emit, Output, Source
from sensorium.errors import AgentSilent, EnvironmentHung, SimulationError
from sensorium.events import NS_PER_S
from sensorium.payloads.acting import Observation, State
from sensorium.payloads.media import Audio, Image, Text
from sensorium.plugins.environments import EnvironmentRegistry
from sensorium_sims.bridge.host import EnvironmentHost, Moment, Recipe
from sensorium_sims.bridge.payloads import Advice, EpisodeEnded, EpisodeStarted, Observed
from sensorium_sims.bridge.seat import Seat, close_seats, open_seats
from sensorium_sims.bridge.tally import Tally
from sensorium_sims.environments import in_use


class EnvironmentOptions(ComponentOptions):
    """Which environment, which episodes, and who waits for whom."""

    id: str
    """Any Gymnasium id: `sensorium sim list` shows those that plugins registered."""
    options: dict[str, Any] = {}
    """What the environment's class takes."""
    episodes: int = Field(1, ge=1)
    seed: int = Field(0, ge=0)
    """Of the first episode; the next ones have the next seeds."""
    count: int = Field(1, ge=1, le=64)
    """Environments side by side, which share the episodes."""
    mode: Literal["lockstep", "free"] = "lockstep"
    """lockstep: a step is done when the agent is idle. free: at ``rate_hz``, ready or not."""
    rate_hz: float | None = Field(None, gt=0)
    """Steps a second of the session's clock; the environment's own rate if left out."""
    idle_action: str = ""
    """What is done where no plan came. In lockstep without it, the environment waits."""
    patience_s: float = Field(30.0, gt=0)
    """How long it waits, on the session's clock, before the episode fails."""
    max_steps: int | None = Field(None, ge=1)
    """Truncates episodes, beside the environment's own limit."""
    step_limit_s: float = Field(10.0, gt=0)
    """Real time after which a step hangs; the expert's advice is part of the step."""
    make_limit_s: float = Field(60.0, gt=0)
    """Real time after which making it, or a reset, hangs."""
    advice: bool = False
    """Publish what the environment's expert would do."""
    video: str = ""
    """MP4 file for the episodes of the first environment."""


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
        self._hosts: list[EnvironmentHost] = []
        self._opened = False
        self._to_do: deque[tuple[int, int]] = deque()

    @classmethod
    def outputs(cls, options: EnvironmentOptions) -> Mapping[str, Output]:
        """Those of each of its environments."""
        gives: dict[str, Output] = {}
        for index in range(options.count):
            mark = _mark(options, index)
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
        for index in range(options.count):
            recipe = Recipe(
                id=options.id,
                options=options.options,
                registry=_registry(),
                advice=options.advice,
                video=Path(options.video) if options.video and index == 0 else None,
                make_limit_s=options.make_limit_s,
                step_limit_s=options.step_limit_s,
                step_s=1 / options.rate_hz if options.rate_hz else None,
            )
            self._hosts.append(EnvironmentHost(recipe, f"{self.name}-{index}"))

    async def run(self, emit: Emit) -> None:
        """Run the episodes."""
        options = self.options
        self._to_do.extend((n, options.seed + n) for n in range(options.episodes))
        async with asyncio.TaskGroup() as group:
            for index in range(options.count):
                group.create_task(
                    self._run_one(index, emit), name=f"{self.name} environment {index}"
                )

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
            run = _Episode(self, self._hosts[index], self._seats[index], tally, emit)
            try:
                await run.play()
            except SimulationError as error:
                self.log.warning("episode %d (seed %d) failed: %s", number, seed, error)
                tally.fail(error)
                with self.context.clock.hold():
                    gone = await self._hosts[index].discard()
                if not gone and isinstance(error, EnvironmentHung):
                    self.log.warning("what hangs goes on in a thread of its own")
            finally:
                self._seats[index].begin(None)
            await emit(tally.ended(), f"ended{_mark(self.options, index)}")


class _Episode:
    """One episode under way."""

    def __init__(
        self, source: Environment, host: EnvironmentHost, seat: Seat, tally: Tally, emit: Emit
    ) -> None:
        self._options: EnvironmentOptions = source.options
        self._clock = source.context.clock
        self._host, self._seat, self._tally, self._emit = host, seat, tally, emit
        self._mark = _mark(source.options, tally.index)
        self._name = source.name + self._mark
        self._said: list[str] = []
        self._alone = source.options.mode == "lockstep" and source.options.count == 1

    async def play(self) -> None:
        """From reset to the end. Raises :class:`SimulationError`."""
        clock, tally, seat = self._clock, self._tally, self._seat
        at = clock.now()
        with clock.hold():
            moment = await self._host.reset(tally.seed)
        at = max(at, clock.now())
        seat.begin(self._host.words)
        tally.success_in = self._host.success
        await self._start(moment, at)
        step_ns = round(self._host.step_s * NS_PER_S)
        while True:
            began = time.perf_counter()
            final = moment.terminated or moment.truncated
            await self._show(moment, at, final)
            if final:
                return
            due = max(at + step_ns, clock.now())
            await clock.sleep_until(due)
            action = await self._action()
            at = max(due, clock.now()) if self._options.mode == "lockstep" else due
            with clock.hold():
                moment = await self._host.step(action, alone=self._alone)
            tally.count(self._host.words.encode(action), moment)
            if self._options.max_steps is not None and tally.steps >= self._options.max_steps:
                moment.truncated = moment.truncated or not moment.terminated
                tally.ending = "terminated" if moment.terminated else "truncated"
            seat.step_seconds.append(time.perf_counter() - began)

    async def _start(self, moment: Moment, at: int) -> None:
        tally, words = self._tally, self._host.words
        goal = " ".join(text.text for text in moment.parts.text)
        started = EpisodeStarted(
            tally.environment, tally.index, tally.episode, tally.seed, tally.id, goal,
            words.words, self._host.space,
        )  # fmt: skip
        await self._emit(started, "started" + self._mark, originating_time=at)

    async def _show(self, moment: Moment, at: int, final: bool) -> None:
        """Publish an observation, and that it is the agent's turn."""
        emit, mark, parts, tally = self._emit, self._mark, moment.parts, self._tally
        if parts.camera is not None:
            await emit(parts.camera, "camera" + mark, originating_time=at)
        if parts.ears:
            await emit(_mean(parts.ears), "audio" + mark, originating_time=at)
        if len(parts.ears) == 2:
            await emit(parts.ears[0], "left" + mark, originating_time=at)
            await emit(parts.ears[1], "right" + mark, originating_time=at)
        said = [text.text for text in parts.text]
        if said != self._said:
            self._said = said
            for text in parts.text:
                await emit(text, "text" + mark, originating_time=at)
        for key, array in parts.arrays.items():
            topic = f"state/{self._name}/{key}"
            await emit(array, "array" + mark, topic=topic, originating_time=at)
        if parts.numbers is not None:
            await emit(parts.numbers, "numbers" + mark, originating_time=at)
        who = tally.environment, tally.index, tally.episode, tally.steps
        self._seat.observed(at)
        if moment.advice is not None:
            advice = Advice(*who, moment.advice)
            await emit(advice, "advice" + mark, originating_time=at)
        observed = Observed(*who, moment.reward, final)
        await emit(observed, "observed" + mark, originating_time=at)

    async def _action(self) -> Any:
        """What to do now. In lockstep the agent was idle, or still sleeps on the clock."""
        seat, options, tally = self._seat, self._options, self._tally
        if not seat.answered:
            if options.mode == "free":
                tally.missed_deadlines += 1
            elif not options.idle_action:
                await self._wait()
            else:
                tally.unanswered += 1
        if seat.error is not None:
            raise seat.error
        action = seat.take()
        if action is None:
            if options.idle_action:
                return self._host.words.decode(options.idle_action)
            if tally.actions:
                return self._host.words.decode(tally.actions[-1])
            await self._wait()  # free-running: the first action is waited for
            return await self._action()
        return action

    async def _wait(self) -> None:
        try:
            async with self._clock.timeout(self._options.patience_s):
                await self._seat.wait()
        except TimeoutError:
            raise AgentSilent(
                self._tally.id, f"no plan came within {self._options.patience_s:g} s"
            ) from None


def _mark(options: EnvironmentOptions, index: int) -> str:
    return f"-{index}" if options.count > 1 else ""


def _mean(ears: list[Audio]) -> Audio:
    if len(ears) == 1:
        return ears[0]
    return Audio((ears[0].samples + ears[1].samples) / 2, ears[0].sample_rate)


def _registry() -> EnvironmentRegistry:
    registry = in_use.get(None)
    return _installed() if registry is None else registry


@lru_cache(maxsize=1)
def _installed() -> EnvironmentRegistry:
    from sensorium.plugins import load_plugins

    return load_plugins().environments
