"""How what waits is divided over lanes and batches."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

import pytest

from sensorium.workers.options import PoolModel
from sensorium.workers.pool.entries import HALVE_BELOW_S, HALVE_FROM, Entry, share
from sensorium.workers.pool.lives import Lane, Life, Shipped
from sensorium.workers.pool.requests import Request

from .conftest import Stand, until


def _send(address: bytes, frames: list[Any]) -> bool:
    raise AssertionError("nothing is sent here")


def requests(entry: Entry, count: int) -> list[Request]:
    loop = asyncio.new_event_loop()
    loop.close()
    made = [Request(n, entry, None, 0, asyncio.Future(loop=loop)) for n in range(count)]
    for request in made:
        request.outcome.cancel()  # nobody will ask
    return made


def entry_with(lanes: int, waiting: int, batch_s: float) -> Entry:
    entry = Entry("m", PoolModel(use="m"), batch_s=batch_s)
    life = Life("cpu", b"token", _send, 0.0)
    entry.lanes = [Lane(life, entry, n, b"", 0.0) for n in range(lanes)]
    for request in requests(entry, waiting):
        entry.queue.push(request)
    return entry


def put_under_way(lane: Lane, count: int) -> None:
    lane.in_flight = deque([Shipped(1, requests(lane.entry, count), [])])


@pytest.mark.parametrize(
    ("lanes", "waiting", "under_way", "batch_s", "expected"),
    [
        (1, 63, 1, 0.0, 32),  # 64 callers: two batches of 32 from now on
        (1, 32, 32, 0.0, 32),
        (1, 64, 0, 0.0, 32),  # both batches were answered at once
        (1, 63, 1, 2 * HALVE_BELOW_S, 63),  # a slow model: a larger batch is worth more
        (1, HALVE_FROM - 1, 1, 0.0, HALVE_FROM - 1),  # a few: one batch
        (4, 8, 0, 0.0, 2),  # idle lanes divide the work
        (4, 8, 0, 1.0, 2),
        (2, 100, 0, 0.0, 25),
        (1, 1, 0, 0.0, 1),
    ],
)
def test_what_waits_is_divided(
    lanes: int, waiting: int, under_way: int, batch_s: float, expected: int
) -> None:
    entry = entry_with(lanes, waiting, batch_s)
    if under_way:
        put_under_way(entry.lanes[0], under_way)
    assert share(entry, entry.lanes[0]) == expected


async def test_many_callers_of_a_quick_model_keep_two_batches_under_way(stand: Stand) -> None:
    async with stand.pool(models={"batches": PoolModel(use="batches", max_batch=64)}) as pool:
        await pool.load("batches")
        sizes: list[int] = []

        async def call(number: int) -> None:
            for _ in range(30):
                sizes.append((await pool.infer("batches", number))["size"])

        await asyncio.gather(*(call(n) for n in range(64)))
        await until(lambda: pool.statistics().models["batches"].in_flight == 0)
        late = sizes[len(sizes) // 2 :]
        assert max(late) < 60  # not all of them in one batch, and then again
