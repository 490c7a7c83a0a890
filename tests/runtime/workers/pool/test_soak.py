"""Many random courses of events, and many deaths. ``SENSORIUM_SOAK=1`` runs a thousand of the
first and a hundred of the second; without it a few, to see that the test itself works."""

from __future__ import annotations

import asyncio
import gc
import itertools
import os
import random
import signal
import time
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from sensorium.errors import SensoriumError
from sensorium.workers.pool import PoolExecutor, PoolModel

from .conftest import PROC, children, until, worker_pid

if TYPE_CHECKING:
    from .conftest import Stand

FULL = os.environ.get("SENSORIUM_SOAK") == "1"
SCHEDULES, POOLS = (1000, 50) if FULL else (60, 3)
DEATHS = 100 if FULL else 5
END_S, BACK_S = 2.0, 1.0


def held() -> dict[str, int]:
    """What of the system this process holds."""
    maps = (PROC / "self" / "maps").read_text(encoding="utf-8")
    return {
        "descriptors": len(list((PROC / "self" / "fd").iterdir())),
        "segments": maps.count("memfd:sensorium"),
        "tasks": len(asyncio.all_tasks()),
        "children": len(children(os.getpid())),
    }


class Schedule:
    """One random course: requests and streams begin, stall, are cancelled, and end."""

    def __init__(self, pool: PoolExecutor, seed: int, outcomes: Counter[str]) -> None:
        self._pool = pool
        self._random = random.Random(seed)
        self._outcomes = outcomes
        self._numbers = itertools.count(seed * 1000)
        self._calls: list[asyncio.Task[None]] = []

    async def run(self) -> float:
        """Seconds that its last call took to end once nothing new began."""
        for _ in range(self._random.randint(1, 12)):
            what = self._random.choice(["ask", "ask", "ask", "read", "cancel", "turn", "wait"])
            if what == "ask":
                self._calls.append(asyncio.create_task(self._ask(next(self._numbers))))
            elif what == "read":
                self._calls.append(asyncio.create_task(self._read(next(self._numbers))))
            elif what == "cancel" and self._calls:
                self._random.choice(self._calls).cancel()
            elif what == "wait" and self._calls:
                await asyncio.wait([self._random.choice(self._calls)])
            else:
                await asyncio.sleep(0)
        began = time.monotonic()
        if self._calls:
            _, late = await asyncio.wait(self._calls, timeout=END_S)
            assert not late, f"still there after {END_S} s"
        for call in self._calls:
            if not call.cancelled():
                call.result()
        return time.monotonic() - began

    async def _ask(self, number: int) -> None:
        choose = self._random
        request = {"n": number, "s": choose.choice([0, 0, 0, 0.001, 0.02])}
        deadline = choose.choice([None, 5.0, 0.01, 0.001])
        if choose.random() < 0.01:
            request["s"], deadline = 60, 0.05  # hangs: the worker is killed for it
        try:
            answer = await self._pool.infer(
                "stalls", request, deadline=deadline, priority=choose.choice([0, 0, 0, 1]),
                supersede=choose.choice(["", "", "", "eye"]),
            )  # fmt: skip
            assert answer == number
            self._outcomes["answered"] += 1
        except SensoriumError as error:
            self._outcomes[type(error).__name__] += 1

    async def _read(self, number: int) -> None:
        choose = self._random
        request = {"n": number, "parts": choose.choice([0, 3, 100, 10**6]), "s": 0.0001}
        parts = self._pool.stream("stalls", request, deadline=choose.choice([None, 0.05]))
        wanted = choose.choice([0, 2, 50])
        try:
            for part in range(wanted):
                if await anext(parts, None) != [number, part]:
                    break
            self._outcomes["read"] += 1
        except SensoriumError as error:
            self._outcomes[type(error).__name__] += 1
        finally:
            await parts.aclose()


@pytest.mark.timeout(1800)
async def test_every_course_of_events_comes_to_its_end(stand: Stand) -> None:
    models = {"stalls": PoolModel(use="stalls", max_batch=4, concurrency=2)}
    outcomes: Counter[str] = Counter()
    longest, before = 0.0, held()
    for number in range(POOLS):
        async with stand.pool(models=models, grace_s=0.1, retries=5, spare="blank") as pool:
            await pool.load("stalls")
            seeds = range(SCHEDULES // POOLS)
            for chosen in _fours(seeds):
                runs = [Schedule(pool, number * 1000 + s, outcomes).run() for s in chosen]
                longest = max(longest, *(await asyncio.gather(*runs)))
            await until(lambda p=pool: _idle(p), "nothing is under way")  # type: ignore[misc]
            last = [asyncio.create_task(_forever(pool, n)) for n in range(8)]
            for _ in range(random.Random(number).randrange(5)):
                await asyncio.sleep(0)
            began = time.monotonic()  # the end comes in the middle of it
        _, late = await asyncio.wait(last, timeout=END_S)
        longest = max(longest, time.monotonic() - began)
        assert not late
        assert longest < END_S
    gc.collect()
    await until(lambda: held() == before, f"{before} again")
    print(f"{SCHEDULES} schedules, the longest end {longest:.2f} s: {dict(outcomes)}")
    assert outcomes["answered"] > SCHEDULES / 2
    assert outcomes["DeadlineExceeded"]
    assert outcomes["read"]


def _fours(seeds: range) -> list[range]:
    return [seeds[start : start + 4] for start in range(0, len(seeds), 4)]


def _idle(pool: PoolExecutor) -> bool:
    counts = pool.statistics().models["stalls"]
    return not counts.waiting and not counts.in_flight


async def _forever(pool: PoolExecutor, number: int) -> None:
    with suppress(SensoriumError):  # the pool is closed
        while True:
            await pool.infer("stalls", {"n": number})


@pytest.mark.timeout(600)
async def test_no_request_is_lost_or_answered_twice_when_workers_die_under_load(
    stand: Stand,
) -> None:
    answers: Counter[int] = Counter()
    numbers = itertools.count()
    waits: list[float] = []
    over = False

    async def call(pool: PoolExecutor) -> None:
        while not over:
            number = next(numbers)
            assert await pool.infer("echo", number) == number
            answers[number] += 1

    async with stand.pool("echo", retries=20, spare="blank") as pool:
        await pool.load("echo")
        callers = [asyncio.create_task(call(pool)) for _ in range(32)]
        for death in range(DEATHS):
            enough = len(answers) + 200
            await until(lambda e=enough: len(answers) > e)  # type: ignore[misc]
            epoch = _epoch(pool)
            os.kill(worker_pid(pool), signal.SIGKILL)
            killed = time.monotonic()
            await until(lambda d=death: pool.statistics().lost > d)  # type: ignore[misc]
            known = len(answers)
            await until(lambda k=known: len(answers) > k)  # type: ignore[misc]
            waits.append(time.monotonic() - killed)
            assert _epoch(pool) not in (0, epoch)
        over = True
        await asyncio.gather(*callers)
        statistics = pool.statistics()
    asked = next(numbers)
    assert statistics.lost >= DEATHS
    assert set(answers) == set(range(asked))
    assert set(answers.values()) == {1}
    assert statistics.models["echo"].failures == 0
    middle, worst = sorted(waits)[len(waits) // 2] * 1000, max(waits) * 1000
    retries = statistics.models["echo"].retries
    print(f"{DEATHS} deaths, {asked} requests, {retries} tried again; back after {middle:.0f} ms,")
    print(f"at most {worst:.0f} ms")
    assert max(waits) < BACK_S


def _epoch(pool: PoolExecutor) -> int:
    """Of the life that serves, once it is ready."""
    lives = [w for w in pool.statistics().workers if w.worker == "cpu" and w.state == "ready"]
    return lives[0].epoch if lives else 0
