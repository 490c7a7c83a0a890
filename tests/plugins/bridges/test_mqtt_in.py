from __future__ import annotations

import asyncio
import io
import json

import aiomqtt
import numpy as np
import pytest

from sensorium.delivery import DeliveryPolicy
from sensorium.events import Event
from sensorium.payloads import Image, State, Text
from sensorium.payloads.codec import event_to_json
from sensorium_plugins.bridges.mqtt_link import _links

PATIENCE = 10.0


async def connected(session) -> None:
    """Wait until the session's connection stands, with its subscriptions."""
    (link,) = _links[session.clock]
    await asyncio.wait_for(link.up.wait(), PATIENCE)


async def test_routes_make_events_of_messages(broker, agent, heard):
    routes = [
        {"topic": "house/+/lamp", "to": "state/{1}/lamp", "into": "values", "time": "at"},
        {"topic": "said/#", "format": "text"},
        {"topic": "other/#", "format": "event"},
    ]
    session = agent({"mqtt_in": {"connection": broker.connection, "routes": routes}})
    states, texts = heard(session, "state/#"), heard(session, "mqtt/#")
    async with session, broker.client() as client:
        await connected(session)
        lamp = {"on": True, "level": 3, "at": 1_700_000_000.5}
        await client.publish("house/kitchen/lamp", json.dumps(lamp), qos=1)
        await client.publish("said/by/me", "grüezi", qos=1)
        elsewhere = Event("words", Text("hello"), 12345, 12350, "ear", 7)
        await client.publish("other/agent", json.dumps(event_to_json(elsewhere)), qos=1)
        state = await states.next()
        assert state.topic == "state/kitchen/lamp"
        assert isinstance(state.payload, State)
        assert state.payload.values == {"on": True, "level": 3}
        assert state.originating_time == 1_700_000_000_500_000_000
        text = await texts.next()
        assert (text.topic, text.payload.text) == ("mqtt/said/by/me", "grüezi")
        assert abs(text.originating_time - text.creation_time) < 1_000_000_000
        event = await texts.next()
        assert (event.topic, event.payload.text) == ("mqtt/other/agent", "hello")
        assert (event.originating_time, event.source) == (12345, "mqtt_in")


@pytest.mark.parametrize("form", ["jpeg", "png"])
async def test_pictures_become_images(broker, agent, heard, form):
    from PIL import Image as Pillow

    pixels = np.zeros((48, 64, 3), np.uint8)
    pixels[:, :32] = (250, 10, 10)
    file = io.BytesIO()
    Pillow.fromarray(pixels).save(file, form.upper(), quality=95)
    route = {"topic": "cam/+", "to": "camera/{1}/image", "format": form}
    session = agent({"mqtt_in": {"connection": broker.connection, "routes": [route]}})
    images = heard(session, "camera/+/image")
    async with session, broker.client() as client:
        await connected(session)
        await client.publish("cam/door", file.getvalue(), qos=1)
        event = await images.next()
    assert event.topic == "camera/door/image"
    assert isinstance(event.payload, Image)
    assert event.payload.data.shape == (48, 64, 3)
    assert np.abs(event.payload.data.astype(int) - pixels).mean() < 3


async def test_a_malformed_message_is_announced_and_costs_nothing_else(broker, agent, heard):
    routes = [
        {"topic": "a", "payload": "state"},
        {"topic": "t", "format": "text"},
        {"topic": "p", "format": "png"},
    ]
    session = agent(
        {"mqtt_in": {"connection": broker.connection, "routes": routes, "max_bytes": 1000}}
    )
    states, failed = heard(session, "mqtt/#"), heard(session, "system/component_failed")
    bad = [("a", b"{"), ("a", b"[1]"), ("a", b'{"values": 3}'), ("a", b"\xff"), ("t", b"\xff\xfe")]
    bad += [("p", b"\x89PNG not really"), ("t", b"x" * 1001), ("a", b"[" * 900)]
    async with session, broker.client() as client:
        await connected(session)
        for number, (topic, data) in enumerate(bad):
            await client.publish(topic, data, qos=1)
            good = json.dumps({"values": {"number": number}})
            await client.publish("a", good, qos=1)
        got = [(await states.next()).payload.values["number"] for _ in bad]
        assert got == list(range(len(bad)))
        complaint = (await failed.next()).payload
        assert (complaint.component, complaint.action) == ("mqtt_in", "skip")
        assert "'a' left out" in complaint.error
        runner = session.runners["mqtt_in"]
        assert runner._component.malformed == len(bad)
        assert not runner.ended.is_set()


async def test_retained_messages_come_or_stay_away(broker, agent, heard):
    async with broker.client() as client:
        await client.publish("kept/a", "old", qos=1, retain=True)
        await client.publish("left/a", "old", qos=1, retain=True)
    routes = [
        {"topic": "kept/+", "format": "text"},
        {"topic": "left/+", "format": "text", "retained": False},
    ]
    session = agent({"mqtt_in": {"connection": broker.connection, "routes": routes}})
    texts = heard(session, "mqtt/#")
    async with session, broker.client() as client:
        await connected(session)
        assert (await texts.next()).topic == "mqtt/kept/a"
        await client.publish("left/a", "new", qos=1)
        event = await texts.next()
        assert (event.topic, event.payload.text) == ("mqtt/left/a", "new")


async def test_a_session_ends_though_aiomqtt_forgets_its_cancellation(broker, agent, monkeypatch):
    answered, forgotten = asyncio.Event(), []
    subscribe = aiomqtt.Client.subscribe

    async def slow(self, *args, **options):
        codes = await subscribe(self, *args, **options)
        answered.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError as error:  # as asyncio.wait_for does before Python 3.12
            forgotten.append(error)
        return codes

    monkeypatch.setattr(aiomqtt.Client, "subscribe", slow)
    route = {"topic": "said/#", "format": "text"}
    async with agent({"mqtt_in": {"connection": broker.connection, "routes": [route]}}) as session:
        await asyncio.wait_for(answered.wait(), PATIENCE)
        assert _links[session.clock]
    assert forgotten
    assert not _links[session.clock]


async def test_what_came_while_away_is_delivered_later(broker, agent, heard):
    connection = broker.connection | {"client_id": "agent", "clean_session": False}
    options = {"connection": connection, "routes": [{"topic": "q/+", "format": "text"}]}
    async with agent({"mqtt_in": options}) as first:
        await connected(first)
    async with broker.client() as client:
        for number in range(5):
            await client.publish("q/a", str(number), qos=1)
    second = agent({"mqtt_in": options})
    texts = heard(second, "mqtt/#")
    async with second:
        assert [(await texts.next()).payload.text for _ in range(5)] == list("01234")


async def test_a_message_is_acknowledged_only_once_it_was_delivered(mosquitto, agent, heard):
    # amqtt does not deliver again what a client left unacknowledged, so it cannot show this.
    connection = mosquitto.connection | {"client_id": "agent", "clean_session": False}
    options = {"connection": connection, "routes": [{"topic": "q/+", "format": "text"}]}
    first = agent({"mqtt_in": options})
    stuck = first.bus.subscribe("mqtt/#", DeliveryPolicy.block(1))
    async with first, mosquitto.client() as client:
        await connected(first)
        for number in range(3):
            await client.publish("q/a", str(number), qos=1)
        while not stuck.statistics().waiting:  # 0 is delivered; 1 has no room and is waited for
            await asyncio.sleep(0)
    second = agent({"mqtt_in": options})
    texts = heard(second, "mqtt/#")
    async with second:
        assert [(await texts.next()).payload.text for _ in range(2)] == list("12")


async def test_a_session_at_the_broker_outlives_its_restart(mosquitto, agent, heard):
    connection = mosquitto.connection | {"client_id": "agent", "clean_session": False}
    options = {"connection": connection, "routes": [{"topic": "q/+", "format": "text"}]}
    async with agent({"mqtt_in": options}) as first:
        await connected(first)
    async with mosquitto.client() as client:
        for number in range(5):
            await client.publish("q/a", str(number), qos=1)
    await mosquitto.stop()
    assert mosquitto.is_down()
    second = agent({"mqtt_in": options})
    texts, states = heard(second, "mqtt/#"), heard(second, "system/source_state")
    async with second:
        assert (await states.next()).payload.state == "lost"
        await mosquitto.start()
        assert (await states.next()).payload.state == "restored"
        assert [(await texts.next()).payload.text for _ in range(5)] == list("01234")


async def test_version_5_carries_the_originating_time(mosquitto, agent, heard):
    connection = mosquitto.connection | {"protocol": "5"}
    session = agent(
        {
            "mqtt_in": {"connection": connection, "routes": [{"topic": "s/#", "format": "text"}]},
            "mqtt_out": {"connection": connection, "routes": [{"from": "said", "topic": "s/x"}]},
            "mqtt_out-text": {
                "connection": connection,
                "routes": [{"from": "told", "topic": "s/y", "format": "text"}],
            },
        }
    )
    texts = heard(session, "mqtt/#")
    async with session:
        await connected(session)
        await session.bus.publish("told", Text("hi"), source="me", originating_time=4242)
        event = await texts.next()
    assert (event.topic, event.payload.text, event.originating_time) == ("mqtt/s/y", "hi", 4242)


async def test_subscriptions_come_back_with_the_broker(broker, agent, heard):
    options = {"connection": broker.connection, "routes": [{"topic": "q/+", "format": "text"}]}
    session = agent({"mqtt_in": options})
    texts, states = heard(session, "mqtt/#"), heard(session, "system/source_state")
    async with session:
        await connected(session)
        await broker.kill()
        assert broker.is_down()
        assert (await states.next()).payload.state == "lost"
        await broker.start()
        assert (await states.next()).payload.state == "restored"
        async with broker.client() as client:
            await client.publish("q/a", "back", qos=1)
        assert (await texts.next()).payload.text == "back"


async def test_two_that_receive_have_a_connection_each(broker, agent, heard):
    routes = [{"topic": "q/+", "format": "text", "to": "{name}"}]
    options = {"connection": broker.connection, "routes": routes}
    session = agent({"mqtt_in": options, "mqtt_in-b": options})
    one, two = heard(session, "mqtt_in"), heard(session, "mqtt_in-b")
    async with session, broker.client() as client:
        links = _links[session.clock]
        assert len(links) == 2
        for link in links:
            await asyncio.wait_for(link.up.wait(), PATIENCE)
        await client.publish("q/a", "x", qos=1)
        assert (await one.next()).payload.text == (await two.next()).payload.text == "x"


async def test_two_that_receive_cannot_be_the_same_client(broker, agent, heard):
    connection = broker.connection | {"client_id": "agent"}
    options = {"connection": connection, "routes": [{"topic": "q/+", "format": "text"}]}
    session = agent({"mqtt_in": options, "mqtt_in-b": options})
    failed = heard(session, "system/component_failed")
    async with session:
        failure = (await failed.next()).payload
    assert (failure.kind, failure.action) == ("SettingsError", "disable")
    assert "client_id of its own" in failure.error


async def test_an_unknown_payload_type_is_named(agent, heard):
    session = agent({"mqtt_in": {"routes": [{"topic": "q", "payload": "stat"}]}})
    failed = heard(session, "system/component_failed")
    async with session:
        failure = (await failed.next()).payload
    assert failure.action == "disable"
    assert "components.mqtt_in.options.routes.0.payload" in failure.error
    assert "Did you mean 'state'?" in failure.error
