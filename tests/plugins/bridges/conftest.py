"""A real MQTT broker in a process of its own, and sessions that talk to it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import shutil
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from sensorium import Session, hookimpl, load_plugins
from sensorium.clocks import Clock
from sensorium.delivery import DeliveryPolicy
from sensorium.settings import load_settings

PATIENCE = 10.0  # seconds until a test that waits for something fails

AMQTT = "from amqtt.scripts.broker_script import main; main()"
MOSQUITTO = os.environ.get("SENSORIUM_TEST_MOSQUITTO") or shutil.which("mosquitto")


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        return int(listener.getsockname()[1])


class Broker:
    """amqtt, or mosquitto where it is installed; may be stopped, killed and started again."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind = kind
        self.port = free_port()
        self.tls: tuple[Path, Path] | None = None
        self.users: dict[str, str] = {}
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None
        self._log: asyncio.Task[None] | None = None
        self.lines: list[str] = []

    @property
    def connection(self) -> dict[str, Any]:
        """Options that reach it, impatient enough for a test."""
        options = {"port": self.port, "reconnect_s": 0.05, "reconnect_max_s": 0.05}
        for user, password in self.users.items():
            options |= {"username": user, "password": password}
        return options

    async def start(self) -> Broker:
        """Returns when it listens."""
        command, ready = getattr(self, f"_{self.kind}")()
        self._process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        assert self._process.stdout is not None
        while ready not in (line := (await self._process.stdout.readline()).decode()):
            self.lines.append(line)
            assert line, "the broker did not start:\n" + "".join(self.lines)
        self._log = asyncio.create_task(self._keep_log(self._process.stdout))
        return self

    async def stop(self) -> None:
        await self._end(signal.SIGTERM)

    async def kill(self) -> None:
        await self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """It takes what the kernel takes for it, and answers nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def is_down(self) -> bool:
        with closing(socket.socket()) as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) != 0

    @asynccontextmanager
    async def client(self, **options: Any) -> AsyncIterator[aiomqtt.Client]:
        """A client that has nothing to do with the code under test."""
        for user, password in self.users.items():
            options = {"username": user, "password": password} | options
        async with aiomqtt.Client("127.0.0.1", self.port, **options) as client:
            yield client

    async def _end(self, how: signal.Signals) -> None:
        process = self._process
        if process is None or self._log is None:
            return
        process.send_signal(how)
        await asyncio.wait_for(process.wait(), PATIENCE)
        self._process = None
        await self._log
        process._transport.close()  # type: ignore[attr-defined]

    async def _keep_log(self, stream: asyncio.StreamReader) -> None:
        async for line in stream:
            self.lines.append(line.decode(errors="replace"))

    def _amqtt(self) -> tuple[list[str], str]:
        listener = f"    type: tcp\n    max_connections: 64\n    bind: 127.0.0.1:{self.port}\n"
        if self.tls:
            listener += f"    ssl: true\n    certfile: {self.tls[0]}\n    keyfile: {self.tls[1]}\n"
        plugins = "  amqtt.plugins.authentication.AnonymousAuthPlugin:\n    allow_anonymous: true\n"
        if self.users:
            from pwdlib.hashers.argon2 import Argon2Hasher

            hasher = Argon2Hasher(time_cost=1, memory_cost=64)
            lines = [f"{user}:{hasher.hash(word)}\n" for user, word in self.users.items()]
            (self._folder / "users").write_text("".join(lines))
            plugins = (
                "  amqtt.plugins.authentication.FileAuthPlugin:\n"
                f"    password_file: {self._folder / 'users'}\n"
            )
        config = self._folder / "amqtt.yaml"
        config.write_text(f"listeners:\n  default:\n{listener}plugins:\n{plugins}")
        return [sys.executable, "-c", AMQTT, "-c", str(config)], "session expiration"

    def _mosquitto(self) -> tuple[list[str], str]:
        assert MOSQUITTO is not None
        lines = ["user root", "log_type all", "log_dest stderr", "persistence true"]
        lines += [f"persistence_location {self._folder}/", "autosave_on_changes true"]
        lines += ["autosave_interval 1", f"listener {self.port} 127.0.0.1"]
        if self.tls:
            lines += [f"certfile {self.tls[0]}", f"keyfile {self.tls[1]}"]
        if self.users:
            lines += [f"password_file {self._folder / 'passwords'}"]
            entries = [f"{user}:{_hash(word)}\n" for user, word in self.users.items()]
            (self._folder / "passwords").write_text("".join(entries))
        else:
            lines += ["allow_anonymous true"]
        config = self._folder / "mosquitto.conf"
        config.write_text("\n".join(lines) + "\n")
        return [MOSQUITTO, "-c", str(config)], "running"


def _hash(password: str) -> str:
    """As mosquitto_passwd writes it: PBKDF2 with SHA-512."""
    salt = b"twelve bytes"
    key = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, 101)
    return "$7$101$" + base64.b64encode(salt).decode() + "$" + base64.b64encode(key).decode()


@pytest.fixture(params=["amqtt", "mosquitto"] if MOSQUITTO else ["amqtt"])
async def broker(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Broker]:
    """A running broker that asks for a password: amqtt, and mosquitto where it is installed."""
    broker = Broker(request.param, tmp_path)
    broker.users = {"agent": "a secret"}  # amqtt keeps no session for a stranger
    try:
        yield await broker.start()
    finally:
        await broker.kill()


@pytest.fixture
async def mosquitto(tmp_path: Path) -> AsyncIterator[Broker]:
    """Mosquitto, running: MQTT 5, and sessions that outlive a restart."""
    if MOSQUITTO is None:
        pytest.skip("mosquitto is not installed")
    broker = Broker("mosquitto", tmp_path)
    try:
        yield await broker.start()
    finally:
        await broker.kill()


@pytest.fixture(autouse=True)
async def nothing_left() -> AsyncIterator[None]:
    """Neither a task nor a socket outlives a test."""
    sockets = _sockets()
    yield
    for _ in range(3):
        await asyncio.sleep(0)
    others = asyncio.all_tasks() - {asyncio.current_task()}
    assert not others
    assert _sockets() <= sockets


def _sockets() -> int:
    folder = Path("/proc/self/fd")
    if not folder.is_dir():
        return 0
    found = 0
    for entry in folder.iterdir():
        try:
            found += str(entry.readlink()).startswith("socket:")
        except OSError:
            continue
    return found


class _Bridges:
    @hookimpl
    def sensorium_register_sources(self, registry: Any) -> None:
        registry.add("mqtt_in", "sensorium_plugins.bridges.mqtt_in:MqttIn")

    @hookimpl
    def sensorium_register_actuators(self, registry: Any) -> None:
        registry.add("mqtt_actuator", "sensorium_plugins.bridges.mqtt_actuator:MqttActuator")

    @hookimpl
    def sensorium_register_sinks(self, registry: Any) -> None:
        registry.add("mqtt_out", "sensorium_plugins.bridges.mqtt_out:MqttOut")


class Heard:
    """Events of a session under one pattern, in order; nothing is lost."""

    def __init__(self, session: Session, pattern: str) -> None:
        self._subscription = session.bus.subscribe(pattern, DeliveryPolicy.block(100_000))

    async def next(self) -> Any:
        return await asyncio.wait_for(self._subscription.get(), PATIENCE)

    async def until(self, wanted: Callable[[Any], bool]) -> Any:
        while True:
            event = await self.next()
            if wanted(event):
                return event

    @property
    def pending(self) -> int:
        return self._subscription.pending


OpenSession = Callable[..., Session]


@pytest.fixture
def agent() -> Iterator[OpenSession]:
    """``agent(components={name: options}, clock=None)``: a session, not entered yet."""

    def make(components: dict[str, dict[str, Any]], clock: Clock | None = None) -> Session:
        plugins = load_plugins(installed=False, extra=[("bridges", _Bridges())])
        tables = {
            name: {"use": name.split("-")[0], "options": options}
            for name, options in components.items()
        }
        settings = load_settings(environ={}, overrides={"components": tables})
        return Session(settings, plugins, clock)

    return make


@pytest.fixture
def heard() -> type[Heard]:
    """``heard(session, pattern)``."""
    return Heard
