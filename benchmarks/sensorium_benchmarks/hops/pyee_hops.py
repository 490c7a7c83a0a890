"""pyee: each stage is a coroutine handler, run in a task of its own, that emits the next event."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

from pyee.asyncio import AsyncIOEventEmitter

from sensorium_benchmarks.bus.note import CAPACITY, Note
from sensorium_benchmarks.hops.row import Enter, Exit, alone_of, stream_of


@asynccontextmanager
async def _opened(stages: int, out: Exit) -> AsyncIterator[Enter]:
    emitter = AsyncIOEventEmitter()

    def stage(after: str) -> None:
        async def receive(note: Note) -> None:
            emitter.emit(after, note)

        emitter.on(f"stage{int(after[5:]) - 1}", receive)

    async def last(note: Note) -> None:
        out(note)

    for number in range(1, stages):
        stage(f"stage{number}")
    emitter.on(f"stage{stages - 1}", last)

    async def enter(note: Note) -> None:
        emitter.emit("stage0", note)

    yield enter
    await emitter.wait_for_complete()


stream: Callable[[int, int], dict[str, float]] = partial(stream_of, _opened, window=CAPACITY)
alone: Callable[[int, int], dict[str, float]] = partial(alone_of, _opened)
