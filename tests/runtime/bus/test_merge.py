"""Several mailboxes read as one."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensorium.bus import EventBus, Merged
from sensorium.clocks import VirtualClock, tasks_blocked
from sensorium.delivery import DeliveryPolicy
from sensorium.errors import BusClosed, BusError
from sensorium.events import NS_PER_MS
from sensorium.payloads import Interrupted, Text

pytestmark = pytest.mark.usefixtures("no_tasks")


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.booleans()), max_size=20))
def test_system_first_then_by_creation_then_by_subscription(
    plan: list[tuple[int, int, bool]],
) -> None:
    async def scenario() -> None:
        clock = VirtualClock()
        async with EventBus(clock) as bus:
            merged = Merged([bus.subscribe(f"t/{i}") for i in range(3)])
            published = []
            for index, pause, system in plan:
                clock._now += pause
                made = Interrupted("") if system else Text("")
                event = await bus.publish(f"t/{index}", made)
                published.append((not system, event.creation_time, index, event))
            expected = [
                (index, event.id)
                for _, _, index, event in sorted(published, key=lambda entry: entry[:3])
            ]
            got = []
            while (taken := merged.get_nowait()) is not None:
                got.append((taken[0], taken[1].id))
            assert got == expected

    asyncio.run(scenario())


async def test_no_mailbox_is_starved_by_a_busy_one() -> None:
    clock = VirtualClock()
    async with EventBus(clock) as bus:
        busy, quiet = bus.subscribe("busy", DeliveryPolicy.block(4)), bus.subscribe("quiet")
        merged = Merged([busy, quiet])
        for number in range(4):
            await bus.publish("busy", Text(str(number)))
        clock._now += 1
        await bus.publish("quiet", Text("quiet"))
        seen = []
        for _ in range(6):  # the busy one is refilled after every event
            clock._now += 1
            seen.append((await merged.get())[1].payload.text)
            if busy.pending < 4:
                await bus.publish("busy", Text("more"))
        assert seen.index("quiet") == 4


async def test_a_waiting_reader_is_woken_by_any_mailbox() -> None:
    async with EventBus() as bus:
        merged = Merged([bus.subscribe("a"), bus.subscribe("b")])
        for topic, index in (("b", 1), ("a", 0)):
            reader = asyncio.create_task(merged.get())
            await tasks_blocked()
            await bus.publish(topic, Text(topic))
            assert (await reader)[0] == index


async def test_closing_ends_the_reading_once_every_mailbox_is_closed() -> None:
    async with EventBus() as bus:
        first, second = bus.subscribe("a"), bus.subscribe("b")
        merged = Merged([first, second])
        reader = asyncio.create_task(merged.get())
        await tasks_blocked()
        first.close()
        await tasks_blocked()
        assert not reader.done()
        second.close()
        with pytest.raises(BusClosed, match="every subscription"):
            await reader


async def test_the_merge_of_nothing_waits_until_it_is_stopped() -> None:
    merged = Merged([])
    reader = asyncio.create_task(merged.get())
    await tasks_blocked()
    assert not reader.done()
    merged.stop()
    with pytest.raises(BusClosed, match="stopped"):
        await reader


@pytest.mark.parametrize("waiting", [True, False])
async def test_stop_ends_the_reading_at_once_and_for_good(waiting: bool) -> None:
    async with EventBus() as bus:
        mailbox = bus.subscribe("a")
        merged = Merged([mailbox])
        if waiting:
            reader = asyncio.create_task(merged.get())
            await tasks_blocked()
            merged.stop()
        else:
            merged.stop()
            merged.stop()
            reader = asyncio.create_task(merged.get())
        with pytest.raises(BusClosed, match="stopped"):
            await reader
        await bus.publish("a", Text("left where it is"))
        with pytest.raises(BusClosed):
            await merged.get()
        assert mailbox.pending == 1


async def test_a_mailbox_somebody_reads_is_not_taken_from_them() -> None:
    async with EventBus() as bus:
        first, second = bus.subscribe("a"), bus.subscribe("b")
        reader = asyncio.create_task(second.get())
        await tasks_blocked()
        with pytest.raises(BusError, match="one at a time"):
            await Merged([first, second]).get()
        await bus.publish("b", Text("x"))
        assert (await asyncio.wait_for(reader, 5)).payload.text == "x"
        await bus.publish("a", Text("y"))
        assert (await asyncio.wait_for(first.get(), 5)).payload.text == "y"


async def test_two_readers_of_one_merge_are_refused() -> None:
    async with EventBus() as bus:
        merged = Merged([bus.subscribe("a")])
        reader = asyncio.create_task(merged.get())
        await tasks_blocked()
        with pytest.raises(BusError, match="one at a time"):
            await merged.get()
        await bus.publish("a", Text("x"))
        assert (await asyncio.wait_for(reader, 5))[1].payload.text == "x"


async def test_what_grows_too_old_makes_room_for_who_waits() -> None:
    clock = VirtualClock()
    async with EventBus(clock) as bus:
        merged = Merged([bus.subscribe("a", DeliveryPolicy.parse("block(1)+max_age(10)"))])
        await bus.publish("a", Text("old"))
        waiting = asyncio.create_task(
            bus.publish("a", Text("young"), originating_time=20 * NS_PER_MS)
        )
        await tasks_blocked()
        await clock.advance(0.020)
        assert (await asyncio.wait_for(merged.get(), 5))[1].payload.text == "young"
        await waiting
