"""Workers that join over TCP: they serve like any other, leave, come back, and leave nothing."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from sensorium.errors import DeadlineExceeded, ModelUnavailable, SettingsError
from sensorium.payloads.system import RequestRetried, WorkerLost, WorkerReady
from sensorium.workers.pool import PoolExecutor, PoolModel, PoolOptions

from .conftest import descendants, until
from .remote_parts import ANYWHERE, QUICK, Joined, Keys, commanded, endpoint_of, joining

if TYPE_CHECKING:
    from .conftest import Stand

ALONE = {"devices": (), "listen": ANYWHERE, **QUICK}


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path / "keys")


def session_of(worker: Joined) -> int:
    (pid,) = descendants(worker.pid)
    return pid


async def test_a_remote_worker_with_a_key_does_all_that_a_local_one_does(
    stand: Stand, keys: Keys
) -> None:
    async with stand.pool("echo", "streamer", **ALONE, **keys.of_pool) as pool:
        waiting = asyncio.ensure_future(pool.infer("echo", "pid", deadline=20.0))
        async with commanded(endpoint_of(pool), *keys.arguments()) as worker:
            assert await waiting == session_of(worker)
            image = np.arange(480 * 640 * 3, dtype=np.uint8).reshape(480, 640, 3)
            back = await pool.infer("echo", {"image": image, "n": [1.5, "é", None]})
            assert np.array_equal(back["image"], image)
            assert back["n"] == [1.5, "é", None]
            answers = await asyncio.gather(*(pool.infer("echo", n) for n in range(200)))
            assert answers == [*range(200)]
            parts = [part async for part in pool.stream("streamer", {"parts": 100})]
            assert parts == [*range(100)]
            ready = stand.told(WorkerReady)
            assert [(e.worker, e.device) for e in ready] == [("lab", "cpu")]
            (told,) = pool.statistics().workers
            assert (told.worker, told.pid, told.state) == ("lab", session_of(worker), "ready")
            assert await worker.end(signal.SIGINT) == 0
        await until(lambda: stand.told(WorkerLost), "that it left is noticed")


async def test_without_keys_loopback_is_enough_and_local_workers_help(stand: Stand) -> None:
    options = {"listen": ANYWHERE, **QUICK}
    async with stand.pool("echo", devices=("cpu",), **options) as pool:
        mine = await pool.infer("echo", "pid")
        async with joining(endpoint_of(pool)):
            await until(lambda: pool.statistics().models["echo"].copies == 2)
            pids = await asyncio.gather(*(pool.infer("echo", "pid") for _ in range(50)))
            assert len(set(pids)) == 2
            assert mine in pids


async def test_requests_wait_for_somebody_to_join_until_their_deadline(stand: Stand) -> None:
    async with stand.pool("echo", **ALONE) as pool:
        with pytest.raises(DeadlineExceeded):
            await pool.infer("echo", 1, deadline=0.05)
        calls = [asyncio.ensure_future(pool.infer("echo", n)) for n in range(3)]
        async with joining(endpoint_of(pool)):
            assert await asyncio.gather(*calls) == [0, 1, 2]


@pytest.mark.parametrize("how", ["killed", "stopped"])
async def test_a_lost_session_is_noticed_its_request_retried_and_the_worker_comes_back(
    stand: Stand, tmp_path: Path, how: str
) -> None:
    gate, mark = tmp_path / "gate", tmp_path / "mark"
    async with (
        stand.pool("troubled", **ALONE) as pool,
        joining(endpoint_of(pool)) as worker,
    ):
        await pool.load("troubled")
        request = {"do": "wait", "gate": str(gate), "mark": str(mark)}
        call = asyncio.ensure_future(pool.infer("troubled", request))
        await until(mark.exists, "the request runs")
        first = worker.session
        os.kill(first, {"killed": signal.SIGKILL, "stopped": signal.SIGSTOP}[how])
        await until(lambda: stand.told(WorkerLost), "the loss is noticed")
        gate.touch()
        os.kill(first, signal.SIGCONT) if how == "stopped" else None
        assert await call == request
        lost, ready = stand.told(WorkerLost), stand.told(WorkerReady)
        assert (lost[0].worker, lost[0].pid, lost[0].in_flight) == ("lab", first, 1)
        assert stand.told(RequestRetried)[0].worker == "lab"
        assert ready[0].epoch < ready[-1].epoch
        assert ready[-1].pid == worker.session != first
        assert mark.read_text() == "xx"


class Wire:
    """Carries bytes between workers and a pool, until it is cut."""

    def __init__(self, endpoint: str) -> None:
        self._port = int(endpoint.rpartition(":")[2])
        self._carrying: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server

    async def __aenter__(self) -> Wire:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.endpoint = f"tcp://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self.cut()

    async def cut(self) -> int:
        """Close every connection; how many there were."""
        carrying = list(self._carrying)
        for task in carrying:
            task.cancel()
        await asyncio.gather(*carrying, return_exceptions=True)
        return len(carrying)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._carrying.add(task)
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            await asyncio.gather(_pour(reader, far_writer), _pour(far_reader, writer))
        except asyncio.CancelledError:
            pass
        finally:
            self._carrying.discard(task)
            writer.transport.abort()
            far_writer.transport.abort()


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


async def test_a_cut_wire_costs_a_session_and_no_request(
    stand: Stand, keys: Keys, tmp_path: Path
) -> None:
    gate, mark = tmp_path / "gate", tmp_path / "mark"
    async with (
        stand.pool("troubled", **ALONE, **keys.of_pool) as pool,
        Wire(endpoint_of(pool)) as wire,
        joining(wire.endpoint, **keys.of()) as worker,
    ):
        await pool.load("troubled")
        request = {"do": "wait", "gate": str(gate), "mark": str(mark)}
        call = asyncio.ensure_future(pool.infer("troubled", request))
        await until(mark.exists, "the request runs")
        first = worker.session
        assert await wire.cut() == 2  # control, and the lane of the model
        await until(lambda: stand.told(WorkerLost), "the loss is noticed")
        gate.touch()
        assert await call == request
        assert worker.session != first
        assert pool.statistics().models["troubled"].retries == 1


async def test_a_request_that_hangs_costs_the_session(stand: Stand, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    async with stand.pool("troubled", **ALONE) as pool, joining(endpoint_of(pool)) as worker:
        await pool.load("troubled")
        first = worker.session
        with pytest.raises(DeadlineExceeded):
            await pool.infer("troubled", {"do": "hang", "mark": str(mark)}, deadline=0.1)
        assert await pool.infer("troubled", 1) == 1
        assert worker.session != first
        assert "still busy" in stand.told(WorkerLost)[0].reason


async def test_a_worker_outlives_its_pool_and_joins_the_next(stand: Stand) -> None:
    async with stand.pool("echo", **ALONE) as pool:
        listen = endpoint_of(pool)
        async with joining(listen) as worker:
            first = await pool.infer("echo", "pid")
            await pool.close()
            async with stand.pool("echo", **ALONE | {"listen": listen}) as other:
                second = await other.infer("echo", "pid", deadline=20.0)
                assert first != second == worker.session


async def test_killing_the_front_ends_its_session(stand: Stand) -> None:
    async with stand.pool("echo", **ALONE) as pool, commanded(endpoint_of(pool)) as worker:
        await pool.load("echo")
        assert len(descendants(worker.pid)) == 1
        await worker.end(signal.SIGKILL)  # checks that its session is gone
        await until(lambda: stand.told(WorkerLost))


async def test_a_plugin_that_is_not_there_is_named(stand: Stand) -> None:
    models = {"fine": PoolModel(use="echo"), "other": PoolModel(use="nowhere")}
    async with stand.pool(models=models, **ALONE) as pool, joining(endpoint_of(pool)):
        assert await pool.infer("fine", 1) == 1
        with pytest.raises(ModelUnavailable, match=r"'nowhere'.*worker 'lab'.*--module") as caught:
            await pool.load("other")
        assert caught.value.model == "nowhere"


async def test_an_address_that_is_taken_is_a_settings_error(stand: Stand) -> None:
    async with stand.pool("echo", **ALONE) as pool:
        taken = PoolOptions(devices=(), listen=endpoint_of(pool))
        with pytest.raises(SettingsError, match="nobody can be heard at"):
            async with PoolExecutor({"echo": PoolModel(use="echo")}, taken):
                pass


async def test_models_are_sent_to_the_remote_workers_they_name(stand: Stand) -> None:
    models = {
        "here": PoolModel(use="echo", workers=("cpu",)),
        "there": PoolModel(use="echo", workers=("lab",)),
    }
    options = {"devices": ("cpu",), "listen": ANYWHERE, **QUICK}
    async with stand.pool(models=models, **options) as pool:
        there = asyncio.ensure_future(pool.infer("there", "pid"))
        here = await pool.infer("here", "pid")
        assert not there.done()
        async with joining(endpoint_of(pool)) as worker:
            assert await there == worker.session != here
