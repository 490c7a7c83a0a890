"""Memory lent to be filled: what is made in it goes to the worker without a copy, and it comes
back when nobody holds it."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from sensorium.clocks import WallClock
from sensorium.errors import ModelError
from sensorium.workers import CombinedExecutor, ModelHandle
from sensorium.workers.pool import PoolExecutor
from sensorium.workers.pool.arena import Outbox, Region, create_file

from .conftest import until, worker_pid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .conftest import Stand

VGA = (480, 640, 3)
SIZE = 1 << 20


@pytest.fixture
def outbox() -> Iterator[Outbox]:
    held = Outbox(Region(create_file(SIZE), SIZE, writable=True))
    yield held
    held.close()


def test_a_slot_is_held_by_any_view_of_it_and_then_given_back(outbox: Outbox) -> None:
    lent = outbox.lend((100, 1000), np.dtype(np.uint8))
    assert lent is not None
    view = lent[10:20].reshape(-1).view(np.uint16)
    view.flags.writeable = False
    del lent
    gc.collect()
    assert outbox.in_use >= 100_000
    assert outbox.find(view.view(np.uint8).data) == (0, 10_000)
    del view
    assert outbox.in_use >= 100_000  # the message that was found there holds it
    outbox.slots.release(0)
    assert outbox.in_use == 0


def test_other_memory_is_not_taken_for_lent(outbox: Outbox) -> None:
    lent = outbox.lend((1000,), np.dtype(np.float32))
    assert lent is not None
    assert outbox.find(np.zeros(1000, np.uint8).data) is None
    offset = outbox.put(np.ones(1000, np.uint8).data)  # in the arena, but not lent
    assert offset is not None
    assert outbox.region is not None
    assert outbox.find(outbox.region.memory(offset, 1000)) is None


def test_without_room_there_is_none_and_it_is_counted(outbox: Outbox) -> None:
    assert outbox.lend((SIZE + 1,), np.dtype(np.uint8)) is None
    assert outbox.refused == 1
    assert Outbox(None).lend((4,), np.dtype(np.uint8)) is None


def test_lent_memory_outlives_its_arena() -> None:
    outbox = Outbox(Region(create_file(SIZE), SIZE, writable=True))
    lent = outbox.lend((1000,), np.dtype(np.uint8))
    assert lent is not None
    outbox.close()
    lent[:] = 3
    assert lent.sum() == 3000


async def test_a_frame_that_was_made_in_place_is_not_copied(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied: list[Any] = []
    monkeypatch.setattr(Region, "write", lambda *arguments: copied.append(arguments))
    async with stand.pool("sums") as pool:
        await pool.load("sums")
        handle = ModelHandle(CombinedExecutor({"sums": pool}), "sums", WallClock())
        image = handle.buffer(VGA)
        assert isinstance(image, np.ndarray)
        image[...] = 0
        image[0, 0] = 1, 2, 3
        answers = await asyncio.gather(*(pool.infer("sums", {"image": image}) for _ in range(3)))
        assert answers == [6, 6, 6]
        image[0, 0] = 4
        assert await handle.infer({"image": image[:240]}) == 12  # a part of it
        assert not copied
        assert pool.statistics().workers[0].requests_shared >= image.nbytes
        del image
        gc.collect()
        assert pool.statistics().workers[0].requests_shared == 0


async def test_a_frame_made_for_a_worker_that_died_arrives_all_the_same(stand: Stand) -> None:
    async with stand.pool("sums") as pool:
        await pool.load("sums")
        image = pool.buffer("sums", VGA)
        image[...] = 1
        os.kill(worker_pid(pool), signal.SIGKILL)
        assert await pool.infer("sums", {"image": image}) == 3
        await until(lambda: pool.statistics().lost == 1)
        assert await pool.infer("sums", {"image": image}) == 3


async def test_where_there_is_no_such_memory_any_will_do(stand: Stand) -> None:
    async with stand.pool("sums", request_arena=0) as pool:
        assert pool.buffer("sums", VGA).flags.owndata  # not loaded
        await pool.load("sums")
        assert pool.buffer("sums", VGA, np.float32).flags.owndata
        assert pool.buffer("sums", (4,)).flags.owndata
        with pytest.raises(ModelError, match="not among the models"):
            pool.buffer("other", VGA)
        assert isinstance(pool, PoolExecutor)
