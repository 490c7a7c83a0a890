"""Playing a recording: from its records to a digest and the first divergence."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from sensorium.events import NS_PER_S, AnyEvent
from sensorium.plugins.manager import Plugins
from sensorium.recording.digest import Digest
from sensorium.recording.reader import PassedOver
from sensorium.replay.comparison import Comparison, Divergence, side
from sensorium.replay.inputs import inputs
from sensorium.replay.options import ReplayOptions
from sensorium.replay.script import Expected, Script
from sensorium.replay.session import ReplaySession, played
from sensorium.session.wiring import Part
from sensorium.settings import Settings
from sensorium.topics import matches
from sensorium.trace import TraceRecord

PROGRESS_S = 0.1

OnProgress = Callable[[int, int, int], None]


class Records(Protocol):
    """The events and trace records of a recording, in order, from the first at each call."""

    def events(self) -> Iterable[tuple[int, AnyEvent]]:
        """Every event, each with its place among events and trace records."""

    def without(
        self, topics: Callable[[str], bool]
    ) -> Iterable[AnyEvent | TraceRecord | PassedOver]:
        """Every one, where events on ``topics`` may only be counted."""


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """What became of a replay."""

    digest: str
    """sha256 over every event: its topic, id, times, parents and payload, in order."""
    events: int
    duration_s: float
    """Of the recording, as far as it was played."""
    speedup: float
    """Over real time."""
    divergence: Divergence | None
    """Where the replay first differs from the recording; None if nowhere."""


async def replay(
    records: Records,
    settings: Settings,
    plugins: Plugins,
    options: ReplayOptions | None = None,
    on_progress: OnProgress | None = None,
) -> ReplayResult:
    """Play a recording with the agent of ``settings``. ``on_progress`` hears now and then at what
    time it is, and between which times it plays (ns).

    Raises :class:`SettingsError` or :class:`UnknownName` when settings and plugins do not fit,
    and what reading the recording raises.
    """
    options = options or ReplayOptions()
    began = time.perf_counter()
    parts = played(settings, plugins, act=options.act)
    script = Script(records.without(_nobody_of(parts)), parts)
    if script.began is None:
        return ReplayResult(Digest().hexdigest(), 0, 0.0, 0.0, None)
    start, until = script.began, script.ended
    if options.until_s is not None:
        until = min(until, start + round(options.until_s * NS_PER_S))
    comparison = Comparison(script, until)
    session = ReplaySession(
        _quiet(settings, act=options.act),
        plugins,
        parts,
        script,
        comparison,
        inputs(records.events(), script),
        options,
    )
    if on_progress is not None:
        session.scope.spawn(_tell(session, on_progress, start, until), name="progress")
    await session.play(until, speed=options.speed)
    divergence, expected = comparison.finish()
    if divergence is not None and expected is not None:
        divergence = replace(divergence, recorded=_recorded_side(records, expected))
    wall, duration = time.perf_counter() - began, max(0, until - start) / NS_PER_S
    return ReplayResult(
        comparison.hexdigest(), comparison.events, duration, duration / wall, divergence
    )


async def _tell(session: ReplaySession, on_progress: OnProgress, start: int, until: int) -> None:
    while True:
        on_progress(session.clock.now(), start, until)
        await asyncio.sleep(PROGRESS_S)  # real time: a person looks on


def _nobody_of(parts: Mapping[str, Part]) -> Callable[[str], bool]:
    """Whether none of ``parts`` publishes on a topic."""
    outputs = {output.topic for part in parts.values() for output in part.outputs.values()}
    patterns = ("system/#", "effects/#", *outputs)
    return lambda topic: not any(matches(pattern, topic) for pattern in patterns)


def _quiet(settings: Settings, *, act: bool) -> Settings:
    """Nobody waits for a replay's event loop or looks at its console, and where it does not act
    it leaves the journal of effects alone."""
    off = {"watchdog": {"enabled": False}, "web": {"enabled": False}, "telemetry": {}}
    tables = settings.model_dump() | off | ({} if act else {"effects": {}})
    return Settings.model_validate(tables)


def _recorded_side(records: Records, expected: Expected) -> Any:
    for rank, event in records.events():
        if rank == expected.turn.rank:
            return side(event)
    return None
