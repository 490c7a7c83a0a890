"""The work: notes over whatever bus there is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from sensorium import DeliveryPolicy, EventBus
from sensorium.bus import Subscription
from sensorium_benchmarks.bus.note import CAPACITY, TEXT, WARM_UP, Carry, Note
from sensorium_benchmarks.bus.sensorium_bus import PATTERN, TOPIC


def cost_of(
    opened: Callable[[int], AbstractAsyncContextManager[Carry]], consumers: int, events: int
) -> dict[str, float]:
    """Deliveries a second, and processor time (µs) of each, on a fresh event loop."""

    async def run() -> tuple[float, float]:
        async with opened(consumers) as carry:
            await carry(max(1, round(events * WARM_UP)))
            begun, worked = time.perf_counter(), time.process_time()
            await carry(events)
            return time.perf_counter() - begun, time.process_time() - worked

    seconds, worked = asyncio.run(run())
    deliveries = consumers * events
    return {"rate": deliveries / seconds, "cost": worked / deliveries * 1e6}


def carry_over(bus: EventBus, consumers: int) -> Carry:
    """Open the consumers' mailboxes; returns what carries events to all of them."""
    policy = DeliveryPolicy.block(CAPACITY)
    subscriptions = [bus.subscribe(PATTERN, policy) for _ in range(consumers)]

    async def publish(events: int) -> None:
        for number in range(events):
            await bus.publish(TOPIC, Note(TEXT, number), source="bench")

    async def consume(subscription: Subscription, last: int) -> None:
        async for event in subscription:
            if event.payload.number == last:
                return

    async def carry(events: int) -> None:
        await asyncio.gather(publish(events), *[consume(one, events - 1) for one in subscriptions])

    return carry
