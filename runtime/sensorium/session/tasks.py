"""A named group of tasks with an owner: nothing runs in Sensorium that nobody will end.

Unlike ``asyncio.TaskGroup``, one failing task does not cancel the others (a component's failure
is its own), and ending has a time limit after which whoever still runs is named instead of
waited for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class TaskScope:
    """Owns tasks from :meth:`spawn` to :meth:`cancel`. ``on_error`` hears what a task raised."""

    def __init__(self, on_error: Callable[[str, Exception], None]) -> None:
        self._on_error = on_error
        self._tasks: set[asyncio.Task[Any]] = set()

    def spawn(self, coroutine: Coroutine[Any, Any, T], *, name: str) -> asyncio.Task[T]:
        """Run ``coroutine`` until it ends or the scope is cancelled."""
        task = asyncio.get_running_loop().create_task(coroutine, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._forget)
        return task

    async def cancel(self, timeout_s: float) -> list[str]:
        """Cancel every task and wait; returns the names of those that did not end in time."""
        end = asyncio.get_running_loop().time() + timeout_s
        cancelled: set[asyncio.Task[Any]] = set()
        while running := self._tasks - {asyncio.current_task()}:
            for task in running - cancelled:  # also those that others began while they ended
                task.cancel()
            cancelled |= running
            left = end - asyncio.get_running_loop().time()
            done, stuck = await asyncio.wait(
                running, timeout=max(0, left), return_when=asyncio.FIRST_COMPLETED
            )
            if not done and left <= 0:
                return sorted(task.get_name() for task in stuck)
        return []

    def __len__(self) -> int:
        return len(self._tasks)

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if isinstance(error, Exception):
            self._on_error(task.get_name(), error)
