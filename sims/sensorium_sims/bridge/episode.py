"""One episode: from its reset to its end, what is shown, and what is done."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from sensorium.components import Emit, Source
from sensorium.errors import AgentSilent, EffectRefused, EnvironmentHung
from sensorium.events import NS_PER_S
from sensorium.payloads.media import Audio
from sensorium_sims.bridge.host import EnvironmentHost, Moment
from sensorium_sims.bridge.options import EnvironmentOptions
from sensorium_sims.bridge.payloads import Advice, EpisodeStarted, Observed
from sensorium_sims.bridge.seat import Seat, Step
from sensorium_sims.bridge.tally import Tally
from sensorium_sims.bridge.vector import VectorHost


class Episode:
    """One episode under way."""

    def __init__(
        self, source: Source, host: EnvironmentHost | VectorHost, seat: Seat, tally: Tally,
        emit: Emit,
    ) -> None:  # fmt: skip
        self._options: EnvironmentOptions = source.options
        self._clock, self._log = source.context.clock, source.log
        self._host, self._seat, self._tally, self._emit = host, seat, tally, emit
        self._mark = source.options.mark(tally.index)
        self._name = source.name + self._mark
        self._said: list[str] = []
        self._alone = source.options.mode == "lockstep" and source.options.count == 1

    async def play(self) -> None:
        """From reset to the end. Raises :class:`SimulationError`."""
        clock, tally, seat = self._clock, self._tally, self._seat
        at = clock.now()
        with self._hold():
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
            action, moment, at = await self._act(due)
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
            words.words, self._host.space, words.numbers,
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

    async def _act(self, due: int) -> tuple[Any, Moment, int]:
        """Do the next action: what it was, what came of it, and when it was done."""
        seat, tally = self._seat, self._tally
        if not seat.answered:
            if self._options.mode == "free":
                tally.missed_deadlines += 1
            elif self._options.idle_action:
                tally.unanswered += 1
            else:
                await self._wait()
        while True:
            step = await self._next()
            try:
                async with step.performing() as effect:
                    try:
                        with self._hold():
                            moment = await self._host.step(step.action, alone=self._alone)
                    except EnvironmentHung:
                        if effect is not None:
                            effect.outcome = "unknown"
                        raise
            except EffectRefused as refused:
                self._log.warning("%s", refused)
                continue
            at = max(due, self._clock.now()) if self._options.mode == "lockstep" else due
            return step.action, moment, at

    def _hold(self) -> AbstractContextManager[None]:
        return nullcontext() if self._host.together else self._clock.hold()

    async def _next(self) -> Step:
        """What is to be done now. In lockstep the agent was idle, or still sleeps on the clock."""
        seat, options, tally = self._seat, self._options, self._tally
        while True:
            if seat.error is not None:
                raise seat.error
            if (step := seat.take()) is not None:
                return step
            if options.idle_action:
                return Step(self._host.words.decode(options.idle_action))
            if tally.actions and options.mode == "free":
                return Step(self._host.words.decode(tally.actions[-1]))
            await self._wait()  # free-running: the first action is waited for

    async def _wait(self) -> None:
        try:
            async with self._clock.timeout(self._options.patience_s):
                await self._seat.wait()
        except TimeoutError:
            raise AgentSilent(
                self._tally.id, f"no plan came within {self._options.patience_s:g} s"
            ) from None


def _mean(ears: list[Audio]) -> Audio:
    if len(ears) == 1:
        return ears[0]
    return Audio((ears[0].samples + ears[1].samples) / 2, ears[0].sample_rate)
