"""Messages stamped by the clock of another machine, through a real broker."""

from __future__ import annotations

import asyncio
import json
import time

import pytest

from sensorium import VirtualClock
from sensorium.errors import BadInput
from sensorium.events import NS_PER_MS, NS_PER_S
from sensorium.payloads import ClockEstimate
from sensorium_plugins.bridges.clocks import CLOCKS, ClockBook
from sensorium_plugins.bridges.mqtt_link import _links

PATIENCE = 10.0
AHEAD = 90 * NS_PER_S  # the device's clock is a minute and a half ahead


async def test_the_time_of_a_devices_own_clock_is_put_right(broker, agent, heard):
    route = {"topic": "dev/+/x", "to": "dev/{1}", "into": "values", "time": "at", "clock": "{1}"}
    plain = {"topic": "raw/+", "into": "values", "time": "at"}
    session = agent({"mqtt_in": {"connection": broker.connection, "routes": [route, plain]}})
    events, estimates = heard(session, "dev/+"), heard(session, "system/clock_estimate")
    raw = heard(session, "mqtt/raw/+")
    errors = []
    async with session, broker.client() as client:
        (link,) = _links[session.clock]
        await asyncio.wait_for(link.up.wait(), PATIENCE)
        for number in range(20):
            made = time.time_ns()
            message = json.dumps({"at": made + AHEAD, "n": number})
            await client.publish("dev/lamp/x", message, qos=1)
            event = await events.next()
            errors.append(event.originating_time - made)
            assert event.payload.values == {"n": number}
            assert event.originating_time <= event.creation_time
        told = (await estimates.next()).payload
        await client.publish("raw/lamp", json.dumps({"at": made + AHEAD}), qos=1)
        assert (await raw.next()).originating_time == made + AHEAD  # as it says, without a clock
    assert max(errors[1:]) < NS_PER_S
    assert min(errors) >= 0
    assert (told.component, told.clock) == ("mqtt_in", "lamp")
    assert abs(told.offset_ns + AHEAD) < NS_PER_S


async def test_a_clock_is_told_of_at_first_now_and_then_and_when_it_jumps():
    told = []

    async def announce(payload):
        told.append(payload)

    clock = VirtualClock(1000 * NS_PER_S)
    book = ClockBook("bridge", clock, announce)
    for number in range(300):
        await clock.advance(0.1)
        own = clock.now() - 5 * NS_PER_S + (3600 * NS_PER_S if number >= 250 else 0)
        corrected = await book.correct("lamp", own, clock.now() + 3 * NS_PER_MS)
        assert abs(corrected - clock.now()) <= 4 * NS_PER_MS
    assert all(isinstance(one, ClockEstimate) for one in told)
    assert [one.resets for one in told] == [0, 0, 0, 1]
    assert told[-1].offset_ns == -3595 * NS_PER_S + 3 * NS_PER_MS


async def test_clocks_are_not_made_up_without_end():
    async def announce(payload):
        pass

    book = ClockBook("bridge", VirtualClock(), announce)
    for number in range(CLOCKS):
        await book.correct(str(number), 0, 1)
    with pytest.raises(BadInput, match="'one more', and 256 are known"):
        await book.correct("one more", 0, 1)
    assert await book.correct("7", 1, 2) == 2


def test_a_clock_whose_name_has_a_place_that_is_not_there_is_refused():
    from pydantic import ValidationError

    from sensorium_plugins.bridges.mqtt_in import InRoute

    with pytest.raises(ValidationError):
        InRoute(topic="a/b", clock="{1}")
