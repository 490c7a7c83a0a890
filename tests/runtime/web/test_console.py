"""The server: who may ask, what plugins add, and how it ends."""

from __future__ import annotations

import base64
import json
import socket
from typing import TYPE_CHECKING, Any

import pytest
from session_parts import Shouting
from starlette.responses import PlainTextResponse
from web_asks import ask

from sensorium.errors import MissingDependency, SettingsError
from sensorium.settings import load_settings

if TYPE_CHECKING:
    from pathlib import Path

TOKEN = "not-a-very-good-secret"


def reached(address: tuple[str, int]) -> bool:
    with socket.socket() as trying:
        return trying.connect_ex(address) == 0


async def test_it_ends_with_its_session(serving: Any, runtime_folder: Path) -> None:
    async with serving() as session:
        console = session.console
        address = console._socket.getsockname()
        (file,) = runtime_folder.iterdir()
        said = json.loads(file.read_text())
        assert (said["url"], said["agent"]) == (console.url, "agent")
        assert reached(address)
    assert not reached(address)
    assert list(runtime_folder.iterdir()) == []


async def test_off_unless_asked_for(serving: Any, runtime_folder: Path) -> None:
    for settings in (
        {"telemetry": {"enabled": False}},
        {"telemetry": {"enabled": True}, "web": {"enabled": False}},
    ):
        async with serving({}, settings) as session:
            assert session.console is None
    assert not runtime_folder.exists()


async def test_it_listens_on_loopback(serving: Any) -> None:
    async with serving() as session:
        assert session.console._socket.getsockname()[0] == "127.0.0.1"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
def test_another_address_needs_a_token(host: str) -> None:
    with pytest.raises(SettingsError, match="token_env") as caught:
        load_settings(environ={}, overrides={"web": {"host": host}})
    assert caught.value.key == "web"
    load_settings(environ={}, overrides={"web": {"host": host, "token_env": "T"}})


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_loopback_needs_none(host: str) -> None:
    load_settings(environ={}, overrides={"web": {"host": host}})


@pytest.mark.parametrize(("token", "words"), [("", "is not set"), ("short", "fewer than 16")])
async def test_a_token_that_is_none(
    serving: Any, monkeypatch: pytest.MonkeyPatch, token: str, words: str
) -> None:
    monkeypatch.setenv("WEB_TOKEN", token)
    with pytest.raises(SettingsError, match=words):
        async with serving({}, {"web": {"token_env": "WEB_TOKEN"}}):
            pass


def basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"me:{password}".encode()).decode()


SHOWN = {
    "": 401, "Bearer": 401, "Bearer wrong": 401, f"Bearer {TOKEN}x": 401, f"Digest {TOKEN}": 401,
    "Basic ####": 401, basic("wrong"): 401, "Bearer \xe9": 401,
    f"Bearer {TOKEN}": 200, f"bearer {TOKEN}": 200, basic(TOKEN): 200,
}  # fmt: skip


async def test_every_route_asks_for_the_token(
    serving: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEB_TOKEN", TOKEN)
    async with serving({}, {"web": {"host": "0.0.0.0", "token_env": "WEB_TOKEN"}}) as session:
        for shown, status in SHOWN.items():
            for path in ("/", "/health", "/metrics", "/statistics"):
                headers = {"Authorization": shown} if shown else {}
                answer = await ask(session.console.url + path, headers)
                assert (shown, answer.status) == (shown, status)
                assert ("www-authenticate" in answer.headers) == (status == 401)
                assert TOKEN not in answer.body


HOSTS = {
    "127.0.0.1:7866": 200, "localhost": 200, "[::1]:80": 200,
    "evil.example": 403, "127.0.0.1.evil.example": 403, "": 403, "[": 403,
}  # fmt: skip


async def test_names_of_others_are_refused(serving: Any) -> None:
    async with serving() as session:
        for host, status in HOSTS.items():
            answer = await ask(session.console.url + "/health", {"Host": host})
            assert (host, answer.status) == (host, status)


async def test_a_port_that_is_in_use(serving: Any) -> None:
    async with serving() as session:
        port = session.console._socket.getsockname()[1]
        with pytest.raises(SettingsError, match=f"port {port} .* is in use") as caught:
            async with serving({"shouting": Shouting}, {"web": {"enabled": True, "port": port}}):
                pass
        assert caught.value.key == "web.port"
        assert (await ask(session.console.url + "/health")).status == 200  # the first goes on


async def test_telemetry_alone_takes_another_port(
    serving: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving() as first:
        port = first.console._socket.getsockname()[1]
        async with serving({}, {"web": {"port": port}}) as second:
            assert second.console.url != first.console.url
            assert (await ask(second.console.url + "/health")).status == 200
            assert f"port {port} is in use; this session is on {second.console.url}" in caplog.text


async def test_an_address_that_is_not_ours(serving: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEB_TOKEN", TOKEN)
    with pytest.raises(SettingsError, match=r"cannot listen on 192\.0\.2\.1"):
        async with serving({}, {"web": {"host": "192.0.2.1", "token_env": "WEB_TOKEN"}}):
            pass


async def test_libraries_that_are_missing(
    serving: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "uvicorn", None)
    with pytest.raises(MissingDependency, match=r"sensorium\[web\]"):
        async with serving({}, {"web": {"enabled": True}}):
            pass
    async with serving() as session:  # telemetry alone does not insist
        assert session.console is None
    assert "sensorium[web]" in caplog.text


async def test_routes_of_plugins(serving: Any) -> None:
    async def lamp(request: Any) -> Any:
        return PlainTextResponse(f"{request.method} {request.path_params['name']}")

    def routes(app: Any) -> None:
        app.add_route("/lamps/{name}", lamp, methods=("GET", "POST"))

    async with serving({}, routes={"lamps": routes}) as session:
        url = session.console.url + "/lamps/hall"
        assert (await ask(url)).body == "GET hall"
        assert (await ask(url, method="POST")).body == "POST hall"
        assert (await ask(url, method="DELETE")).status == 405
        assert session.console.app.routes["GET /lamps/{name}"] == "lamps"
        assert (await ask(session.console.url + "/nowhere")).status == 404


def breaks(app: Any) -> None:
    app.add_route("/half", _fine)
    raise RuntimeError("no more routes")


async def _fine(request: Any) -> Any:
    return PlainTextResponse("fine")


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (breaks, "no more routes"),
        (lambda app: app.add_route("/health", _fine), "route GET /health is 'bundled''s"),
        (lambda app: app.add_route("health", _fine), "a path begins with a slash"),
        (lambda app: app.add_route("/x", lambda request: None), "no async function"),
        (lambda app: app.add_route("/x", _fine, ("SHOUT",)), "no method 'SHOUT'"),
    ],
)
async def test_a_plugin_with_broken_routes_stops_nobody(
    serving: Any, caplog: pytest.LogCaptureFixture, broken: Any, words: str
) -> None:
    def fine(app: Any) -> None:
        app.add_route("/fine", _fine)

    async with serving({}, routes={"broken": broken, "fine": fine}) as session:
        assert "plugin 'broken'" in caplog.text
        assert words in caplog.text
        assert (await ask(session.console.url + "/fine")).body == "fine"
        assert (await ask(session.console.url + "/health")).json()["status"] == "ok"
        assert (await ask(session.console.url + "/half")).status == 404


async def test_a_handler_that_raises_names_its_plugin(
    serving: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def raising(request: Any) -> Any:
        raise ValueError("out of paper")

    def routes(app: Any) -> None:
        app.add_route("/print", raising)

    async with serving({}, routes={"printer": routes}) as session:
        answer = await ask(session.console.url + "/print")
        assert (answer.status, answer.json()["plugin"]) == (500, "printer")
        assert "plugin 'printer': GET /print: ValueError: out of paper" in caplog.text
        assert (await ask(session.console.url + "/health")).status == 200
