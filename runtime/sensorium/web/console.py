"""The HTTP server of a session: on the session's loop, from its start to its end."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sensorium.errors import MissingDependency, SettingsError
from sensorium.web.app import WebApp
from sensorium.web.discovery import Running, announce
from sensorium.web.guard import Guard, token_of
from sensorium.web.options import WebOptions

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from sensorium.session.session import Session

log = logging.getLogger("sensorium.web")

LINGER_S = 1  # seconds that requests under way have to finish at the end
MOST_AT_ONCE = 64  # requests under way; more are answered with status 503


class Console:
    """A server that runs. Make it with :func:`open_console`."""

    def __init__(self, session: Session, listening: socket.socket) -> None:
        options = session.settings.web
        self._closing = asyncio.Event()
        self.app = WebApp(session, self._closing)
        for plugin, error in session.plugins.register_routes(self.app):
            log.error("plugin %r: its routes are not in use: %s", plugin, error)
        guarded = Guard(self.app.application(), token_of(options), options.host)
        self._socket = listening
        self._server = _server(guarded)
        self._task: asyncio.Task[None] | None = None
        self.url = _url(listening)
        """``http://127.0.0.1:7866``."""
        self._file: Path | None = None

    async def start(self, session: Session) -> None:
        """Serve; returns when requests are answered."""
        serving = self._server.serve(sockets=[self._socket])
        self._task = session.scope.spawn(serving, name="web server")
        ready = asyncio.ensure_future(self._server.ready.wait())
        await asyncio.wait([self._task, ready], return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        token_env, agent = session.settings.web.token_env, session.settings.agent.name
        self._file = announce(Running(self.url, os.getpid(), agent, time.time(), token_env))
        log.info("serving on %s", self.url)

    async def close(self, timeout_s: float) -> None:
        """End: streams stop, requests under way finish, the socket is closed."""
        self._closing.set()
        if self._file is not None:
            self._file.unlink(missing_ok=True)
        self._server.ending.set()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=timeout_s)
        self._socket.close()


async def open_console(session: Session) -> Console | None:
    """The server that the settings ask for, serving; None when they ask for none.

    Where telemetry alone asks for it and its port is in use, it takes any other.

    Raises :class:`SettingsError` when its address or its token cannot be used, and
    :class:`MissingDependency` when the server is wanted and its libraries are not there.
    """
    options = session.settings.web
    implied = options.enabled is None
    wanted = session.settings.telemetry.enabled if implied else options.enabled
    if not wanted:
        return None
    try:  # all of it now: the first request would hold the loop up
        import prometheus_client  # noqa: F401
        import starlette.applications
        import starlette.responses  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        missing = MissingDependency(
            "the web server", str(error.name), "pip install 'sensorium[web]'"
        )
        if implied:
            log.warning("%s", missing)
            return None
        raise missing from error
    token_of(options)  # before anything is open
    listening = _bind(options, any_port=implied)
    try:
        console = Console(session, listening)
        await console.start(session)
    except BaseException:
        listening.close()
        raise
    return console


def _bind(options: WebOptions, *, any_port: bool) -> socket.socket:
    """Listen. ``any_port``: on another one where that of the options is in use."""
    try:
        return _listen(options.host, options.port)
    except SettingsError as error:
        if not any_port or error.key != "web.port":
            raise
        listening = _listen(options.host, 0)
        log.warning("port %s is in use; this session is on %s", options.port, _url(listening))
        return listening


def _listen(host: str, port: int) -> socket.socket:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise SettingsError(f"[web] host {host!r}: {error}", key="web.host") from error
    family, kind, _, _, address = found[0]
    listening = socket.socket(family, kind)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen()
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            raise SettingsError(
                f"[web] port {port} of {host} is in use, perhaps by another session: set another"
                " one, or 0 for any that is free",
                key="web.port",
            ) from error
        raise SettingsError(
            f"[web] cannot listen on {host} port {port}: {error}", key="web.host"
        ) from error
    return listening


def _url(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _server(app: ASGIApp) -> Any:
    import uvicorn

    class Server(uvicorn.Server):
        """One that leaves signals to the session, says when it is ready, and ends at once."""

        def __init__(self, config: uvicorn.Config) -> None:
            super().__init__(config)
            self.ready = asyncio.Event()
            self.ending = asyncio.Event()

        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            self.ready.set()

        async def main_loop(self) -> None:
            while not await self.on_tick(0):  # which keeps the Date header up to date
                with suppress(TimeoutError):
                    async with asyncio.timeout(1.0):
                        await self.ending.wait()
                        self.should_exit = True

    return Server(
        uvicorn.Config(
            app,
            loop="none",
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=MOST_AT_ONCE,
            timeout_graceful_shutdown=LINGER_S,
        )
    )
