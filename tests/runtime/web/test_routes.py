"""The bundled routes, asked over HTTP while a session runs."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as openmetrics_families,
)
from prometheus_client.parser import text_string_to_metric_families
from session_parts import Picky, Shouting, failing, send
from web_asks import ask, opened

from sensorium.bus import Subscription
from sensorium.delivery import DeliveryPolicy
from sensorium.errors import SensoriumError


def samples(text: str, parse: Any = text_string_to_metric_families) -> dict[Any, float]:
    """Values by name and labels, each of which must be there once."""
    found: dict[Any, float] = {}
    for family in parse(text):
        for sample in family.samples:
            key = (sample.name, *sorted(sample.labels.items()))
            assert key not in found, key
            found[key] = sample.value
    return found


@pytest.mark.parametrize(
    ("accept", "parse"),
    [
        ("", text_string_to_metric_families),
        ("application/openmetrics-text; version=1.0.0", openmetrics_families),
    ],
)
async def test_metrics_parse_and_agree_with_the_bus(serving: Any, accept: str, parse: Any) -> None:
    async with serving({"shouting": Shouting}) as session:
        slow = session.bus.subscribe("text/+", DeliveryPolicy.latest(), name='a "slow" one')
        twin = session.bus.subscribe("text/+", DeliveryPolicy.latest(), name='a "slow" one')
        await send(session, "a", "b", "c")
        await session.settled()
        answer = await ask(session.console.url + "/metrics", {"Accept": accept})
        assert answer.status == 200
        values = samples(answer.body, parse)
        edge = ("edge", "shouting.text")
        assert values["sensorium_edge_published_total", edge] == 3
        assert values["sensorium_edge_delivered_total", edge] == 3
        assert values["sensorium_edge_age_seconds_count", edge] == 3
        assert values["sensorium_edge_processing_seconds_count", edge] == 3
        assert values["sensorium_edge_age_seconds_bucket", edge, ("le", "+Inf")] == 3
        for name in (slow.name, f"{twin.name} (2)"):
            dropped = ("sensorium_edge_dropped_total", ("edge", name), ("reason", "superseded"))
            assert values[dropped] == 2
            assert values["sensorium_edge_pending", ("edge", name)] == 1
        labels = (("component", "shouting"), ("kind", "perceiver"))
        assert values[("sensorium_component_up", *labels)] == 1
        assert values["process_resident_memory_bytes",] > 0


async def test_every_metric_is_documented_and_no_other(serving: Any) -> None:
    page = (Path(__file__).parents[3] / "docs" / "telemetry.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^\| `(sensorium_\w+)` \|", page, re.M))
    async with serving({"shouting": Shouting}) as session:
        body = (await ask(session.console.url + "/metrics")).body
    told = set(re.findall(r"^# TYPE (sensorium_\w+)", body, re.M))
    assert told == documented


async def test_statistics_tell_the_whole_session(serving: Any) -> None:
    settings = {"components": {"picky": {"on_error": {"action": "skip"}}, "shouting": {}}}
    async with serving({"picky": Picky, "shouting": Shouting}, settings) as session:
        await send(session, "good", "bad")
        await session.settled()
        look = (await ask(session.console.url + "/statistics")).json()
    assert look["telemetry"] is True
    states = {component["name"]: component["state"] for component in look["components"]}
    assert states == {"picky": "ready", "shouting": "ready"}
    edges = {edge["name"]: edge for edge in look["edges"]}
    assert edges["picky.text"]["published"] == edges["picky.text"]["delivered"] == 2
    assert edges["picky.text"]["age"]["count"] == 2
    assert edges["shouting.text"]["to"] == "shouting"
    assert edges["shouting.text"]["policy"] == "block(64)"


async def test_without_telemetry_there_are_counts_and_no_times(serving: Any) -> None:
    settings = {"telemetry": {"enabled": False}, "web": {"enabled": True}}
    async with serving({"shouting": Shouting}, settings) as session:
        assert session.bus.subscription_class is Subscription
        await send(session, "a")
        await session.settled()
        look = (await ask(session.console.url + "/statistics")).json()
        metrics = samples((await ask(session.console.url + "/metrics")).body)
    (edge,) = [edge for edge in look["edges"] if edge["name"] == "shouting.text"]
    assert (edge["published"], edge["age"], look["telemetry"]) == (1, None, False)
    assert metrics["sensorium_edge_published_total", ("edge", "shouting.text")] == 1
    assert not [key for key in metrics if "age_seconds" in key[0]]


async def test_the_stream_goes_on_and_says_when_the_session_ends(serving: Any) -> None:
    async with serving({"shouting": Shouting}) as session:
        url = session.console.url + "/statistics/stream?interval=0.1"
        async with opened(url) as (status, headers, reader):
            assert status == 200
            assert headers["content-type"].startswith("text/event-stream")
            looks = []
            while len(looks) < 3:
                line = await reader.readline()
                if line.startswith(b"data: "):
                    looks.append(json.loads(line[6:]))
                    await send(session, "more")
            assert looks[0]["edges"][0]["rate"] is None
            assert looks[2]["edges"][0]["rate"] > 0
            ending = asyncio.ensure_future(session.stop())
            rest = await reader.read()
            assert rest.rstrip().endswith(b"event: end\ndata: {}")
            await ending


async def test_a_reader_that_goes_away_leaves_nothing(serving: Any) -> None:
    async with serving() as session:
        tasks = len(asyncio.all_tasks())
        for _ in range(3):
            async with opened(session.console.url + "/statistics/stream") as (_, _, reader):
                await reader.readline()
        while len(asyncio.all_tasks()) > tasks:
            await asyncio.sleep(0.001)


async def test_an_interval_that_makes_no_sense(serving: Any) -> None:
    async with serving() as session:
        for interval in ("0", "-1", "nan", "inf", "soon", "61"):
            answer = await ask(f"{session.console.url}/statistics/stream?interval={interval}")
            assert (interval, answer.status) == (interval, 400)
            assert "interval" in answer.body


async def test_health_names_what_failed_for_good(serving: Any) -> None:
    settings = {"components": {"broken": {"on_error": {"action": "disable"}}}}
    async with serving({"broken": failing(SensoriumError("no such thing"))}, settings) as session:
        await session.runners["broken"].ended.wait()
        answer = await ask(session.console.url + "/health")
    assert answer.status == 503
    assert answer.json()["failed"] == {"broken": "no such thing"}


async def test_the_page_needs_nothing_else(serving: Any) -> None:
    async with serving() as session:
        assert (await ask(session.console.url + "/health")).json()["status"] == "ok"
        page = await ask(session.console.url + "/")
    assert page.status == 200
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "statistics/stream" in page.body
    assert "innerHTML" not in page.body  # names come from outside
    for outside in ('src="', "http-equiv", "@import", 'href="http'):
        assert outside not in page.body
