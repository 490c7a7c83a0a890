"""The inputs of a replay: read and decoded ahead in one thread, digested in another."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

from sensorium.clocks import VirtualClock
from sensorium.events import AnyEvent
from sensorium.recording.digest import event_digest
from sensorium.replay.script import Script, Turn

AHEAD = 16  # inputs in one go; at most three such batches are in memory

_Batch = list[tuple[Turn, AnyEvent]]


@dataclass(frozen=True, slots=True)
class RecordedInput:
    """An event that a replay publishes as it was."""

    turn: Turn
    event: AnyEvent
    digest: str


def inputs(
    events: Iterable[tuple[int, AnyEvent]], script: Script
) -> Iterator[tuple[Turn, AnyEvent]]:
    """Of the recorded events, each with its place in the file, those that are not played anew."""
    for rank, event in events:
        if not script.plays(rank, event):
            yield script.turn(rank, event.creation_time), event


async def read_ahead(
    source: Iterator[tuple[Turn, AnyEvent]], clock: VirtualClock
) -> AsyncGenerator[RecordedInput, None]:
    """The inputs of ``source``: while one batch is used the next is digested and a third is read.

    Virtual time stands still while the next batch is not there yet.
    """
    reader = ThreadPoolExecutor(1, thread_name_prefix="recorded-inputs")
    digester = ThreadPoolExecutor(1, thread_name_prefix="recorded-digests")
    with reader, digester:

        def read() -> Future[_Batch]:
            return reader.submit(lambda: list(islice(source, AHEAD)))

        def digest(coming: Future[_Batch]) -> Future[list[RecordedInput]]:
            return digester.submit(lambda: [_digested(*one) for one in coming.result()])

        ahead = deque((digest(read()), digest(read())))
        while True:
            with clock.hold():
                batch = await asyncio.wrap_future(ahead.popleft())
            if not batch:
                return
            ahead.append(digest(read()))
            for one in batch:
                yield one


def _digested(turn: Turn, event: AnyEvent) -> RecordedInput:
    return RecordedInput(turn, event, event_digest(event))
