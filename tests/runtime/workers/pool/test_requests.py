"""What becomes of single requests: deadlines, cancelling, errors, streams, memory."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from sensorium.errors import (
    BadInput,
    Cancelled,
    DeadlineExceeded,
    ModelError,
    ModelUnavailable,
    SettingsError,
)
from sensorium.workers.pool import PoolModel

from .conftest import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from .conftest import Stand

VGA = (480, 640, 3)


# --- deadlines and cancelling -------------------------------------------------------------------


async def test_deadlines_expire_in_the_queue_and_in_flight(stand: Stand, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    async with stand.pool(models={"batches": PoolModel(use="batches", max_batch=1)}) as pool:
        await pool.load("batches")
        calls = [
            asyncio.ensure_future(pool.infer("batches", {"gate": str(gate)}, deadline=0.05))
            for _ in range(3)
        ]
        await until(lambda: pool.statistics().models["batches"].in_flight == 2)
        for call in calls:
            with pytest.raises(DeadlineExceeded, match=r"within 0\.05 s"):
                await call
        gate.touch()
        await until(lambda: pool.statistics().models["batches"].in_flight == 0)
        counts = pool.statistics().models["batches"]
        assert (counts.expired, counts.late, counts.batches) == (3, 2, 2)  # one was never sent
        assert (await pool.infer("batches", "next", deadline=5))["request"] == "next"
        assert pool.statistics().lost == 0


async def test_the_deadline_counts_while_the_model_loads(stand: Stand) -> None:
    async with stand.pool("echo") as pool:
        with pytest.raises(DeadlineExceeded):
            await pool.infer("echo", 1, deadline=0.001)
        assert await pool.infer("echo", 2) == 2


async def test_a_cancelled_caller_takes_its_request_out_of_the_queue(
    stand: Stand, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    async with stand.pool(models={"batches": PoolModel(use="batches", max_batch=1)}) as pool:
        await pool.load("batches")
        calls = [
            asyncio.ensure_future(pool.infer("batches", {"gate": str(gate)})) for _ in range(4)
        ]
        await until(lambda: pool.statistics().models["batches"].in_flight == 2)
        for call in calls[1:]:
            call.cancel()
        await asyncio.wait(calls[1:])
        assert all(call.cancelled() for call in calls[1:])
        assert pool.statistics().models["batches"].waiting == 0
        gate.touch()
        await calls[0]
        await until(lambda: pool.statistics().models["batches"].in_flight == 0)
        assert pool.statistics().models["batches"].batches == 2


async def test_closing_a_pool_answers_everybody(stand: Stand, tmp_path: Path) -> None:
    async with stand.pool(
        models={"batches": PoolModel(use="batches", max_batch=1)}, stop_s=0.05
    ) as pool:
        await pool.load("batches")
        calls = [
            asyncio.ensure_future(pool.infer("batches", {"gate": str(tmp_path / "never")}))
            for _ in range(3)
        ]
        stream = asyncio.ensure_future(anext(pool.stream("batches", {"x": 1})))
        await until(lambda: pool.statistics().models["batches"].waiting == 2)
    for call in (*calls, stream):
        with pytest.raises(Cancelled, match="closed"):
            await call
    with pytest.raises(ModelError, match="closed"):
        await pool.infer("batches", 1)


# --- errors -------------------------------------------------------------------------------------


async def test_errors_of_a_model_arrive_typed_and_the_innocent_are_answered(stand: Stand) -> None:
    async with stand.pool("troubled", "short") as pool:
        await pool.load("troubled")
        requests = [{"do": "nothing", "n": n} for n in range(10)]
        requests[4] = {"do": "raise", "words": "not this one"}
        requests[7] = {"do": "bad_input"}
        requests[8] = {"do": "exit"}
        answers = await asyncio.gather(
            *(pool.infer("troubled", request) for request in requests), return_exceptions=True
        )
        for number, answer in enumerate(answers):
            if number not in (4, 7, 8):
                assert answer == requests[number]
        assert type(answers[4]) is ModelError
        assert "ValueError: not this one" in str(answers[4])
        assert type(answers[7]) is BadInput
        assert "SystemExit: 3" in str(answers[8])
        assert pool.statistics().models["troubled"].failures == 3
        with pytest.raises(ModelError, match="1 requests with 0 results"):
            await pool.infer("short", 1)
        with pytest.raises(ModelError, match=r"result that cannot travel: .* object"):
            await pool.infer("troubled", {"do": "result", "what": "object"})
        with pytest.raises(ModelError, match="cannot be sent to another process"):
            await pool.infer("troubled", {"do": object()})
        assert pool.statistics().lost == 0


async def test_a_model_that_runs_out_of_memory_says_so_and_goes_on(stand: Stand) -> None:
    async with stand.pool("troubled") as pool:
        with pytest.raises(ModelError, match="MemoryError"):
            await pool.infer("troubled", {"do": "hog", "megabytes": 10**9})
        assert await pool.infer("troubled", {"do": "hog", "megabytes": 1}) == 1
        assert pool.statistics().lost == 0


async def test_a_model_that_cannot_be_loaded_says_why_and_the_others_work(stand: Stand) -> None:
    async with stand.pool("unavailable", "echo") as pool:
        for _ in range(2):
            with pytest.raises(ModelUnavailable, match="there are no weights"):
                await pool.infer("unavailable", 1)
        with pytest.raises(ModelUnavailable):
            await pool.load("unavailable")
        assert await pool.infer("echo", 1) == 1
        assert pool.loaded == ["echo"]


async def test_bad_options_are_named(stand: Stand) -> None:
    models = {"slow": PoolModel(use="batches", options={"second": 1})}
    async with stand.pool(models=models) as pool:
        with pytest.raises(SettingsError, match=r"models\.slow\.options\.second: unknown key"):
            await pool.load("slow")


async def test_what_a_worker_prints_is_logged_and_not_in_our_output(
    stand: Stand, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "sensorium.workers")
    async with stand.pool("troubled") as pool:
        await pool.infer("troubled", {"do": "print"})
        await until(lambda: "cpu: written by a library" in caplog.text)
    assert "cpu: printed by a model" in caplog.text
    assert capfd.readouterr().out == ""


# --- streams ------------------------------------------------------------------------------------


async def test_a_stream_gives_all_its_parts_in_order(stand: Stand) -> None:
    async with stand.pool("streamer") as pool:
        parts = [part async for part in pool.stream("streamer", {"parts": 500})]
        assert parts == list(range(500))
        assert [part async for part in pool.stream("streamer", {"parts": 0})] == []
        large = [p async for p in pool.stream("streamer", {"parts": 100, "size": 200_000})]
        assert [(part.shape, int(part[0]), int(part[-1])) for part in large] == [
            ((200_000,), n, n) for n in range(100)
        ]
        assert pool.statistics().workers[0].inline == 0


async def test_a_model_is_never_far_ahead_of_its_reader(stand: Stand, tmp_path: Path) -> None:
    log = tmp_path / "log"
    async with stand.pool("streamer") as pool:
        parts = pool.stream("streamer", {"parts": 10**9, "log": str(log)})
        for _ in range(100):
            await anext(parts)
        await parts.aclose()
        await until(log.exists)
        await until(lambda: log.read_text())
        made = int(log.read_text().removeprefix("closed after "))
        assert 100 <= made <= 100 + 34
        assert await pool.infer("streamer", {}) == "plain"  # the lane is free again


async def test_a_cancelled_reader_stops_the_stream_at_its_source(
    stand: Stand, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    async with stand.pool("streamer") as pool:
        seen = asyncio.Event()

        async def read() -> None:
            async for part in pool.stream("streamer", {"parts": 10**9, "log": str(log)}):
                if part == 10:
                    seen.set()

        reader = asyncio.ensure_future(read())
        await seen.wait()
        reader.cancel()
        await asyncio.wait([reader])
        await until(lambda: log.exists() and log.read_text())
        assert pool.statistics().models["streamer"].cancelled == 1


async def test_a_stream_that_fails_gives_its_parts_and_then_its_error(stand: Stand) -> None:
    async with stand.pool("streamer") as pool:
        got: list[int] = []
        with pytest.raises(ModelError, match="ValueError: enough"):
            await _read(pool.stream("streamer", {"parts": 9, "raise_at": 3}), got)
        assert got == [0, 1, 2]


async def _read(parts: AsyncIterator[int], into: list[int]) -> None:
    async for part in parts:
        into.append(part)


async def test_a_stream_ends_at_its_deadline(stand: Stand, tmp_path: Path) -> None:
    log = tmp_path / "log"
    async with stand.pool("streamer") as pool:
        await pool.load("streamer")
        with pytest.raises(DeadlineExceeded):
            async for _ in pool.stream("streamer", {"parts": 10**9, "log": str(log)}, deadline=0.1):
                pass
        await until(lambda: log.exists() and log.read_text())


# --- memory -------------------------------------------------------------------------------------


async def test_large_arrays_go_through_shared_memory_and_come_back(stand: Stand) -> None:
    image = np.random.default_rng(0).integers(0, 255, VGA, np.uint8)
    async with stand.pool("echo", "sums") as pool:
        for _ in range(30):
            back = await pool.infer("echo", {"image": image})
            np.testing.assert_array_equal(back["image"], image)
        expected = int(image[0, 0].sum())
        many = await asyncio.gather(*(pool.infer("sums", {"image": image}) for _ in range(64)))
        assert many == [expected] * 64
        worker = pool.statistics().workers[0]
        assert (worker.inline, worker.requests_shared) == (0, 0)


@pytest.mark.parametrize("arena", [0, 2_000_000])
async def test_without_room_in_shared_memory_arrays_go_through_the_socket(
    stand: Stand, arena: int
) -> None:
    image = np.random.default_rng(0).integers(0, 255, VGA, np.uint8)
    async with stand.pool("echo", request_arena=arena, result_arena=arena) as pool:
        many = await asyncio.gather(*(pool.infer("echo", [n, image]) for n in range(24)))
        for number, (n, back) in enumerate(many):
            assert n == number
            np.testing.assert_array_equal(back, image)
        await until(lambda: pool.statistics().workers[0].requests_shared == 0)
        assert (pool.statistics().workers[0].inline > 0) == (arena > 0)


async def test_the_memory_of_a_model_is_told_and_given_back(stand: Stand) -> None:
    async with stand.pool("heavy", "echo", heartbeat_s=0.02) as pool:

        def rss() -> int:
            return pool.statistics().workers[0].rss

        await pool.load("echo")
        await until(rss)
        before = rss()
        assert await pool.infer("heavy", 1) == 1
        assert 60 << 20 < pool.statistics().models["heavy"].memory < 80 << 20
        await until(lambda: rss() > before + (60 << 20))
        await pool.unload("heavy")
        assert pool.loaded == ["echo"]
        assert pool.statistics().models["heavy"].memory == 0
        await until(lambda: rss() < before + (8 << 20))
        assert await pool.infer("heavy", 1) == 1  # and back again
