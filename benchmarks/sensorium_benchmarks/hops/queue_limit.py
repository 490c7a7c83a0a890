"""The limit: one task a stage, and a bare ``asyncio.Queue`` before each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from itertools import pairwise

from sensorium_benchmarks.bus.note import CAPACITY, Note
from sensorium_benchmarks.hops.row import Enter, Exit, alone_of, stream_of


@asynccontextmanager
async def _opened(stages: int, out: Exit) -> AsyncIterator[Enter]:
    queues = [asyncio.Queue[Note](CAPACITY) for _ in range(stages)]

    async def stage(source: asyncio.Queue[Note], target: asyncio.Queue[Note]) -> None:
        while True:
            await target.put(await source.get())

    async def last(source: asyncio.Queue[Note]) -> None:
        while True:
            out(await source.get())

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(stage(*pair)) for pair in pairwise(queues)]
        tasks.append(group.create_task(last(queues[-1])))
        yield queues[0].put
        for task in tasks:
            task.cancel()


stream: Callable[[int, int], dict[str, float]] = partial(stream_of, _opened)
alone: Callable[[int, int], dict[str, float]] = partial(alone_of, _opened)
