"""Many publishers and readers at once, in random turns."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensorium.bus import EventBus, Subscription
from sensorium.clocks import VirtualClock, tasks_blocked
from sensorium.delivery import DeliveryPolicy, EventClass
from sensorium.events import AnyEvent
from sensorium.payloads import Interrupted, Metric, Payload, Shed, Text, UserTurn, payload

pytestmark = pytest.mark.usefixtures("no_tasks")


@payload("test.frame", shed=Shed.VIDEO)
class Frame(Payload):
    number: int


@payload("test.sound", shed=Shed.AUDIO)
class Sound(Payload):
    number: int


kinds = st.sampled_from([Metric, Frame, Sound, Text, UserTurn, Interrupted])
MAKE: dict[type[Payload], Any] = {
    Metric: lambda n: Metric("m", n, ""),
    Frame: Frame,
    Sound: Sound,
    Text: lambda n: Text(str(n)),
    UserTurn: lambda n: UserTurn(str(n)),
    Interrupted: lambda n: Interrupted(str(n)),
}


@given(
    plans=st.lists(st.lists(st.tuples(kinds, st.integers(0, 3)), max_size=12), max_size=4),
    mailboxes=st.lists(
        st.tuples(st.sampled_from(["block(2)", "latest", "drop_oldest(3)"]), st.integers(0, 4)),
        min_size=1,
        max_size=3,
    ),
    cancel_at=st.none() | st.integers(1, 30),
    close_at=st.none() | st.integers(1, 30),
)
def test_concurrent_publishers_and_readers_lose_nothing_uncounted(
    plans: list[list[tuple[type[Payload], int]]],
    mailboxes: list[tuple[str, int]],
    cancel_at: int | None,
    close_at: int | None,
) -> None:
    async def publish(carrier: EventBus, name: str, plan: list[tuple[type[Payload], int]]) -> None:
        for number, (kind, turns) in enumerate(plan):
            await carrier.publish(f"{name}/x", MAKE[kind](number), source=name)
            for _ in range(turns):
                await asyncio.sleep(0)

    async def read(mailbox: Subscription, pace: int, got: list[AnyEvent]) -> None:
        async for event in mailbox:
            got.append(event)
            for _ in range(pace):
                await asyncio.sleep(0)

    def check(mailbox: Subscription) -> None:
        counts = mailbox.statistics()
        assert counts.published == counts.delivered + sum(counts.dropped.values()) + counts.pending
        assert len(mailbox._queue) <= mailbox.policy.capacity

    async def scenario() -> None:
        async with EventBus(VirtualClock()) as carrier:
            boxes = [carrier.subscribe("#", DeliveryPolicy.parse(text)) for text, _ in mailboxes]
            got: list[list[AnyEvent]] = [[] for _ in boxes]
            readers = [
                asyncio.create_task(read(box, pace, into))
                for box, (_, pace), into in zip(boxes, mailboxes, got, strict=True)
            ]
            publishers = [
                asyncio.create_task(publish(carrier, f"p{i}", plan)) for i, plan in enumerate(plans)
            ]
            turn = 0
            while any(not task.done() for task in publishers):
                turn += 1
                assert turn < 5000
                if turn == cancel_at:
                    publishers[0].cancel()
                if turn == close_at:
                    boxes[0].close()
                await asyncio.sleep(0)
                for box in boxes:
                    check(box)
            await tasks_blocked()
            cancelled = any(task.cancelled() for task in publishers)
            published = sum(len(plan) for plan in plans)
            for box, events in zip(boxes, got, strict=True):
                counts = box.statistics()
                assert (counts.pending, counts.waiting) == (0, 0)
                assert counts.delivered == len(events)
                if not cancelled and not box.closed:
                    assert counts.published == published
                    kept = [e for e in events if e.event_class is not EventClass.DATA]
                    sent = [k for plan in plans for k, _ in plan if k in (UserTurn, Interrupted)]
                    assert len(kept) == len(sent)
                for index in range(len(plans)):
                    data = [
                        e.sequence
                        for e in events
                        if e.source == f"p{index}" and e.event_class is not EventClass.SYSTEM
                    ]
                    assert data == sorted(set(data))
        await asyncio.gather(*readers)
        await asyncio.gather(*publishers, return_exceptions=True)

    asyncio.run(scenario())
