"""pyee: an event emitter whose coroutine handlers each run in a task of their own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from pyee.asyncio import AsyncIOEventEmitter

from sensorium_benchmarks.bus.note import (
    CAPACITY,
    TEXT,
    Carry,
    Note,
    arrived,
    latency_of,
    throughput_of,
)


def throughput(consumers: int, events: int) -> dict[str, float]:
    """One publisher, one coroutine handler for each consumer."""
    return throughput_of(_opened, consumers, events)


def latency(events: int, interval_s: float) -> dict[str, float]:
    """One event every ``interval_s``."""

    async def send(make: Callable[[], Note], arrivals: list[float], events: int) -> None:
        emitter = AsyncIOEventEmitter()

        async def receive(note: Note) -> None:
            arrived(note, arrivals)

        emitter.on("note", receive)
        for _ in range(events):
            await asyncio.sleep(interval_s)
            emitter.emit("note", make())
        await emitter.wait_for_complete()

    return latency_of(send, events)


@asynccontextmanager
async def _opened(consumers: int) -> AsyncIterator[Carry]:
    emitter = AsyncIOEventEmitter()
    received = [0] * consumers

    def handler(index: int) -> Callable[[Note], Awaitable[None]]:
        async def receive(note: Note) -> None:
            received[index] = note.number

        return receive

    async def carry(events: int) -> None:
        for number in range(events):
            emitter.emit("note", Note(TEXT, number))
            if number % CAPACITY == CAPACITY - 1:
                await emitter.wait_for_complete()
        await emitter.wait_for_complete()
        if received != [events - 1] * consumers:
            raise RuntimeError(f"the last event did not reach all consumers: {received}")

    for index in range(consumers):
        emitter.on("note", handler(index))
    yield carry
