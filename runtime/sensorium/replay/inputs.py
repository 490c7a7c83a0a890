"""The inputs of a replay: read, decoded and digested ahead of their time, in a thread."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

from sensorium.clocks import VirtualClock
from sensorium.events import AnyEvent
from sensorium.recording.digest import event_digest
from sensorium.replay.script import Script, Turn

AHEAD = 16  # inputs in one go; at most two such batches are in memory


@dataclass(frozen=True, slots=True)
class RecordedInput:
    """An event that a replay publishes as it was."""

    turn: Turn
    event: AnyEvent
    digest: str


def inputs(events: Iterable[tuple[int, AnyEvent]], script: Script) -> Iterator[RecordedInput]:
    """Of the recorded events, each with its place in the file, those that are not played anew."""
    for rank, event in events:
        if not script.plays(rank, event):
            turn = script.turn(rank, event.creation_time)
            yield RecordedInput(turn, event, event_digest(event))


async def read_ahead(
    source: Iterator[RecordedInput], clock: VirtualClock
) -> AsyncGenerator[RecordedInput, None]:
    """The inputs of ``source``, a batch of which is made while the one before is used.

    Virtual time stands still while the next batch is not there yet.
    """
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1, thread_name_prefix="recorded-inputs") as thread:

        def start() -> asyncio.Future[list[RecordedInput]]:
            return loop.run_in_executor(thread, lambda: list(islice(source, AHEAD)))

        coming = start()
        while True:
            with clock.hold():
                batch = await coming
            if not batch:
                return
            coming = start()
            for one in batch:
                yield one
