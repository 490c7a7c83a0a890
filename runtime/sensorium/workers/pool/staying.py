"""``sensorium worker``: keeps one machine joined to a pool, session after session."""

from __future__ import annotations

import asyncio
import logging
import secrets
import socket
from dataclasses import dataclass
from typing import Any

from sensorium.errors import SettingsError, WorkerLost
from sensorium.workers.options import check_endpoint
from sensorium.workers.pool import curve
from sensorium.workers.pool.devices import resolve_device
from sensorium.workers.pool.process import WorkerProcess
from sensorium.workers.pool.remote import JOINED, OVER, REFUSED

log = logging.getLogger("sensorium.workers")

MODULE = "sensorium.workers.pool.remote"
BACKOFF_S, MAX_BACKOFF_S = 0.1, 10.0
SETTLED_S = 5.0  # a session that lasted so long was no failure


@dataclass(frozen=True)
class JoinOptions:
    """How a worker joins a pool, and as what."""

    endpoint: str
    key: str = ""
    """File with this worker's secret key."""
    server_key: str = ""
    """The pool's public key, or the file that holds it."""
    name: str = ""
    """What the pool shall call it; the machine's name if empty."""
    device: str = "auto"
    threads: int = 0
    installed: bool = True
    modules: tuple[str, ...] = ()
    disabled: tuple[str, ...] = ()
    log_level: str = "warning"


class RemoteStay:
    """Joins, and joins again after every end, until cancelled. Leaves no process behind."""

    def __init__(self, options: JoinOptions) -> None:
        """Raises :class:`SettingsError` when keys cannot be read or are missing."""
        if not options.endpoint.startswith("tcp://"):
            raise SettingsError(f"{options.endpoint}: workers join at tcp://HOST:PORT")
        if bool(options.key) != bool(options.server_key):
            raise SettingsError("a worker's own key and the pool's public key belong together")
        check_endpoint(options.endpoint, encrypted=bool(options.key))
        keys = None
        if options.key:
            pair = curve.read_pair(options.key)
            server = curve.read_public(options.server_key)
            keys = {"public": pair.public, "secret": pair.secret, "server": server}
        self._options = options
        self._process: WorkerProcess | None = None
        self._config: dict[str, Any] = {
            "endpoint": options.endpoint,
            "keys": keys,
            "name": options.name or socket.gethostname(),
            "instance": secrets.token_hex(8),
            "device": resolve_device(options.device),
            "requests": None,
            "results": None,
            "installed": options.installed,
            "modules": list(options.modules),
            "disabled": list(options.disabled),
            "prepare": [],
            "log_level": options.log_level,
        }

    @property
    def session(self) -> int:
        """Process id of the session; 0 while there is none."""
        process = self._process
        return process.pid if process is not None and process.running else 0

    async def run(self) -> None:
        """Stay joined. Raises :class:`WorkerLost` when the pool will never take this worker."""
        failures = 0
        while True:
            begun = asyncio.get_running_loop().time()
            status, why = await self._session()
            if status == REFUSED:
                raise WorkerLost("", self._config["name"], why)
            lasted = asyncio.get_running_loop().time() - begun
            failures = 0 if lasted > SETTLED_S else failures + 1
            wait_s = min(BACKOFF_S * 2.0 ** min(failures, 30), MAX_BACKOFF_S)
            log.warning("%s; joining again in %.1f s", why, wait_s)
            await asyncio.sleep(wait_s)

    async def _session(self) -> tuple[int | None, str]:
        """One session, to its end; its exit status and why it ended."""
        ended = asyncio.Event()
        config = self._config | {"token": secrets.token_hex(8)}
        threads = self._options.threads
        process = self._process = WorkerProcess(
            self._config["name"], config, (), ended.set, threads=threads, module=MODULE
        )
        try:
            await ended.wait()
        finally:
            while process.running:
                process.kill()
                try:
                    await ended.wait()
                except asyncio.CancelledError:
                    continue
        last = process.tail[-1] if process.tail else ""
        if process.status in (JOINED, OVER, REFUSED):
            return process.status, last
        return process.status, f"{process.cause}; it last said: {last}" if last else process.cause
