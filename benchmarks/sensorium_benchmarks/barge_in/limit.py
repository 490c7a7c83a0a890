"""The limit: tasks and queues by hand; a generator in a thread."""

from __future__ import annotations

import asyncio
import threading
from functools import partial
from itertools import pairwise
from time import monotonic_ns

from sensorium_benchmarks.barge_in.interruptions import Stages, summary, tokens

_CAPACITY = 256


def stages(stages: int, queued: int, times: int) -> dict[str, float]:
    """Cancel the tasks, empty the queues, make new tasks."""

    async def run() -> dict[str, float]:
        state = Stages(stages)
        queues = [asyncio.Queue[int](_CAPACITY) for _ in range(stages + 1)]
        taken, cleared = [], 0
        tasks = _tasks(state, queues)
        for _ in range(times):
            for number in range(queued + 1):  # one is worked on
                queues[0].put_nowait(number)
            await state.all_busy()
            began = monotonic_ns()
            for task in tasks:
                task.cancel()
            for queue in queues[:-1]:
                while not queue.empty():
                    cleared += queue.get_nowait() >= 0
            queues[-1].get_nowait()  # what came out before
            await asyncio.wait(tasks)
            tasks = _tasks(state, queues)
            taken.append(monotonic_ns() - began)
            state.check(sum(queue.qsize() for queue in queues))
        for task in tasks:
            task.cancel()
        return {**summary(taken), "cleared": cleared / times}

    return asyncio.run(run())


def _tasks(state: Stages, queues: list[asyncio.Queue[int]]) -> list[asyncio.Task[None]]:
    async def stage(source: asyncio.Queue[int], target: asyncio.Queue[int]) -> None:
        while True:
            event = await source.get()
            await state.work(partial(target.put, event))

    pairs = pairwise(queues)
    return [asyncio.create_task(stage(*pair)) for pair in pairs]


def generation(token_ms: float, times: int) -> dict[str, float]:
    """Tell a thread to stop between two tokens."""
    taken = []
    for _ in range(times):
        closed: list[int] = []
        stop, running = threading.Event(), threading.Event()

        def generate(stop: threading.Event = stop, running: threading.Event = running) -> None:
            parts = tokens(token_ms, closed)  # noqa: B023 - ends within the round
            for number in parts:
                if number == 2:
                    running.set()
                if stop.is_set():
                    break
            parts.close()

        thread = threading.Thread(target=generate)
        thread.start()
        running.wait()
        began = monotonic_ns()
        stop.set()
        thread.join()
        taken.append(closed[0] - began)
    return summary(taken)
