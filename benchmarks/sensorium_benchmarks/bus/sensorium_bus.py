"""Ours, through the public interface."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from sensorium import DeliveryPolicy, EventBus
from sensorium.bus import Subscription
from sensorium_benchmarks.bus.note import (
    CAPACITY,
    TEXT,
    Carry,
    Note,
    arrived,
    latency_of,
    throughput_of,
)

PATTERN = "bench/+/note"
TOPIC = "bench/front/note"


def throughput(consumers: int, events: int) -> dict[str, float]:
    """One publisher, one subscription by wildcard for each consumer."""
    return throughput_of(_opened, consumers, events)


def latency(events: int, interval_s: float) -> dict[str, float]:
    """One event every ``interval_s``."""

    async def send(make: Callable[[], Note], arrivals: list[float], events: int) -> None:
        async with EventBus() as bus:
            subscription = bus.subscribe(PATTERN, DeliveryPolicy.block(CAPACITY))

            async def consume() -> None:
                async for event in subscription:
                    arrived(event.payload, arrivals)
                    if len(arrivals) == events:
                        return

            consumer = asyncio.create_task(consume())
            for _ in range(events):
                await asyncio.sleep(interval_s)
                await bus.publish(TOPIC, make(), source="bench")
            await consumer

    return latency_of(send, events)


@asynccontextmanager
async def _opened(consumers: int) -> AsyncIterator[Carry]:
    policy = DeliveryPolicy.block(CAPACITY)

    async def carry(events: int) -> None:
        await asyncio.gather(publish(events), *[consume(one, events - 1) for one in subscriptions])

    async def publish(events: int) -> None:
        for number in range(events):
            await bus.publish(TOPIC, Note(TEXT, number), source="bench")

    async def consume(subscription: Subscription, last: int) -> None:
        async for event in subscription:
            if event.payload.number == last:
                return

    async with EventBus() as bus:
        subscriptions = [bus.subscribe(PATTERN, policy) for _ in range(consumers)]
        yield carry
