from __future__ import annotations

import asyncio
import io
import json
import socket

import numpy as np
import pytest
from PIL import Image as Pillow

from sensorium.clocks import VirtualClock
from sensorium.payloads import Audio, Image, State, Text
from sensorium_plugins.bridges import mqtt_client
from sensorium_plugins.bridges.mqtt_link import _links

PATIENCE = 10.0


async def connected(session) -> None:
    (link,) = _links[session.clock]
    await asyncio.wait_for(link.up.wait(), PATIENCE)


async def take(client, count: int) -> list:
    """The next ``count`` messages."""
    async with asyncio.timeout(PATIENCE):
        return [await anext(client.messages) for _ in range(count)]


async def until(condition) -> None:
    """Let the loop turn until ``condition()`` holds."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.001)


def out(session, name: str = "mqtt_out"):
    return session.runners[name]._component


async def test_events_become_messages(broker, agent):
    routes = [
        {"from": "state/+/lamp", "topic": "house/{1}/lamp/state", "retain": True},
        {"from": "camera/#", "topic": "{topic}", "format": "jpeg", "qos": 0},
        {"from": "mic", "format": "wav"},
        {"from": "said", "topic": "{name}/said", "format": "text"},
    ]
    session = agent({"mqtt_out": {"connection": broker.connection, "routes": routes}})
    async with session, broker.client() as client:
        await client.subscribe("#", qos=1)
        await connected(session)
        await session.bus.publish("state/hall/lamp", State({"on": True}), source="t")
        (message,) = await take(client, 1)
        assert str(message.topic) == "house/hall/lamp/state"
        assert json.loads(message.payload) == {"values": {"on": True}}
        pixels = np.full((32, 40, 3), (10, 200, 30), np.uint8)
        await session.bus.publish("camera/door/image", Image(pixels), source="t")
        (message,) = await take(client, 1)
        with Pillow.open(io.BytesIO(message.payload)) as picture:
            assert picture.format == "JPEG"
            assert np.abs(np.asarray(picture).astype(int) - pixels).mean() < 3
        sound = Audio(np.linspace(-1, 1, 160, dtype=np.float32), 16000)
        await session.bus.publish("mic", sound, source="t")
        await session.bus.publish("said", Text("hej"), source="t")
        wav, text = await take(client, 2)
        assert (str(wav.topic), wav.payload[:4]) == ("sensorium/mic", b"RIFF")
        assert (str(text.topic), text.payload) == ("mqtt_out/said", b"hej")
    async with broker.client() as late:
        await late.subscribe("house/#")
        (kept,) = await take(late, 1)
        assert kept.retain


async def test_an_event_a_format_cannot_hold_is_skipped(broker, agent, heard):
    routes = [{"from": "x", "format": "text"}]
    session = agent({"mqtt_out": {"connection": broker.connection, "routes": routes}})
    failed = heard(session, "system/component_failed")
    async with session, broker.client() as client:
        await client.subscribe("sensorium/#", qos=1)
        await session.bus.publish("x", State({"a": 1}), source="t")
        await session.bus.publish("x", Text("fine"), source="t")
        (message,) = await take(client, 1)
        assert message.payload == b"fine"
        complaint = (await failed.next()).payload
        assert complaint.action == "skip"
        assert "a state on x cannot be sent as text" in complaint.error


async def test_components_with_equal_tables_share_one_connection(broker, agent, heard, monkeypatch):
    made = []
    original = mqtt_client.new_client
    monkeypatch.setattr(
        mqtt_client, "new_client", lambda *args: made.append(args) or original(*args)
    )
    connection = broker.connection
    commands = {"on": {"topic": "lamp"}}
    session = agent(
        {
            "mqtt_in": {"connection": connection, "routes": [{"topic": "#", "format": "text"}]},
            "mqtt_out": {
                "connection": connection,
                "routes": [{"from": "#", "topic": "echo/{topic}", "format": "text"}],
            },
            "mqtt_actuator": {"connection": connection, "commands": commands},
        }
    )
    texts = heard(session, "mqtt/#")
    async with session:
        await connected(session)
        await session.bus.publish("mine", Text("one"), source="t")
        assert (await texts.next()).topic == "mqtt/echo/mine"
        await session.bus.publish("mine", Text("two"), source="t")
        event = await texts.next()
        assert event.payload.text == "two", "what came in by a connection does not go out by it"
    assert len(made) == 1


async def test_no_message_of_qos_1_is_lost_when_the_broker_is_killed(broker, agent, heard):
    clock = VirtualClock(start=1_000_000_000)
    options = {"connection": broker.connection, "routes": [{"from": "n/#", "format": "text"}]}
    session = agent({"mqtt_out": options}, clock)
    states = heard(session, "system/source_state")

    async def publish(numbers) -> None:
        for number in numbers:
            await session.bus.publish("n/x", Text(str(number)), source="t")

    async with session:
        async with broker.client() as client:
            await client.subscribe("sensorium/n/x", qos=1)
            await connected(session)
            await publish(range(100))
            first = [int(m.payload) for m in await take(client, 100)]
        outbox = out(session).outbox
        await until(lambda: outbox.delivered == 100)

        broker.freeze()  # what is sent now arrives nowhere
        await publish(range(100, 150))
        await until(lambda: len(outbox._under_way) == mqtt_client.WINDOW)
        await broker.kill()
        assert broker.is_down()
        lost = (await states.next()).payload
        assert (lost.component, lost.state) == ("mqtt_out", "lost")
        await publish(range(150, 200))
        assert outbox.delivered == 100
        await until(lambda: outbox.pending == 100)

        await broker.start()
        async with broker.client() as client:  # there before the bridge, whose clock stands still
            await client.subscribe("sensorium/n/x", qos=1)
            await clock.advance(60)
            assert (await states.next()).payload.state == "restored"
            second = [int(m.payload) for m in await take(client, 100)]
            await until(lambda: not outbox.pending)
        assert first == list(range(100))
        assert second == list(range(100, 200)), "each once, and in their order"
        assert (outbox.accepted, outbox.delivered, outbox.dropped) == (200, 200, 0)


async def test_too_long_an_absence_costs_the_oldest_and_says_so(broker, agent, heard):
    await broker.kill()
    assert broker.is_down()
    clock = VirtualClock(start=1_000_000_000)
    options = {"connection": broker.connection, "routes": [{"from": "n", "format": "text"}]}
    session = agent({"mqtt_out": options | {"queue": 5}}, clock)
    states, dropped = heard(session, "system/source_state"), heard(session, "system/events_dropped")
    async with session:
        assert (await states.next()).payload.state == "lost"
        for number in range(8):
            await session.bus.publish("n", Text(str(number)), source="t")
        report = (await dropped.next()).payload
        assert (report.subscription, report.dropped) == ("mqtt_out.outbox", {"full": 1})
        await broker.start()
        async with broker.client() as client:
            await client.subscribe("sensorium/n", qos=1)
            await clock.advance(60)
            assert [m.payload for m in await take(client, 5)] == [b"3", b"4", b"5", b"6", b"7"]
        report = (await dropped.next()).payload
        assert report.dropped == {"full": 2}, "the rest is reported with the reconnection"


async def test_the_end_of_a_session_waits_for_the_last_messages(broker, agent):
    options = {"connection": broker.connection, "routes": [{"from": "n", "format": "text"}]}
    async with broker.client() as client:
        await client.subscribe("sensorium/n", qos=1)
        session = agent({"mqtt_out": options})
        async with session:
            await connected(session)
            for number in range(30):
                await session.bus.publish("n", Text(str(number)), source="t")
        assert [int(m.payload) for m in await take(client, 30)] == list(range(30))


async def test_what_could_not_be_delivered_is_counted_at_the_end(broker, agent, heard):
    await broker.kill()
    options = {"connection": broker.connection, "routes": [{"from": "n", "format": "text"}]}
    session = agent({"mqtt_out": options})
    dropped = heard(session, "system/events_dropped")
    async with session:
        for number in range(3):
            await session.bus.publish("n", Text(str(number)), source="t")
        stopping = asyncio.create_task(session.stop())
        report = (await dropped.next()).payload
        await stopping
    assert report.dropped == {"closed": 3}


@pytest.mark.parametrize("gracefully", [True, False])
async def test_the_will_is_for_those_who_vanish(broker, agent, gracefully):
    will = {"topic": "agent/state", "payload": "gone"}
    options = {
        "connection": broker.connection | {"will": will},
        "routes": [{"from": "n", "format": "text"}],
    }
    session = agent({"mqtt_out": options})
    async with broker.client() as client:
        await client.subscribe("agent/state", qos=1)
        async with session:
            await connected(session)
            if not gracefully:
                (link,) = _links[session.clock]
                link._client._client.socket().shutdown(socket.SHUT_RDWR)
                (message,) = await take(client, 1)
                assert message.payload == b"gone"
        if gracefully:
            await client.publish("agent/state", "the next", qos=1)
            (message,) = await take(client, 1)
            assert message.payload == b"the next"


async def test_a_broker_that_never_answers_does_not_hold_up_the_end(agent, heard):
    accepted = asyncio.Event()
    gone = asyncio.Event()

    async def mute(reader, writer) -> None:
        accepted.set()
        while await reader.read(100):
            pass
        writer.close()
        gone.set()

    server = await asyncio.start_server(mute, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        options = {
            "connection": {"port": port, "timeout_s": 0.3},
            "routes": [{"from": "n", "format": "text"}],
        }
        session = agent({"mqtt_out": options})
        async with session:
            await asyncio.wait_for(accepted.wait(), PATIENCE)
        await asyncio.wait_for(gone.wait(), PATIENCE)
    assert not _links.get(session.clock)


async def test_a_frozen_broker_does_not_hold_up_the_end(broker, agent, heard):
    options = {"connection": broker.connection, "routes": [{"from": "n", "format": "text"}]}
    session = agent({"mqtt_out": options | {"flush_s": 0.1}})
    dropped = heard(session, "system/events_dropped")
    async with session:
        await connected(session)
        broker.freeze()
        await session.bus.publish("n", Text("x"), source="t")
        await until(lambda: out(session).outbox.accepted == 1)
        stopping = asyncio.create_task(session.stop())
        report = (await dropped.next()).payload
        await asyncio.wait_for(stopping, session.settings.shutdown.cancel_s)
    assert report.dropped == {"closed": 1}
