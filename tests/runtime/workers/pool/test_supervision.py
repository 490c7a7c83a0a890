"""Workers that die, hang or stop: each is noticed, counted, replaced, and nobody waits in vain."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from sensorium.errors import DeadlineExceeded, ModelError, PoisonedRequest, WorkerLost
from sensorium.payloads.system import RequestRetried, WorkerReady, WorkerRestarted
from sensorium.payloads.system import WorkerLost as WorkerLostEvent
from sensorium.workers.pool import PoolExecutor, PoolModel, PoolOptions

from .conftest import FAKES, PROC, descendants, exists, state_of, until, worker_pid

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from .conftest import Stand


async def test_a_killed_worker_is_replaced_and_its_request_answered(
    stand: Stand, tmp_path: Path
) -> None:
    gate, mark = tmp_path / "gate", tmp_path / "mark"
    async with stand.pool("troubled") as pool:
        await pool.load("troubled")
        pid = worker_pid(pool)
        request = {"do": "wait", "gate": str(gate), "mark": str(mark)}
        call = asyncio.ensure_future(pool.infer("troubled", request))
        await until(mark.exists, "the request runs")
        os.kill(pid, signal.SIGKILL)
        await until(lambda: stand.told(WorkerLostEvent), "the loss is noticed")
        gate.touch()
        assert await call == request
        assert mark.read_text() == "xx"
        lost = stand.told(WorkerLostEvent)[0]
        assert (lost.worker, lost.pid, lost.in_flight) == ("cpu", pid, 1)
        assert "SIGKILL" in lost.reason
        retried = stand.told(RequestRetried)
        assert [(r.model, r.worker, r.attempt) for r in retried] == [("troubled", "cpu", 2)]
        assert [event.how for event in stand.told(WorkerRestarted)] == ["cold"]
        assert worker_pid(pool) != pid
        epochs = [event.epoch for event in stand.told(WorkerReady)]
        assert epochs == sorted(set(epochs))
        assert len(epochs) == 2
        assert pool.statistics().models["troubled"].retries == 1


async def test_a_stopped_worker_is_killed_and_its_late_answer_dropped(
    stand: Stand, tmp_path: Path
) -> None:
    gate, mark = tmp_path / "gate", tmp_path / "mark"
    async with stand.pool("troubled", heartbeat_s=0.05, hang_s=0.4) as pool:
        await pool.load("troubled")
        pid = worker_pid(pool)
        request = {"do": "wait", "gate": str(gate), "mark": str(mark)}
        call = asyncio.ensure_future(pool.infer("troubled", request))
        await until(mark.exists, "the request runs")
        os.kill(pid, signal.SIGSTOP)
        await until(lambda: state_of(pid) == "T", "it is stopped")
        gate.touch()
        assert await call == request
        assert not exists(pid)
        lost = stand.told(WorkerLostEvent)
        assert len(lost) == 1
        assert "not heard of" in lost[0].reason


async def test_a_loop_that_stood_still_blames_no_worker(stand: Stand) -> None:
    async with stand.pool("echo", heartbeat_s=0.05, hang_s=0.3) as pool:
        pid = await pool.infer("echo", "pid")
        threading.Event().wait(0.8)  # our loop is blocked, the worker is well
        for _ in range(20):
            assert await pool.infer("echo", "pid") == pid
            await asyncio.sleep(0.001)
        assert pool.statistics().lost == 0


async def test_a_request_that_hangs_past_its_deadline_costs_the_worker_only_its_own(
    stand: Stand, tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    async with stand.pool("troubled", grace_s=0.2) as pool:
        await pool.load("troubled")
        pid = worker_pid(pool)
        hung = asyncio.ensure_future(
            pool.infer("troubled", {"do": "hang", "mark": str(mark)}, deadline=0.1)
        )
        await until(mark.exists, "it hangs")
        waiting = [asyncio.ensure_future(pool.infer("troubled", n)) for n in range(5)]
        with pytest.raises(DeadlineExceeded):
            await hung
        assert exists(pid)
        assert await asyncio.gather(*waiting) == list(range(5))
        assert not exists(pid)
        assert "still busy with request" in stand.told(WorkerLostEvent)[0].reason
        assert mark.read_text() == "x"  # not tried again


async def test_poison_in_a_batch_is_found_and_the_innocent_are_answered(
    stand: Stand, tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    async with stand.pool("troubled", "batches", spare="blank") as pool:
        await pool.load("batches")
        await pool.load("troubled")
        requests: list[object] = list(range(12))
        requests[5] = {"do": "die", "mark": str(mark)}
        answers = await asyncio.gather(
            *(pool.infer("troubled", request) for request in requests), return_exceptions=True
        )
        poison = answers.pop(5)
        assert isinstance(poison, PoisonedRequest)
        assert (poison.model, poison.deaths) == ("troubled", 2)
        assert answers == [n for n in range(12) if n != 5]
        # In its batch, and twice alone; once more when the answer to the batch before it died
        # with the worker, so that the suspicion fell on that one.
        deaths = len(mark.read_text())
        assert deaths in (3, 4)
        assert pool.statistics().lost == deaths
        assert (await pool.infer("batches", 1))["size"] == 1


async def test_bad_luck_is_no_poison(stand: Stand, tmp_path: Path) -> None:
    async with stand.pool("troubled") as pool:
        request = {"do": "once", "mark": str(tmp_path / "mark")}
        assert await pool.infer("troubled", request) == request
        assert pool.statistics().lost == 1


async def test_without_retries_a_request_fails_with_its_worker(
    stand: Stand, tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    async with stand.pool("troubled", retries=0) as pool:
        with pytest.raises(WorkerLost, match="killed by SIGKILL") as caught:
            await pool.infer("troubled", {"do": "die", "mark": str(mark)})
        assert (caught.value.worker, caught.value.retryable) == ("cpu", True)
        assert mark.read_text() == "x"
        assert await pool.infer("troubled", 1) == 1


async def test_a_stream_is_tried_again_only_before_its_first_part(stand: Stand) -> None:
    async with stand.pool("streamer") as pool:
        got: list[int] = []
        with pytest.raises(WorkerLost):
            await _read(pool.stream("streamer", {"parts": 9, "die_at": 3}), got)
        assert got == list(range(len(got)))
        assert pool.statistics().models["streamer"].retries == 0
        with pytest.raises(PoisonedRequest):
            await _read(pool.stream("streamer", {"parts": 9, "die_at": 0}), got)
        assert pool.statistics().models["streamer"].retries == 1
        assert await pool.infer("streamer", {}) == "plain"


async def _read(parts: AsyncIterator[int], into: list[int]) -> None:
    async for part in parts:
        into.append(part)


async def test_a_model_that_kills_its_worker_while_loading_is_given_up(stand: Stand) -> None:
    async with stand.pool("diesloading", max_failures=3, backoff_s=0.01) as pool:
        with pytest.raises(WorkerLost, match="given up: killed by SIGKILL") as caught:
            await pool.load("diesloading")
        assert caught.value.worker == "cpu"
        assert pool.statistics().lost == 3
        hows = [event.how for event in stand.told(WorkerRestarted)]
        assert hows == ["cold", "cold", "given_up"]
        with pytest.raises(WorkerLost):
            await pool.infer("diesloading", 1)  # asked again, it is tried again
        assert pool.statistics().lost == 6


async def test_what_a_worker_started_ends_with_it(stand: Stand) -> None:
    async with stand.pool("troubled") as pool:
        child = await pool.infer("troubled", {"do": "child"})
        assert exists(child)
        os.kill(worker_pid(pool), signal.SIGKILL)
        await until(lambda: stand.told(WorkerLostEvent))
        await until(lambda: not exists(child), "the grandchild is gone")
        await pool.infer("troubled", 1)


@pytest.mark.parametrize("spare", ["blank", "warm"])
async def test_a_spare_takes_over(stand: Stand, spare: str) -> None:
    async with stand.pool("echo", spare=spare) as pool:
        first = await pool.infer("echo", "pid")
        standing_by = {"blank": "loading", "warm": "spare"}[spare]

        def spares() -> list[int]:
            ready = [w for w in pool.statistics().workers if w.state == standing_by]
            return [w.pid for w in ready if spare == "blank" or w.device]

        await until(spares, "a spare stands by")
        expected = spares()
        os.kill(first, signal.SIGKILL)
        await until(lambda: stand.told(WorkerLostEvent))
        assert [await pool.infer("echo", "pid")] == expected
        assert [event.how for event in stand.told(WorkerRestarted)] == [spare]
        await until(lambda: spares() and spares() != expected, "there is a new spare")
        os.kill(spares()[0], signal.SIGKILL)  # one that dies in waiting is no loss to anyone
        assert [await pool.infer("echo", "pid")] == expected


async def test_many_kills_under_load_lose_nothing_and_answer_nothing_twice(
    stand: Stand, tmp_path: Path
) -> None:
    kills, answers = 20, Counter[int]()
    image = np.zeros((200, 200, 3), np.uint8)
    numbers = iter(range(10**9))
    done = asyncio.Event()
    async with stand.pool("echo", devices=("cpu", "cpu"), spare="blank") as pool:

        async def caller() -> None:
            while not done.is_set():
                number = next(numbers)
                back, _ = await pool.infer("echo", [number, image])
                answers[back] += 1
                assert back == number

        await pool.load("echo")
        callers = [asyncio.ensure_future(caller()) for _ in range(16)]
        for kill in range(kills):
            before = sum(answers.values())
            await until(lambda before=before: sum(answers.values()) > before + 50)  # type: ignore[misc]
            alive = [w for w in pool.statistics().workers if w.state == "ready" and w.outstanding]
            if not alive:
                await until(lambda: any(w.outstanding for w in pool.statistics().workers))
                alive = [w for w in pool.statistics().workers if w.outstanding]
            os.kill(alive[kill % len(alive)].pid, signal.SIGKILL)
            await until(lambda kill=kill: len(stand.told(WorkerLostEvent)) == kill + 1)  # type: ignore[misc]
        done.set()
        await asyncio.gather(*callers)
        counts = pool.statistics().models["echo"]
        assert counts.failures == 0
        assert counts.retries > 0
        assert sum(answers.values()) == counts.requests
        assert set(answers.values()) == {1}
        assert pool.statistics().lost == kills
        await until(lambda: all(not w.requests_shared for w in pool.statistics().workers))


PARENT = """
import asyncio, sys
from sensorium.workers.pool import PoolExecutor, PoolModel, PoolOptions

async def main():
    options = PoolOptions(devices=("cpu", "cpu"), installed=False, modules=(sys.argv[1],))
    async with PoolExecutor({"troubled": PoolModel(use="troubled")}, options) as pool:
        await pool.load("troubled")
        while pool.statistics().models["troubled"].copies < 2 or (
            sum(worker.pid > 0 for worker in pool.statistics().workers) < 3
        ):
            await asyncio.sleep(0.001)
        mark = sys.argv[2]
        calls = [pool.infer("troubled", {"do": "hang", "mark": mark}) for _ in range(2)]
        running = asyncio.gather(*calls)
        print(*(worker.pid for worker in pool.statistics().workers), flush=True)
        await running

asyncio.run(main())
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
async def test_nothing_is_left_when_the_parent_is_killed(
    no_leaks: None, tmp_path: Path, how: signal.Signals
) -> None:
    mark = tmp_path / "mark"
    command = [sys.executable, "-c", PARENT, str(FAKES), str(mark)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        workers = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(workers) == 3
        family = descendants(parent.pid)
        assert len(family) == 4  # the template, too
        assert set(workers) <= family
        await until(lambda: mark.exists() and len(mark.read_text()) == 2, "both workers are busy")
        sockets = abstract_sockets(family | {parent.pid})
        assert sockets
        os.kill(parent.pid, how)
        assert parent.wait() == -how
        await until(lambda: not any(exists(pid) for pid in family), "all of them are gone")
    assert not sockets & set(named_sockets().values())


def named_sockets() -> dict[str, str]:
    """Abstract sockets of pools on this machine, by inode."""
    rows = (line.split() for line in Path("/proc/net/unix").read_text().splitlines())
    return {row[-2]: row[-1] for row in rows if row[-1].startswith("@sensorium-")}


def abstract_sockets(pids: set[int]) -> set[str]:
    """Those that these processes hold."""
    held = set()
    for pid in pids:
        for file in (PROC / str(pid) / "fd").iterdir():
            with suppress(FileNotFoundError):  # closed meanwhile: they are at work
                held.add(str(file.readlink()).removeprefix("socket:[").removesuffix("]"))
    return {name for inode, name in named_sockets().items() if inode in held}


async def test_a_worker_that_cannot_start_is_reported(stand: Stand, tmp_path: Path) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("import os\nos.write(2, b'I cannot\\n')\nos._exit(9)\n")
    options: dict[str, Any] = {"modules": (str(broken),), "max_failures": 2}
    given = PoolOptions(devices=("cpu",), installed=False, spare="none", **options)
    async with PoolExecutor({"echo": PoolModel(use="echo")}, given) as pool:
        with pytest.raises(ModelError, match=r"given up: exit status 9; it last said: I cannot"):
            await pool.load("echo")
