"""Pools of small fake models, and proof that nothing is left of them."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sensorium.workers.pool import PoolExecutor, PoolModel, PoolOptions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from sensorium.payloads import Payload

FAKES = Path(__file__).parent / "fakes.py"
PROC = Path("/proc")
PATIENCE_S = 20.0


def processes() -> dict[int, int]:
    """Parents of all processes that are not zombies, by process id."""
    found = {}
    for folder in PROC.iterdir():
        if folder.name.isdigit():
            try:
                state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            except OSError:
                continue
            if state != "Z":
                found[int(folder.name)] = int(parent)
    return found


def children(parent: int) -> set[int]:
    """Living children of a process."""
    return {pid for pid, its_parent in processes().items() if its_parent == parent}


def descendants(ancestor: int) -> set[int]:
    """Living children of a process, and theirs."""
    parents, found = processes(), {ancestor}
    while new := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= new
    return found - {ancestor}


def exists(pid: int) -> bool:
    return pid in processes()


def state_of(pid: int) -> str:
    """The one-letter state of a process: T when stopped."""
    return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[0]


async def until(condition: Callable[[], Any], what: str = "") -> None:
    """Return once the condition holds; fail if it never does."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, f"never came about: {what or condition}"
        await asyncio.sleep(0.001)


class Stand:
    """Makes pools, and keeps what they announced."""

    def __init__(self) -> None:
        self.events: list[Payload] = []

    def told(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    @asynccontextmanager
    async def pool(
        self, *names: str, models: dict[str, PoolModel] | None = None, **options: Any
    ) -> AsyncIterator[PoolExecutor]:
        hosted = {name: PoolModel(use=name) for name in names} | (models or {})
        given = {"devices": ("cpu",), "spare": "none", "threads": 1} | options
        chosen = PoolOptions(installed=False, modules=(str(FAKES),), **given)
        async with PoolExecutor(hosted, chosen, on_event=self.events.append) as pool:
            yield pool


@pytest.fixture
def stand(no_leaks: None) -> Iterator[Stand]:
    """Pools whose processes, threads and descriptors must all be gone in the end."""
    before = children(os.getpid())
    yield Stand()
    assert children(os.getpid()) <= before


def worker_pid(pool: PoolExecutor, worker: str = "cpu") -> int:
    return next(w.pid for w in pool.statistics().workers if w.worker == worker)
