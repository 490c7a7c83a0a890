"""The bus: routes, order, back-pressure, and how publishing ends."""

from __future__ import annotations

import asyncio

import pytest
from bus_events import Frame, drain, names

from sensorium.bus import EventBus, Subscription, bus, subscription
from sensorium.clocks import VirtualClock, tasks_blocked
from sensorium.delivery import DeliveryPolicy
from sensorium.errors import BusClosed, BusError, MailboxFull, TopicError
from sensorium.events import AnyEvent
from sensorium.payloads import Interrupted, Text, UserTurn

pytestmark = pytest.mark.usefixtures("no_tasks")


async def test_events_reach_every_mailbox_their_topic_falls_under() -> None:
    async with EventBus(VirtualClock(start=5)) as bus:
        exact, one, every = (bus.subscribe(p) for p in ("a/b", "a/+", "#"))
        other = bus.subscribe("b/#")
        event = await bus.publish("a/b", Text("hi"), source="s", originating_time=3)
        assert (event.id, event.originating_time, event.creation_time) == ("s#0", 3, 5)
        assert [m.get_nowait() for m in (exact, one, every, other)] == [event] * 3 + [None]


async def test_a_source_counts_its_events_without_gaps() -> None:
    async with EventBus() as bus:
        for topic in ("a", "bad/+", "b"):
            try:
                last = await bus.publish(topic, Text(""), source="s")
            except TopicError:
                with pytest.raises(TopicError):
                    bus.publish_nowait(topic, Text(""), source="s")
        assert last.id == "s#1"
        assert bus.publish_nowait("a", Text(""), source="t").id == "t#0"


# --- routes ---------------------------------------------------------------------------------


async def test_a_new_subscription_hears_topics_that_were_published_before() -> None:
    async with EventBus() as bus:
        await bus.publish("a", Text("1"))
        mailbox = bus.subscribe("a")
        await bus.publish("a", Text("2"))
        assert [e.payload.text for e in drain(mailbox)] == ["2"]


async def test_a_closed_subscription_hears_nothing_more() -> None:
    async with EventBus() as bus:
        mailbox, stays = bus.subscribe("a"), bus.subscribe("#")
        await bus.publish("a", Text("1"))
        mailbox.close()
        mailbox.close()
        await bus.publish("a", Text("2"))
        counts = mailbox.statistics()
        assert (counts.published, counts.dropped) == (1, {"closed": 1})
        assert len(drain(stays)) == 2
        assert [s.name for s in bus.statistics()] == [stays.name]


async def test_topics_that_are_made_up_do_not_make_the_bus_grow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bus, "ROUTES_REMEMBERED", 16)
    async with EventBus() as carrier:
        mailbox = carrier.subscribe("#", DeliveryPolicy.block(1000))
        for number in range(200):
            await carrier.publish(f"made/up/{number}", Text(""))
            await carrier.publish(f"made/up/system/{number}", Interrupted(""))
            carrier.publish_nowait(f"made/up/now/{number}", Text(""))
            assert len(carrier._routes) <= 16
            assert len(carrier._members) <= 16
            drain(mailbox)
        assert mailbox.statistics().delivered == 600


async def test_a_closed_bus_refuses_publishers_and_subscribers() -> None:
    carrier = EventBus()
    await carrier.publish("a", Text("remembered"))  # with no subscription at all
    mailbox = carrier.subscribe("b")
    carrier.close()
    with pytest.raises(BusClosed):
        await carrier.publish("a", Text(""))
    with pytest.raises(BusClosed):
        carrier.publish_nowait("a", Text(""))
    with pytest.raises(BusClosed):
        await carrier.publish("b", Interrupted(""))
    with pytest.raises(BusClosed):
        carrier.subscribe("a")
    with pytest.raises(BusClosed):
        await mailbox.get()
    assert [event async for event in mailbox] == []


async def test_a_bus_with_no_subscription_left_refuses_publishers_once_closed() -> None:
    carrier = EventBus()
    event = await carrier.publish("a", Text(""))
    carrier.close()
    for publishing in (carrier.publish("a", Text("")), carrier.deliver(event)):
        with pytest.raises(BusClosed):
            await publishing


# --- block ----------------------------------------------------------------------------------


async def test_publishers_that_wait_come_in_in_the_order_of_their_calls() -> None:
    async with EventBus() as carrier:
        mailbox = carrier.subscribe("#", DeliveryPolicy.block(2))
        woken: list[int] = []

        async def publish(number: int) -> None:
            await carrier.publish("a", Frame(number), source=f"s{number}")
            woken.append(number)

        tasks = [asyncio.create_task(publish(number)) for number in range(6)]
        await tasks_blocked()
        assert woken == [0, 1]
        assert mailbox.statistics().waiting == 4
        taken = []
        for expected in range(6):
            taken.append(await mailbox.get())
            await tasks_blocked()
            assert woken == list(range(min(6, expected + 3)))
        assert [e.payload.number for e in taken] == list(range(6))
        await asyncio.gather(*tasks)


async def test_the_event_of_a_cancelled_publisher_is_never_delivered() -> None:
    async with EventBus() as carrier:
        full = carrier.subscribe("#", DeliveryPolicy.block(1))
        roomy = carrier.subscribe("#")
        tasks = [
            asyncio.create_task(carrier.publish("a", Frame(n), source=f"s{n}")) for n in range(3)
        ]
        await tasks_blocked()
        tasks[1].cancel()
        # Room appears in the same turn, before the cancelled publisher has run.
        assert full.get_nowait() is not None
        await tasks_blocked()
        assert names(drain(full)) == ["s2#0"]
        assert tasks[1].cancelled()
        assert names(drain(roomy)) == ["s0#0", "s1#0", "s2#0"]
        counts = full.statistics()
        assert (counts.published, counts.delivered, counts.waiting) == (2, 2, 0)


async def test_a_full_mailbox_does_not_delay_the_others() -> None:
    async with EventBus() as carrier:
        slow = carrier.subscribe("#", DeliveryPolicy.block(1), name="slow")
        fast = carrier.subscribe("#")
        await carrier.publish("a", Frame(0))
        waiting = asyncio.create_task(carrier.publish("a", Frame(1)))
        await tasks_blocked()
        assert not waiting.done()
        assert len(drain(fast)) == 2
        slow.close()
        await waiting  # closing lets the publisher go on


async def test_publish_nowait_gives_up_where_nothing_may_be_dropped() -> None:
    async with EventBus() as carrier:
        slow = carrier.subscribe("#", DeliveryPolicy.block(1), name="slow")
        fast = carrier.subscribe("#")
        carrier.publish_nowait("a", Frame(0), source="s")
        with pytest.raises(MailboxFull, match="'slow'") as raised:
            carrier.publish_nowait("a", Frame(1), source="s")
        assert raised.value.subscription == "slow"
        assert raised.value.retryable
        assert slow.statistics().waiting == 0
        assert names(drain(slow)) == ["s#0"]
        assert names(drain(fast)) == ["s#0", "s#1"]
        carrier.publish_nowait("a", Frame(2), source="s")  # there is room again
        assert names(drain(slow)) == ["s#2"]


async def test_control_waits_even_where_data_is_dropped() -> None:
    async with EventBus() as carrier:
        mailbox = carrier.subscribe("#", DeliveryPolicy.latest())
        await carrier.publish("a", UserTurn("one"))
        waiting = asyncio.create_task(carrier.publish("a", UserTurn("two")))
        await tasks_blocked()
        await carrier.publish("a", Frame(1))  # gives way to control, without waiting
        assert not waiting.done()
        assert [(await mailbox.get()).payload.text for _ in range(2)] == ["one", "two"]
        assert mailbox.statistics().dropped == {"full": 1}
        await waiting


# --- system ---------------------------------------------------------------------------------


async def test_system_events_jump_the_queue_and_need_no_room() -> None:
    async with EventBus() as carrier:
        mailbox = carrier.subscribe("#", DeliveryPolicy.block(1))
        await carrier.publish("a", Frame(0), source="s")
        for _ in range(3):
            await carrier.publish("system/interrupted", Interrupted(""), source="i")
        assert names(drain(mailbox)) == ["i#0", "i#1", "i#2", "s#0"]


async def test_system_events_stay_in_order_when_even_their_lane_is_full(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(subscription, "SYSTEM_CAPACITY", 1)
    async with EventBus() as carrier:
        mailbox = carrier.subscribe("#", DeliveryPolicy.block(1))
        await carrier.publish("a", Frame(0), source="data")
        data = asyncio.create_task(carrier.publish("a", Frame(1), source="data"))
        await tasks_blocked()  # data waits in front of the system events
        await carrier.publish("b", Interrupted(""), source="i")
        waiting = [
            asyncio.create_task(carrier.publish("b", Interrupted(""), source="i")) for _ in range(3)
        ]
        await tasks_blocked()
        assert names(drain(mailbox)) == ["i#0", "i#1", "i#2", "i#3", "data#0", "data#1"]
        await asyncio.gather(data, *waiting)


# --- readers --------------------------------------------------------------------------------


async def test_one_reader_at_a_time() -> None:
    async with EventBus() as carrier:
        mailbox = carrier.subscribe("#")
        reader = asyncio.create_task(mailbox.get())
        await tasks_blocked()
        with pytest.raises(BusError, match="one at a time"):
            await mailbox.get()
        await carrier.publish("a", Text("for the first"))
        assert (await reader).payload.text == "for the first"


async def test_a_cancelled_reader_leaves_the_mailbox_whole() -> None:
    async with EventBus() as carrier:
        mailbox = carrier.subscribe("#")
        reader = asyncio.create_task(mailbox.get())
        await tasks_blocked()
        await carrier.publish("a", Text("x"))
        reader.cancel()  # woken and cancelled in one turn
        await asyncio.wait([reader])
        event = reader.result() if not reader.cancelled() else await mailbox.get()
        assert event.payload.text == "x"
        assert mailbox.statistics().delivered == 1


async def test_iteration_ends_when_the_mailbox_closes() -> None:
    async with EventBus() as carrier:
        mailbox = carrier.subscribe("#")
        reader = asyncio.create_task(_collect(mailbox))
        await carrier.publish("a", Text("1"))
        await tasks_blocked()
        mailbox.close()
        assert [e.payload.text for e in await reader] == ["1"]


async def _collect(mailbox: Subscription) -> list[AnyEvent]:
    return [event async for event in mailbox]
