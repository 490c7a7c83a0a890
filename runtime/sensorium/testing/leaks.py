"""Tasks, threads and file descriptors before and after a component's life."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sensorium.testing.problem import Problem

ENDING_S = 1.0  # real seconds a thread may take to end after close
_DESCRIPTORS = Path("/proc/self/fd")  # Linux; elsewhere descriptors are not counted


@dataclass(frozen=True)
class Snapshot:
    """What is alive now."""

    tasks: frozenset[asyncio.Task[Any]]
    threads: frozenset[threading.Thread]
    descriptors: frozenset[tuple[str, str]]
    """(number, what it is)."""


def snapshot() -> Snapshot:
    """Take stock, once what nobody refers to has gone."""
    gc.collect()
    tasks = {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}
    # The loop's own pool keeps its threads for whoever comes next.
    threads = {t for t in threading.enumerate() if not t.name.startswith("asyncio_")}
    return Snapshot(frozenset(tasks), frozenset(threads), frozenset(_descriptors()))


async def settled_snapshot(before: Snapshot) -> Snapshot:
    """Take stock after giving new tasks and threads the time to end."""
    deadline = time.monotonic() + ENDING_S
    while True:
        await asyncio.sleep(0)
        after = snapshot()
        new = (after.tasks - before.tasks) or (after.threads - before.threads)
        if not new or time.monotonic() > deadline:
            return after
        await asyncio.sleep(0.02)


def problems(name: str, before: Snapshot, after: Snapshot) -> list[Problem]:
    """What a component called ``name`` left behind."""
    return list(_compare(name, before, after))


def _compare(name: str, before: Snapshot, after: Snapshot) -> Iterator[Problem]:
    for task in after.tasks - before.tasks:
        remedy = "Start tasks with self.context.spawn(coroutine, name=...): it ends them"
        yield Problem(name, f"leaves the task {task.get_name()!r} running after close", remedy)
        task.cancel()
    for thread in after.threads - before.threads:
        remedy = "Tell it to stop, and join it, in close"
        yield Problem(name, f"leaves the thread {thread.name!r} running after close", remedy)
    for _, what in after.descriptors - before.descriptors:
        yield Problem(name, f"leaves {what} open after close", "Close it in close")


def _descriptors() -> Iterator[tuple[str, str]]:
    if not _DESCRIPTORS.is_dir():
        return
    for number in os.listdir(_DESCRIPTORS):  # noqa: PTH208 - Path.iterdir keeps one open itself
        try:
            yield number, str((_DESCRIPTORS / number).readlink())
        except OSError:  # the listing's own descriptor has gone again
            continue
