"""bubus: pydantic events to coroutine handlers, with a history of every event."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

os.environ.setdefault("BUBUS_LOGGING_LEVEL", "ERROR")  # read when it is imported

from bubus import BaseEvent, EventBus

from sensorium_benchmarks.bus.note import (
    TEXT,
    Carry,
    Note,
    arrived,
    latency_of,
    throughput_of,
)

logging.getLogger("bubus").setLevel(logging.ERROR)


BATCH = 20
"""Events between two waits; it refuses more than 50 unfinished ones."""


class NoteEvent(BaseEvent):  # type: ignore[misc]
    """The note's fields: a bubus event is its own payload."""

    text: str
    number: int


def throughput(consumers: int, events: int) -> dict[str, float]:
    """One publisher, one coroutine handler for each consumer."""
    return throughput_of(_opened, consumers, events)


def latency(events: int, interval_s: float) -> dict[str, float]:
    """One event every ``interval_s``."""

    async def send(make: Callable[[], Note], arrivals: list[float], events: int) -> None:
        bus = EventBus(parallel_handlers=True)

        async def receive(event: NoteEvent) -> None:
            arrived(Note(event.text, event.number), arrivals)

        bus.on(NoteEvent, receive)
        for _ in range(events):
            await asyncio.sleep(interval_s)
            note = make()
            last = bus.dispatch(NoteEvent(text=note.text, number=note.number))
        await last
        await bus.stop()

    return latency_of(send, events)


@asynccontextmanager
async def _opened(consumers: int) -> AsyncIterator[Carry]:
    bus = EventBus(parallel_handlers=True)
    received = [0] * consumers

    def handler(index: int) -> Callable[[NoteEvent], Awaitable[None]]:
        async def receive(event: NoteEvent) -> None:
            received[index] = event.number

        receive.__name__ = f"receive_{index}"  # bubus tells handlers apart by name
        return receive

    async def carry(events: int) -> None:
        for number in range(events):
            event = bus.dispatch(NoteEvent(text=TEXT, number=number))
            if number % BATCH == BATCH - 1:
                await event
        await event
        if received != [events - 1] * consumers:
            raise RuntimeError(f"the last event did not reach all consumers: {received}")

    for index in range(consumers):
        bus.on(NoteEvent, handler(index))
    yield carry
    await bus.stop()
