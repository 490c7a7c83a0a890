"""Ages, waits and processing times of edges; and nothing of it all when it is off."""

from __future__ import annotations

from typing import Any

import pytest
from session_parts import Picky, Shouting, send

from sensorium.bus import EventBus, Subscription
from sensorium.clocks import VirtualClock
from sensorium.components import Input, Perceiver
from sensorium.delivery import DeliveryPolicy
from sensorium.events import NS_PER_MS
from sensorium.payloads import Text
from sensorium.session import Session
from sensorium.settings import load_settings
from sensorium.telemetry.edges import MeteredSubscription, meter_of
from sensorium.telemetry.histogram import ERROR


def near(ms: float) -> Any:
    return pytest.approx(ms * NS_PER_MS, rel=ERROR)


def metered(clock: VirtualClock, policy: DeliveryPolicy | None = None) -> tuple[EventBus, Any]:
    bus = EventBus(clock)
    bus.subscription_class = MeteredSubscription
    return bus, bus.subscribe("text/+", policy)


async def test_age_counts_from_the_sensor_and_wait_from_creation(clock: VirtualClock) -> None:
    bus, mailbox = metered(clock)
    sensed = clock.now()
    await clock.advance(0.030)
    await bus.publish("text/a", Text("x"), originating_time=sensed)
    await clock.advance(0.020)
    assert mailbox.get_nowait() is not None
    assert mailbox.meter.age.quantile(0.5) == near(50)
    assert mailbox.meter.wait.quantile(0.5) == near(20)
    bus.close()


@pytest.mark.parametrize("way", ["get", "iterate"])
async def test_each_event_that_is_taken_is_measured_once(clock: VirtualClock, way: str) -> None:
    bus, mailbox = metered(clock)
    for number in range(5):
        await bus.publish("text/a", Text(str(number)))
    taken = []
    if way == "get":
        taken = [await mailbox.get() for _ in range(5)]
    else:
        async for event in mailbox:
            taken.append(event)
            if len(taken) == 5:
                break
    assert [event.sequence for event in taken] == list(range(5))
    assert mailbox.meter.age.count == mailbox.statistics().delivered == 5
    bus.close()
    assert [event async for event in mailbox] == []


async def test_what_is_dropped_is_not_measured(clock: VirtualClock) -> None:
    bus, mailbox = metered(clock, DeliveryPolicy.latest())
    for number in range(5):
        await bus.publish("text/a", Text(str(number)))
    assert mailbox.get_nowait().sequence == 4
    assert mailbox.get_nowait() is None
    assert mailbox.meter.age.count == 1
    assert mailbox.statistics().dropped == {"superseded": 4}
    bus.close()


async def test_a_component_is_timed_for_each_input(running: Any) -> None:
    class Two(Perceiver):
        takes = {"text": Input("text/+", Text), "loud": Input("loud/+", Text)}

        async def process(self, event: Any, emit: Any) -> None:
            pass

    async with running({"shouting": Shouting, "two": Two}) as session:
        await send(session, "a", "b", "c")
        await session.settled()
        meters = {s.name: meter_of(s) for s in session.bus.subscriptions}
        assert meters["two.text"].processing.count == 3
        assert meters["two.loud"].processing.count == 3
        assert meters["shouting.text"].processing.total > 0


async def test_an_event_at_which_a_component_fails_is_timed_too(running: Any) -> None:
    settings = {"components": {"picky": {"on_error": {"action": "skip"}}}}
    async with running({"picky": Picky}, settings) as session:
        await send(session, "good", "bad", "good")
        await session.settled()
        (meter,) = [meter_of(s) for s in session.bus.subscriptions if s.name == "picky.text"]
        assert meter.processing.count == 3
        assert session.runners["picky"].failure is None


async def test_off_means_the_plain_classes_and_no_task() -> None:
    settings = load_settings(environ={}, overrides={"watchdog": {"enabled": False}})
    async with Session(settings) as session:
        assert session.telemetry is None
        assert session.console is None
        assert session.bus.subscription_class is Subscription
        assert type(session.bus.subscribe("a")) is Subscription
        assert not [task for task in session.scope._tasks if "turn" in task.get_name()]
