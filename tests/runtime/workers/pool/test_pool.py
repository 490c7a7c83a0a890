"""A pool answers: batching, order, deadlines, streams, large arrays, errors."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from sensorium.errors import (
    Cancelled,
    DeadlineExceeded,
    ModelError,
    SettingsError,
    UnknownName,
)
from sensorium.payloads.system import WorkerLost, WorkerReady
from sensorium.workers.pool import PoolExecutor, PoolModel, PoolOptions

from .conftest import exists, until, worker_pid

if TYPE_CHECKING:
    from .conftest import Stand

VGA = (480, 640, 3)


async def test_a_model_answers_from_another_process(stand: Stand) -> None:
    async with stand.pool("echo") as pool:
        assert pool.loaded == []
        pid = await pool.infer("echo", "pid")
        assert pid != os.getpid()
        assert pid == worker_pid(pool)
        assert pool.loaded == ["echo"]
        ready = stand.told(WorkerReady)
        assert [(event.worker, event.device, event.pid) for event in ready] == [("cpu", "cpu", pid)]
        given = {"text": "é", "list": [1, 2.5, None, b"x"], "array": np.arange(6.0).reshape(2, 3)}
        back = await pool.infer("echo", given)
        np.testing.assert_array_equal(back.pop("array"), given.pop("array"))
        assert back == given
    assert not exists(pid)
    assert not stand.told(WorkerLost)


async def test_several_models_share_a_worker_and_one_model_runs_on_several(stand: Stand) -> None:
    models = {"here": PoolModel(use="echo", workers=("cpu-2",)), "both": PoolModel(use="batches")}
    async with stand.pool("echo", models=models, devices=("cpu", "cpu")) as pool:
        assert await pool.infer("here", "pid") == worker_pid(pool, "cpu-2")
        await pool.load("both")
        await until(lambda: pool.statistics().models["both"].copies == 2)
        gate = "/nonexistent"
        both = [asyncio.ensure_future(pool.infer("both", {"gate": gate})) for _ in range(2)]
        await until(lambda: all(w.outstanding for w in pool.statistics().workers), "load spread")
        for call in both:
            call.cancel()


async def test_unknown_names_are_named(stand: Stand) -> None:
    async with stand.pool("echo", models={"odd": PoolModel(use="nothing_like_it")}) as pool:
        with pytest.raises(ModelError, match="not among the models of this pool: echo, odd"):
            await pool.infer("ecko", 1)
        with pytest.raises(UnknownName, match="There are: batches, diesloading, echo"):
            await pool.infer("odd", 1)
        assert await pool.infer("echo", 1) == 1
    with pytest.raises(SettingsError, match=r"worker 'cuda:3'; there are: cpu"):
        PoolExecutor(
            {"echo": PoolModel(use="echo", workers=("cuda:3",))}, PoolOptions(devices=("cpu",))
        )


async def test_copies_of_a_model_run_at_the_same_time(stand: Stand, tmp_path: Path) -> None:
    gate, mark = tmp_path / "gate", tmp_path / "mark"
    models = {"troubled": PoolModel(use="troubled", concurrency=2)}
    async with stand.pool(models=models) as pool:
        await pool.load("troubled")
        await until(lambda: pool.statistics().models["troubled"].copies == 2)
        request = {"do": "wait", "gate": str(gate), "mark": str(mark)}
        calls = [asyncio.ensure_future(pool.infer("troubled", request)) for _ in range(2)]
        await until(lambda: mark.exists() and mark.read_text() == "xx", "both run")
        gate.touch()
        await asyncio.gather(*calls)


async def test_a_model_that_one_worker_cannot_load_runs_on_the_other(
    stand: Stand, tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    models = {"onlyonce": PoolModel(use="onlyonce", options={"mark": str(mark)})}
    async with stand.pool(models=models, devices=("cpu", "cpu")) as pool:
        assert await asyncio.gather(*(pool.infer("onlyonce", n) for n in range(9))) == [*range(9)]
        await until(lambda: mark.read_text() == "xx", "the other has tried")
        assert [await pool.infer("onlyonce", n) for n in range(9)] == [*range(9)]
        assert mark.read_text() == "xx"  # and does not try again with each request


async def test_a_model_can_be_unloaded_while_it_loads(stand: Stand, tmp_path: Path) -> None:
    gate, gone = tmp_path / "gate", tmp_path / "gone"
    options = {"gate": str(gate), "gone": str(gone)}
    models = {"slow": PoolModel(use="slowtoload", options=options)}
    async with stand.pool("echo", models=models) as pool:
        pid = await pool.infer("echo", "pid")
        with pytest.raises(DeadlineExceeded):
            await pool.infer("slow", 1, deadline=0.05)
        unloading = asyncio.ensure_future(pool.unload("slow"))
        await asyncio.sleep(0)
        gate.touch()
        await unloading
        assert gone.exists()
        assert await pool.infer("slow", 2) == 2
        assert await pool.infer("echo", "pid") == pid


# --- batching -----------------------------------------------------------------------------------


async def test_at_most_two_batches_are_in_flight_and_what_waits_is_the_next(
    stand: Stand, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    models = {"batches": PoolModel(use="batches", max_batch=16)}
    async with stand.pool(models=models) as pool:
        await pool.load("batches")
        calls = [
            asyncio.ensure_future(pool.infer("batches", {"gate": str(gate), "n": n}))
            for n in range(40)
        ]
        await until(lambda: pool.statistics().models["batches"].batches == 2)
        await asyncio.sleep(0)
        counts = pool.statistics().models["batches"]
        assert (counts.batches, counts.in_flight, counts.waiting) == (2, 17, 23)
        gate.touch()
        answers = await asyncio.gather(*calls)
    assert [answer["request"]["n"] for answer in answers] == list(range(40))
    sizes = [answer["size"] for answer in answers]
    assert sizes[:17] == [1] + 16 * [16]
    assert all(size <= 16 for size in sizes)


async def test_a_caller_alone_is_sent_at_once(stand: Stand) -> None:
    async with stand.pool("batches") as pool:
        await pool.load("batches")
        call = asyncio.ensure_future(pool.infer("batches", 1))
        await asyncio.sleep(0)  # the call has begun, nothing more
        assert pool.statistics().models["batches"].in_flight == 1
        assert (await call)["size"] == 1


async def test_batches_are_full_under_load(stand: Stand) -> None:
    async with stand.pool("batches") as pool:

        async def caller() -> None:
            for n in range(20):
                assert (await pool.infer("batches", n))["request"] == n

        await pool.load("batches")
        await asyncio.gather(*(caller() for _ in range(64)))
        counts = pool.statistics().models["batches"]
        assert counts.requests == 64 * 20
        assert counts.mean_batch > 20


async def test_a_batch_is_limited_by_bytes(stand: Stand) -> None:
    models = {"batches": PoolModel(use="batches", max_batch_bytes=3500)}
    async with stand.pool(models=models) as pool:
        await pool.load("batches")
        answers = await asyncio.gather(*(pool.infer("batches", bytes(1000)) for _ in range(8)))
        assert max(answer["size"] for answer in answers) == 3


async def test_priority_and_superseding_among_those_that_wait(stand: Stand, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    order: list[str] = []
    async with stand.pool(models={"batches": PoolModel(use="batches", max_batch=1)}) as pool:

        async def call(name: str, priority: int = 0, supersede: str = "") -> None:
            await pool.infer("batches", {"gate": str(gate)}, priority=priority, supersede=supersede)
            order.append(name)

        await pool.load("batches")
        first = [asyncio.ensure_future(call(f"sent {n}", supersede="eye")) for n in range(2)]
        await until(lambda: pool.statistics().models["batches"].in_flight == 2)
        old = asyncio.ensure_future(call("old frame", supersede="eye"))
        rest = [
            asyncio.ensure_future(call("low", -1)),
            asyncio.ensure_future(call("new frame", supersede="eye")),
            asyncio.ensure_future(call("high", 1)),
        ]
        with pytest.raises(Cancelled, match="newer request"):
            await old
        assert not gate.exists()  # it heard at once, not when its turn came
        gate.touch()
        await asyncio.gather(*first, *rest)
        assert pool.statistics().models["batches"].superseded == 1
    assert order == ["sent 0", "sent 1", "high", "new frame", "low"]
