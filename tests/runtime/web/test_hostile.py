"""Clients that mean ill, or are many, or are slow: the agent does not notice."""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import urlsplit

import pytest
from prometheus_client.parser import text_string_to_metric_families
from session_parts import Shouting
from starlette.responses import PlainTextResponse
from web_asks import ask, opened

from sensorium.payloads import Text
from sensorium.web import routes as routes_module
from sensorium.web.console import MOST_AT_ONCE

TOKEN = "not-a-very-good-secret"
pressed: list[str] = []


def a_button(app: Any) -> None:
    async def press(request: Any) -> Any:
        pressed.append("pressed")
        return PlainTextResponse("done")

    app.add_route("/press", press, methods=("POST",))


@pytest.mark.parametrize("token", ["", TOKEN])
async def test_pages_of_other_websites_press_no_buttons(
    serving: Any, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    monkeypatch.setenv("T", token)
    pressed.clear()
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    settings = {"web": {"token_env": "T" if token else ""}}
    async with serving({}, settings, {"buttons": a_button}) as session:
        url = session.console.url
        elsewhere = ("https://example.org", "null", "http://127.0.0.1", f"{url}.example.org", "")
        for origin in elsewhere:
            answer = await ask(f"{url}/press", headers | {"Origin": origin}, "POST")
            assert answer.status == 403, origin
            assert "other websites" in answer.body
        assert pressed == []
        assert (await ask(f"{url}/press", headers | {"Origin": url}, "POST")).status == 200
        assert (await ask(f"{url}/press", headers, "POST")).status == 200
        assert pressed == ["pressed"] * 2


@pytest.mark.parametrize(
    "path",
    ["/../settings.toml", "/%2e%2e/settings.toml", "//etc/passwd", "/statistics/../../etc/passwd"],
)
async def test_there_are_no_files(serving: Any, path: str) -> None:
    async with serving() as session:
        assert (await ask(session.console.url + path)).status == 404


@pytest.mark.parametrize(
    "host",
    ["", "evil.example", "127.0.0.1.evil.example", "127.0.0.1@evil.example", "[::1", "localhost."],
)
async def test_hosts_that_are_not_this_machine(serving: Any, host: str) -> None:
    async with serving() as session:
        assert (await ask(f"{session.console.url}/statistics", {"Host": host})).status == 403


async def test_headers_that_do_not_end(serving: Any) -> None:
    async with serving() as session:
        async with opened(f"{session.console.url}/health", {"X": "x" * 200_000}) as (status, _, _):
            assert status == 400
        assert (await ask(f"{session.console.url}/health")).status == 200


async def test_ipv6_loopback(serving: Any) -> None:
    with socket.socket(socket.AF_INET6) as trying:
        try:
            trying.bind(("::1", 0))
        except OSError:
            pytest.skip("no IPv6 here")
    async with serving({}, {"web": {"host": "::1"}}) as session:
        assert session.console.url.startswith("http://[::1]:")
        assert (await ask(f"{session.console.url}/health")).status == 200


async def test_many_streams_are_told_of_one_look(
    serving: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0
    real = routes_module.snapshot

    def counted(*arguments: Any) -> Any:
        nonlocal looks
        looks += 1
        return real(*arguments)

    monkeypatch.setattr(routes_module, "snapshot", counted)
    monkeypatch.setattr(routes_module, "FRESH_S", 1000.0)
    clients = MOST_AT_ONCE - 4
    async with serving({"shouting": Shouting}) as session, AsyncExitStack() as streams:
        url = f"{session.console.url}/statistics/stream?interval=0.1"
        told = [await streams.enter_async_context(opened(url)) for _ in range(clients)]
        for status, _, reader in told:
            assert status == 200
            for _ in range(3):
                line = await reader.readuntil(b"\n\n")
                assert json.loads(line.removeprefix(b"data: "))["agent"] == "agent"
        assert looks == 1


async def test_more_than_there_is_room_for_are_told_so(serving: Any) -> None:
    async with serving() as session, AsyncExitStack() as streams:
        url = session.console.url
        answers = []
        for _ in range(MOST_AT_ONCE + 3):
            stream = opened(f"{url}/statistics/stream")
            answers.append((await streams.enter_async_context(stream))[0])
        assert answers.count(503) >= 3
        assert answers.count(200) >= MOST_AT_ONCE - 2
        await streams.aclose()
        await session.bus.publish("a", Text("the agent goes on"), source="test")
        await session.settled()


async def test_a_client_that_reads_nothing_does_not_hold_up_the_end(serving: Any) -> None:
    async with asyncio.timeout(20):
        async with serving({"shouting": Shouting}) as session:
            parts = urlsplit(session.console.url)
            stuck = socket.create_connection((parts.hostname, parts.port))
            stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
            asked = "GET /statistics/stream?interval=0.1 HTTP/1.0"
            stuck.sendall(f"{asked}\r\nHost: {parts.netloc}\r\n\r\n".encode())
            half = socket.create_connection((parts.hostname, parts.port))
            half.sendall(b"GET / HTTP/1.1\r\nHost:")
            assert (await ask(f"{session.console.url}/health")).status == 200
    stuck.close()
    half.close()


async def test_names_that_are_odd(serving: Any) -> None:
    async with serving() as session:
        names = ('quote"', "back\\slash", "new\nline", "ü 音", "{a=1}", "same", "same")
        mailboxes = [session.bus.subscribe("odd/#", name=name) for name in names]
        await session.bus.publish("odd/ü", Text("a"), source="test")
        answer = await ask(f"{session.console.url}/metrics")
        assert answer.status == 200
        families = {one.name: one for one in text_string_to_metric_families(answer.body)}
        told = {s.labels["edge"]: s.value for s in families["sensorium_edge_published"].samples}
        assert {name: told[name] for name in (*names, "same (2)")} == dict.fromkeys(
            (*names, "same (2)"), 1.0
        )
        for mailbox in mailboxes:
            mailbox.close()
