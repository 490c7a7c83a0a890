"""Pools that listen, and workers that join them, in tests."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sensorium.workers.pool.curve import create_keys
from sensorium.workers.pool.staying import JoinOptions, RemoteStay

from .conftest import FAKES, descendants, exists, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sensorium.workers.pool import PoolExecutor

ANYWHERE = "tcp://127.0.0.1:*"
QUICK = {"heartbeat_s": 0.05, "hang_s": 1.0, "grace_s": 0.3}


class Keys:
    """Key files of a pool, of a worker it knows, and of a stranger."""

    def __init__(self, folder: Path) -> None:
        create_keys(folder, ["pool", "worker", "stranger"])
        self.folder = folder

    @property
    def of_pool(self) -> dict[str, Any]:
        """Options of the pool."""
        return {"key": self.secret("pool"), "clients": (self.public("worker"),)}

    def secret(self, name: str) -> str:
        return str(self.folder / f"{name}.key_secret")

    def public(self, name: str) -> str:
        return str(self.folder / f"{name}.key")

    def of(self, name: str = "worker") -> dict[str, str]:
        """What the worker of that name is told."""
        return {"key": self.secret(name), "server_key": self.public("pool")}

    def arguments(self, name: str = "worker") -> list[str]:
        """The same, on the command line."""
        return ["--key", self.secret(name), "--server-key", self.public("pool")]


def endpoint_of(pool: PoolExecutor) -> str:
    door = pool._supervisor.door
    assert door is not None
    return door.endpoint


class Joined:
    """A ``sensorium worker`` of a test."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.pid = process.pid
        self.said = ""

    async def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Its exit status; nothing of it is left."""
        family = descendants(self.pid)
        if self.process.returncode is None:
            os.kill(self.pid, how)
        self.said += (await self.process.communicate())[0].decode()
        await until(lambda: not any(exists(pid) for pid in family), "its sessions are gone")
        assert self.process.returncode is not None
        return self.process.returncode


@asynccontextmanager
async def commanded(endpoint: str, *arguments: str) -> AsyncIterator[Joined]:
    """A worker that joins by the command line, for as long as the block lasts."""
    command = [
        sys.executable, "-c", "from sensorium.cli import main; main()", "worker",
        "--connect", endpoint, "--name", "lab",
        "--device", "cpu", "--threads", "1", "--module", str(FAKES), *arguments,
    ]  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    joined = Joined(process)
    try:
        yield joined
    finally:
        await joined.end(signal.SIGTERM)


@asynccontextmanager
async def joining(endpoint: str, **keys: str) -> AsyncIterator[RemoteStay]:
    """A worker that joins from within this process, for as long as the block lasts."""
    options = JoinOptions(
        endpoint,
        name="lab",
        device="cpu",
        threads=1,
        installed=False,
        modules=(str(FAKES),),
        **keys,
    )
    stay = RemoteStay(options)
    running = asyncio.ensure_future(stay.run())
    try:
        yield stay
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
    assert not stay.session
