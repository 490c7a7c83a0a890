from __future__ import annotations

import asyncio
import json

import pytest

from sensorium.clocks import VirtualClock
from sensorium.errors import BadInput
from sensorium.payloads import Action
from sensorium_plugins.bridges.mqtt_actuator import Command, compose
from sensorium_plugins.bridges.mqtt_link import _links

PATIENCE = 10.0
COMMANDS = {
    "lamp/on": {"topic": "lamp/set", "payload": "ON"},
    "lamp/dim": {"topic": "{lamp}/set", "payload": {"level": "{level}"}, "idempotent": True},
}


async def connected(session) -> None:
    (link,) = _links[session.clock]
    await asyncio.wait_for(link.up.wait(), PATIENCE)


async def ask(session, action_id: str, name: str, **arguments) -> None:
    action = Action(action_id, name, arguments)
    await session.bus.publish("action/requested", action, source="planner")


async def take(client, count: int) -> list:
    async with asyncio.timeout(PATIENCE):
        return [await anext(client.messages) for _ in range(count)]


def actuator(broker, agent, clock=None, **options):
    table = {"connection": broker.connection, "commands": COMMANDS} | options
    return agent({"mqtt_actuator": table}, clock)


async def test_an_action_becomes_a_command_and_ends_done_once(broker, agent, heard):
    session = actuator(broker, agent)
    results = heard(session, "action/result")
    async with session, broker.client() as client:
        await client.subscribe("+/set", qos=1)
        await ask(session, "1", "lamp/on")
        await ask(session, "2", "door/open")  # somebody else's
        await ask(session, "3", "lamp/dim", lamp="hall", level=0.5)
        await ask(session, "1", "lamp/on")
        await ask(session, "4", "lamp/dim", lamp="a/#", level=1)
        await ask(session, "5", "lamp/dim", lamp="hall")
        ends = [(await results.next()) for _ in range(5)]
        found = [(e.payload.action_id, e.payload.outcome) for e in ends]
        assert found == [
            ("1", "done"),
            ("3", "done"),
            ("1", "done"),
            ("4", "failed"),
            ("5", "failed"),
        ]
        assert "not done again" in ends[2].payload.detail
        assert "level of a topic" in ends[3].payload.detail
        assert "lacks the argument 'level'" in ends[4].payload.detail
        assert ends[0].parents == ("planner#0",)
        await client.publish("end/set", qos=1)
        messages = await take(client, 3)
        sent = [(str(m.topic), m.payload) for m in messages]
        assert sent[0] == ("lamp/set", b"ON")
        assert sent[1][0] == "hall/set"
        assert json.loads(sent[1][1]) == {"level": 0.5}
        assert sent[2][0] == "end/set", "nothing else was sent"


async def test_without_a_broker_an_action_fails_and_nothing_is_sent(broker, agent, heard):
    await broker.kill()
    assert broker.is_down()
    clock = VirtualClock(start=1_000_000_000)
    session = actuator(broker, agent, clock)
    results = heard(session, "action/result")
    async with session:
        await ask(session, "1", "lamp/on")
        while not results.pending:
            await clock.advance(1)
        result = (await results.next()).payload
        assert (result.action_id, result.outcome) == ("1", "failed")
        assert "nothing was sent" in result.detail
        await broker.start()
        async with broker.client() as client:
            await client.subscribe("+/set", qos=1)
            (link,) = _links[clock]
            while not link.up.is_set():
                await clock.advance(1)
            await ask(session, "2", "lamp/on")
            assert (await results.next()).payload.outcome == "done"
            await client.publish("end/set", qos=1)
            topics = [str(m.topic) for m in await take(client, 2)]
            assert topics == ["lamp/set", "end/set"]


@pytest.mark.parametrize("idempotent", [False, True])
async def test_a_command_without_an_answer_is_unknown_or_sent_again(
    broker, agent, heard, idempotent
):
    clock = VirtualClock(start=1_000_000_000)
    commands = {"lamp/on": COMMANDS["lamp/on"] | {"idempotent": idempotent}}
    session = actuator(broker, agent, clock, commands=commands, timeout_s=1000)
    results, states = heard(session, "action/result"), heard(session, "system/source_state")
    async with session:
        await connected(session)
        broker.freeze()
        await ask(session, "1", "lamp/on")
        (link,) = _links[clock]
        async with asyncio.timeout(PATIENCE):
            while not link._client._pending_publishes:
                await asyncio.sleep(0)
        await broker.kill()
        assert broker.is_down()
        assert (await states.next()).payload.state == "lost"
        await broker.start()
        async with broker.client() as client:
            await client.subscribe("+/set", qos=1)
            while not link.up.is_set():
                await clock.advance(0.05)
            result = (await results.next()).payload
            await client.publish("end/set", qos=1)
            if idempotent:
                assert result.outcome == "done"
                assert [str(m.topic) for m in await take(client, 2)] == ["lamp/set", "end/set"]
            else:
                assert result.outcome == "unknown"
                assert [str(m.topic) for m in await take(client, 1)] == ["end/set"]
                await ask(session, "1", "lamp/on")
                again = (await results.next()).payload
                assert again.outcome == "unknown", "asking again does not do it again"


def test_arguments_keep_their_types_in_json_and_are_written_out_in_text():
    table = Command(topic="a/{room}", payload={"on": "{on}", "say": "hi {who}", "n": [1, "{n}"]})
    message = compose(table, {"room": "b", "on": True, "who": 'a "b"', "n": 2})
    assert message.topic == "a/b"
    assert json.loads(message.payload) == {"on": True, "say": 'hi a "b"', "n": [1, 2]}
    text = Command(topic="a", payload="{on} {who}")
    assert compose(text, {"on": True, "who": "me"}).payload == b"true me"
    with pytest.raises(BadInput, match="it has: on"):
        compose(text, {"on": True})
