"""What a mailbox gives up, and in which order, under each policy."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from bus_events import Frame, Sound, drain

from sensorium.bus import EventBus
from sensorium.clocks import VirtualClock, tasks_blocked
from sensorium.delivery import DeliveryPolicy, DropReason
from sensorium.events import NS_PER_MS
from sensorium.payloads import Metric, Payload, Text, UserTurn

pytestmark = pytest.mark.usefixtures("no_tasks")


async def test_load_is_shed_in_the_stated_order() -> None:
    async with EventBus() as carrier:
        mailbox = carrier.subscribe("#", DeliveryPolicy.drop_oldest(5))
        held: list[Payload] = [
            Text("derived"), Sound(1), Frame(1), Metric("m", 1, ""), UserTurn("control"),
        ]  # fmt: skip
        for made in held:
            await carrier.publish("a", made)
        left = []
        for _ in range(5):
            await carrier.publish("a", UserTurn("more")) if len(left) < 4 else None
            left.append([type(e.payload).__name__ for e in mailbox._queue])
        assert left == [
            ["Text", "Sound", "Frame", "UserTurn", "UserTurn"],
            ["Text", "Sound", "UserTurn", "UserTurn", "UserTurn"],
            ["Text", "UserTurn", "UserTurn", "UserTurn", "UserTurn"],
            ["UserTurn"] * 5,
            ["UserTurn"] * 5,
        ]
        assert mailbox.statistics().dropped == {"full": 4}


async def test_a_newcomer_that_is_shed_first_is_the_one_given_up() -> None:
    async with EventBus() as carrier:
        mailbox = carrier.subscribe("#", DeliveryPolicy.drop_oldest(2))
        for made in (Sound(1), Sound(2), Frame(3), Sound(4)):
            await carrier.publish("a", made)
        assert [e.payload.number for e in drain(mailbox)] == [2, 4]


async def test_latest_keeps_the_newest() -> None:
    async with EventBus() as carrier:
        mailbox = carrier.subscribe("#", DeliveryPolicy.latest())
        for number in range(5):
            await carrier.publish("a", Frame(number))
        assert [e.payload.number for e in drain(mailbox)] == [4]
        assert mailbox.statistics().dropped == {"superseded": 4}


async def test_a_guarantee_keeps_an_event_in_a_mailbox_that_drops() -> None:
    policy = DeliveryPolicy.drop_oldest(2).guaranteeing(lambda event: event.payload.number % 2 == 0)
    async with EventBus() as carrier:
        mailbox = carrier.subscribe("#", policy)
        for number in (0, 1, 3, 2):
            await carrier.publish("a", Frame(number))
        assert [e.payload.number for e in drain(mailbox)] == [0, 2]


async def test_max_age_counts_from_the_originating_time_at_the_moment_of_taking() -> None:
    clock = VirtualClock()
    async with EventBus(clock) as carrier:
        mailbox = carrier.subscribe("#", DeliveryPolicy.max_age(10))
        for born in (0, 5, 2, 9):
            await carrier.publish("a", Frame(born), originating_time=born * NS_PER_MS)
        await carrier.publish("a", UserTurn("control"), originating_time=0)
        await clock.advance(0.010)
        assert mailbox.peek() is not None
        assert (await mailbox.get()).payload.number == 0  # exactly 10 ms is not yet too old
        await clock.advance(0.005)
        assert [getattr(e.payload, "number", "control") for e in drain(mailbox)] == [
            5, 9, "control",
        ]  # fmt: skip
        assert mailbox.statistics().dropped == {"too_old": 1}


@pytest.mark.parametrize("how", ["get", "iterate"])
async def test_a_publisher_gets_room_when_what_filled_the_mailbox_grows_too_old(how: str) -> None:
    clock = VirtualClock()
    async with EventBus(clock) as carrier:
        mailbox = carrier.subscribe("#", DeliveryPolicy.parse("block(1)+max_age(10)"))
        await carrier.publish("a", Frame(0))
        waiting = asyncio.create_task(carrier.publish("a", Frame(1), originating_time=NS_PER_MS))
        await tasks_blocked()
        await clock.advance(0.0105)
        reading: Any = mailbox.get() if how == "get" else anext(aiter(mailbox))
        assert (await asyncio.wait_for(reading, 5)).payload.number == 1
        await waiting


async def test_throttle_takes_at_most_so_many_a_second_by_creation_time() -> None:
    clock = VirtualClock()
    async with EventBus(clock) as carrier:
        mailbox = carrier.subscribe("#", DeliveryPolicy.throttle(10))
        taken_at = []
        for _ in range(40):  # 100 events a second
            event = await carrier.publish("a", Frame(0))
            if mailbox.get_nowait() is event:
                taken_at.append(clock.now() // NS_PER_MS)
            await clock.advance(0.010)
        assert taken_at == [0, 100, 200, 300]
        await carrier.publish("a", UserTurn("control is not throttled"))
        assert mailbox.pending == 1
        assert mailbox.statistics().dropped == {"throttled": 36}


async def test_a_clock_that_is_set_back_does_not_shut_a_throttled_mailbox() -> None:
    clock = VirtualClock(start=10**18)
    async with EventBus(clock) as carrier:
        mailbox = carrier.subscribe("#", DeliveryPolicy.throttle(1))
        await carrier.publish("a", Frame(0))
        clock._now -= 3600 * 10**9
        await carrier.publish("a", Frame(1))
        assert [e.payload.number for e in drain(mailbox)] == [0, 1]


async def test_discard_gives_up_data_alone_and_what_publishers_hold_too() -> None:
    async with EventBus() as carrier:
        mailbox = carrier.subscribe("#", DeliveryPolicy.block(2))
        await carrier.publish("a", Frame(0))
        await carrier.publish("a", UserTurn("kept"))
        waiting = [
            asyncio.create_task(carrier.publish("a", made))
            for made in (Frame(1), UserTurn("kept too"), Frame(2))
        ]
        await tasks_blocked()
        gone = mailbox.discard(
            DropReason.INTERRUPTED, lambda event: getattr(event.payload, "number", 0) < 2
        )
        assert gone == 2
        await tasks_blocked()
        assert [task.done() for task in waiting] == [True, True, False]
        left = []
        while (event := mailbox.get_nowait()) is not None:
            left.append(type(event.payload).__name__)
        assert left == ["UserTurn", "UserTurn", "Frame"]
        counts = mailbox.statistics()
        assert (counts.published, counts.dropped) == (5, {"interrupted": 2})
        await asyncio.gather(*waiting)
