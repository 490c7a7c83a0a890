"""What is sent through a row of stages, and how that is timed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

from sensorium_benchmarks.bus.note import TEXT, WARM_UP, Note
from sensorium_benchmarks.stopwatch import Stopwatch

Enter = Callable[[Note], Awaitable[None]]
"""Hands a note to the first stage; may wait for room."""


class Exit:
    """Where the last stage puts every note."""

    def __init__(self) -> None:
        self._expected = 0
        self._left = 0
        self._arrived = asyncio.Event()

    def __call__(self, note: Note) -> None:
        """A note has come through. Raises RuntimeError when one before it is missing."""
        if note.number != self._expected:
            raise RuntimeError(f"note {note.number} came out when {self._expected} was due")
        self._expected += 1
        self._left -= 1
        if not self._left:
            self._arrived.set()

    def expect(self, notes: int) -> None:
        """So many will come, numbered from 0."""
        self._expected, self._left = 0, notes
        self._arrived.clear()

    async def wait(self) -> None:
        """Until the last of them is here."""
        await self._arrived.wait()


Opened = Callable[[int, Exit], AbstractAsyncContextManager[Enter]]
"""``opened(stages, exit)`` sets a row up that ends in ``exit``."""


def stream_of(opened: Opened, stages: int, events: int, window: int = 0) -> dict[str, float]:
    """µs an event and stage, of events that follow each other at once.

    With a ``window``, so many enter before all are waited for.
    """

    async def send(enter: Enter, out: Exit, events: int) -> None:
        batch = window or events
        for start in range(0, events, batch):
            count = min(batch, events - start)
            out.expect(count)
            for number in range(count):
                await enter(Note(TEXT, number))
            await out.wait()

    return _timed(opened, stages, events, send)


def alone_of(opened: Opened, stages: int, events: int) -> dict[str, float]:
    """µs a stage, of events that each enter when the one before is out."""

    async def send(enter: Enter, out: Exit, events: int) -> None:
        for _ in range(events):
            out.expect(1)
            await enter(Note(TEXT, 0))
            await out.wait()

    return _timed(opened, stages, events, send)


def _timed(
    opened: Opened, stages: int, events: int, send: Callable[[Enter, Exit, int], Awaitable[None]]
) -> dict[str, float]:
    async def run() -> Stopwatch:
        out = Exit()
        async with opened(stages, out) as enter:
            await send(enter, out, max(1, round(events * WARM_UP)))
            with Stopwatch() as watch:
                await send(enter, out, events)
        return watch

    watch = asyncio.run(run())
    return {
        "stage": watch.seconds / events / stages * 1e6,
        "collections": float(watch.collections),
    }
