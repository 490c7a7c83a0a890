"""The limit: a bare ``asyncio.Queue`` for each consumer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

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
    """One publisher puts each note on the queue of every consumer."""
    return throughput_of(_opened, consumers, events)


def latency(events: int, interval_s: float) -> dict[str, float]:
    """One note every ``interval_s``."""

    async def send(make: Callable[[], Note], arrivals: list[float], events: int) -> None:
        queue: asyncio.Queue[Note] = asyncio.Queue(CAPACITY)

        async def consume() -> None:
            for _ in range(events):
                arrived(await queue.get(), arrivals)

        consumer = asyncio.create_task(consume())
        for _ in range(events):
            await asyncio.sleep(interval_s)
            await queue.put(make())
        await consumer

    return latency_of(send, events)


@asynccontextmanager
async def _opened(consumers: int) -> AsyncIterator[Carry]:
    queues = [asyncio.Queue[Note](CAPACITY) for _ in range(consumers)]

    async def carry(events: int) -> None:
        await asyncio.gather(publish(events), *[consume(queue, events - 1) for queue in queues])

    async def publish(events: int) -> None:
        for number in range(events):
            note = Note(TEXT, number)
            for queue in queues:
                await queue.put(note)

    async def consume(queue: asyncio.Queue[Note], last: int) -> None:
        while (await queue.get()).number != last:
            pass

    yield carry
