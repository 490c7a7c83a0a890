"""What a component does: it is run several times, and what it leaves behind is looked at."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sensorium.clocks import VirtualClock, tasks_blocked
from sensorium.components import Component, Source
from sensorium.errors import ShutdownTimeout
from sensorium.events import NS_PER_MS, NS_PER_S, AnyEvent
from sensorium.payloads.base import Payload
from sensorium.payloads.system import ComponentFailed
from sensorium.testing import findings, leaks
from sensorium.testing.declaration import check_component
from sensorium.testing.harness import STUCK_S, FakeModel, Harness, run_component
from sensorium.testing.problem import Problem
from sensorium.testing.recording import Record, recorded, watching_for_blocking

START = 1_000 * NS_PER_S  # ns; the samples originate before, so keeping their time shows
SOURCE_S = 10.0  # virtual seconds a source is given
PATIENCE_S = 2.0  # real seconds a source's threads are given to bring the first event

Sample = tuple[str, Payload]


@dataclass
class Life:
    """One life of the component and what came of it."""

    record: Record
    events: list[AnyEvent] = field(default_factory=list)
    failures: list[ComponentFailed] = field(default_factory=list)


@dataclass(frozen=True)
class Trial:
    """The component and what it is given."""

    cls: type[Component]
    samples: Sequence[Sample]
    options: Mapping[str, Any] | None
    plugins: tuple[Any, ...]
    models: Mapping[str, FakeModel] | None

    async def live(self, record: Record) -> Life:
        """Run it from set-up to close."""
        life = Life(record)
        try:
            await self._live(record, life)
        except ShutdownTimeout:
            record.swallowed = True
        return life

    async def _live(self, record: Record, life: Life) -> None:
        async with run_component(
            recorded(self.cls, record),
            options=self.options,
            plugins=self.plugins,
            models=self.models,
            clock=VirtualClock(START),
        ) as harness:
            work = "run" if issubclass(self.cls, Source) else "process"
            with watching_for_blocking(record, work, self.cls.__module__):
                if issubclass(self.cls, Source):
                    await _let_run(harness, record)
                else:
                    await self._feed(harness, record)
            life.events = list(harness.events)
            life.failures = list(harness.failures)
            if record.holding:
                await harness.session.stop_component(harness.name)

    async def _feed(self, harness: Harness, record: Record) -> None:
        for index, (topic, payload) in enumerate(self.samples):
            if harness.failures or record.holding:
                return
            await harness.send(topic, payload, originating_time=originating_time(index))
            await _settle(harness, record)


def originating_time(index: int) -> int:
    """When the sample of that index reached the imagined sensor (ns)."""
    return START - NS_PER_S + index * 33 * NS_PER_MS


async def check_behaviour(
    cls: type[Component],
    *,
    sample_events: Iterable[Sample] = (),
    options: Mapping[str, Any] | None = None,
    plugins: Iterable[Any] = (),
    models: Mapping[str, FakeModel] | None = None,
    deterministic: bool = True,
) -> list[Problem]:
    """What is wrong with what a component does; an empty list when nothing is.

    ``sample_events`` are ``(topic, payload)`` pairs to process, in order; a source needs none
    and is given ten virtual seconds. It is run four times: to warm up, to be measured, with a
    set-up that fails, and to be cancelled while it emits. ``deterministic=False`` lets it
    answer the same events differently. The other arguments are those of :func:`run_component`.
    """
    trial = Trial(cls, tuple(sample_events), options, tuple(plugins), models)
    first = await trial.live(Record())
    before = leaks.snapshot()
    second = await trial.live(Record(close_twice=True))
    problems = leaks.problems(cls.__name__, before, await leaks.settled_snapshot(before))
    refused = await trial.live(Record(refuse_setup=True))
    problems += findings.of_life(cls, first.record, first.events, first.failures)
    problems += findings.of_events(cls, first.events, _times(trial))
    problems += findings.of_closing(cls, second.record, refused.record)
    if deterministic and not issubclass(cls, Source) and not first.failures:
        problems += findings.of_repetition(cls, first.events, second.events)
    if not first.failures:
        held = await trial.live(Record(hold=True))
        problems += findings.of_cancellation(cls, held.record)
    return list(dict.fromkeys(problems))


def assert_conforms(
    cls: type[Component],
    sample_events: Iterable[Sample] = (),
    *,
    options: Mapping[str, Any] | None = None,
    plugins: Iterable[Any] = (),
    models: Mapping[str, FakeModel] | None = None,
    deterministic: bool = True,
) -> None:
    """Raise AssertionError that lists everything wrong with a component, if anything is.

    Checks the declaration and, if that is sound, the behaviour: see :func:`check_component` and
    :func:`check_behaviour`. Call it from a plain test, not an async one: it runs a loop of its
    own.
    """
    problems = check_component(cls)
    if not problems:
        samples = tuple(sample_events)
        if not samples and not issubclass(cls, Source):
            topics = ", ".join(held.pattern for held in cls.takes.values())
            raise AssertionError(
                f"{cls.__name__} needs sample_events=[(topic, payload), ...] on: {topics}"
            )
        problems = asyncio.run(
            check_behaviour(
                cls,
                sample_events=samples,
                options=options,
                plugins=plugins,
                models=models,
                deterministic=deterministic,
            )
        )
    if problems:
        lines = "\n".join(f"  - {problem}" for problem in problems)
        raise AssertionError(f"{cls.__name__} does not conform:\n{lines}")


def _times(trial: Trial) -> frozenset[int]:
    return frozenset(originating_time(index) for index in range(len(trial.samples)))


async def _settle(harness: Harness, record: Record) -> None:
    """Let one sample be worked off, moving the clock for whoever sleeps on it."""
    deadline = time.monotonic() + STUCK_S
    settling = asyncio.ensure_future(harness.session.settled())
    try:
        while not settling.done() and not harness.ended and time.monotonic() < deadline:
            await tasks_blocked()
            if settling.done() or record.holding:
                return
            await harness.advance(0.1)
            await asyncio.wait([settling], timeout=0.001)  # for threads, in real time
    finally:
        settling.cancel()
        await asyncio.wait([settling])


async def _let_run(harness: Harness, record: Record) -> None:
    for _ in range(20):
        await harness.advance(SOURCE_S / 20)
        if harness.ended or record.holding:
            return
    deadline = time.monotonic() + PATIENCE_S
    while not (harness.events or harness.ended or record.holding):
        if time.monotonic() > deadline:
            return
        await asyncio.sleep(0.01)  # its threads work in real time
        await harness.advance(0.1)
