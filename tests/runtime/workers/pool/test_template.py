"""Workers that are forked: quicker, and otherwise the same; where they cannot be, they start."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sensorium.payloads.system import WorkerLost, WorkerRestarted
from sensorium.workers.pool import PoolExecutor, PoolModel, PoolOptions
from sensorium.workers.pool.forks import can_fork
from sensorium.workers.pool.template import unsafe

from .conftest import FAKES, PROC, children, exists, until, worker_pid

if TYPE_CHECKING:
    from .conftest import Stand

pytestmark = pytest.mark.skipif(not can_fork(), reason="workers are forked on Linux")


def template_of(pool: PoolExecutor) -> int:
    forks = pool._supervisor._forks
    assert forks is not None
    return forks.pid


def parent_of(pid: int) -> int:
    return int((PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[1])


async def test_workers_are_forked_from_one_template(stand: Stand) -> None:
    async with stand.pool("echo", devices=("cpu", "cpu")) as pool:
        await pool.load("echo")
        await until(lambda: pool.statistics().models["echo"].copies == 2)
        pids = {worker.pid for worker in pool.statistics().workers}
        assert {parent_of(pid) for pid in pids} == {template_of(pool)}
        assert children(os.getpid()) >= {template_of(pool)}
        for pid in pids:  # nobody dies with another's terminal or group
            assert os.getsid(pid) == os.getpgid(pid) == pid


async def test_without_forks_each_worker_is_our_own_child(stand: Stand) -> None:
    async with stand.pool("echo", fork=False) as pool:
        pid = await pool.infer("echo", "pid")
        assert parent_of(pid) == os.getpid()
        os.kill(pid, signal.SIGKILL)
        await until(lambda: stand.told(WorkerLost))
        assert await pool.infer("echo", "pid") != pid
        assert stand.told(WorkerLost)[0].reason == "killed by SIGKILL"


async def test_a_forked_worker_inherits_nothing_of_the_template(stand: Stand) -> None:
    async with stand.pool("echo", devices=("cpu", "cpu")) as pool:
        await pool.load("echo")
        await until(lambda: pool.statistics().models["echo"].copies == 2)
        pipes = {
            worker.pid: {
                link
                for file in (PROC / str(worker.pid) / "fd").iterdir()
                if (link := str(file.readlink())).startswith("pipe:")
            }
            for worker in pool.statistics().workers
        }
        template = {
            str(file.readlink()) for file in (PROC / str(template_of(pool)) / "fd").iterdir()
        }
        one, other = pipes.values()
        assert len(one) == len(other) == 2  # lifeline and output
        assert not one & other
        assert not (one | other) & template


async def test_a_killed_worker_is_forked_anew_at_once(stand: Stand) -> None:
    """With much room above what it takes (30 ms), and far below a new interpreter (400 ms)."""
    took = []
    async with stand.pool("echo") as pool:
        for _ in range(5):
            pid = await pool.infer("echo", "pid")
            begun = time.perf_counter()
            os.kill(pid, signal.SIGKILL)
            await until(lambda pid=pid: worker_lost(stand, pid))  # type: ignore[misc]
            assert await pool.infer("echo", "pid") != pid
            took.append(time.perf_counter() - begun)
        assert [event.how for event in stand.told(WorkerRestarted)] == ["cold"] * 5
        assert {event.reason for event in stand.told(WorkerLost)} == {"killed by SIGKILL"}
    assert sorted(took)[0] < 0.25


def worker_lost(stand: Stand, pid: int) -> bool:
    return any(event.pid == pid for event in stand.told(WorkerLost))


async def test_the_exit_status_of_a_forked_worker_is_told(stand: Stand, tmp_path: Path) -> None:
    async with stand.pool("troubled", retries=0) as pool:
        await pool.load("troubled")
        pid = worker_pid(pool)
        os.kill(pid, signal.SIGTERM)
        await until(lambda: stand.told(WorkerLost))
        assert stand.told(WorkerLost)[0].reason == "killed by SIGTERM"


async def test_when_the_template_dies_its_workers_are_replaced(stand: Stand) -> None:
    async with stand.pool("echo") as pool:
        first = await pool.infer("echo", "pid")
        template = template_of(pool)
        os.kill(template, signal.SIGKILL)
        await until(lambda: not exists(template) and not exists(first), "both are gone")
        second = await pool.infer("echo", "pid")
        assert second != first
        assert template_of(pool) not in (0, template)
        assert parent_of(second) == template_of(pool)


async def test_a_stopped_template_does_not_hide_the_death_of_its_workers(stand: Stand) -> None:
    async with stand.pool("echo") as pool:
        first = await pool.infer("echo", "pid")
        template = template_of(pool)
        os.kill(template, signal.SIGSTOP)
        os.kill(first, signal.SIGKILL)
        await until(lambda: stand.told(WorkerLost), "its end is noticed without the template")
        os.kill(template, signal.SIGCONT)
        assert await pool.infer("echo", "pid") != first


async def test_plugins_with_threads_are_not_forked(stand: Stand, tmp_path: Path) -> None:
    threaded = tmp_path / "threaded.py"
    threaded.write_text(
        f"{FAKES.read_text()}\n\n"
        "threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
    )
    options = PoolOptions(devices=("cpu",), installed=False, spare="none", modules=(str(threaded),))
    async with PoolExecutor({"echo": PoolModel(use="echo")}, options) as pool:
        pid = await pool.infer("echo", "pid")
        assert parent_of(pid) == os.getpid()
        await until(lambda: template_of(pool) == 0, "the template has ended")


async def test_a_plugin_that_never_finishes_importing_holds_up_no_end(
    stand: Stand, tmp_path: Path
) -> None:
    endless, mark = tmp_path / "endless.py", tmp_path / "mark"
    endless.write_text(
        f"import pathlib, threading\npathlib.Path({str(mark)!r}).touch()\n"
        "threading.Event().wait()\n"
    )
    options: dict[str, Any] = {"modules": (str(endless),), "spare": "none", "stop_s": 0.1}
    given = PoolOptions(devices=("cpu",), installed=False, **options)
    async with PoolExecutor({"echo": PoolModel(use="echo")}, given) as pool:
        loading = asyncio.ensure_future(pool.load("echo"))
        await until(mark.exists, "it is being imported")
        loading.cancel()


def test_this_process_is_not_safe_to_fork_while_it_runs_threads() -> None:
    import threading

    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    try:
        assert "threads of their own" in unsafe()
    finally:
        done.set()
        thread.join()


@pytest.mark.parametrize("fork", [True, False])
async def test_without_descriptors_a_lost_worker_is_replaced_once_there_are_some(
    stand: Stand, caplog: pytest.LogCaptureFixture, *, fork: bool
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    async with stand.pool("echo", fork=fork, backoff_s=0.01, max_failures=1000) as pool:
        first = await pool.infer("echo", "pid")
        taken = []
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
            with suppress(OSError):
                while True:
                    taken.append(os.open(os.devnull, os.O_RDONLY))
            os.kill(first, signal.SIGKILL)
            await until(lambda: "cannot be started" in caplog.text, "there is no room")
        finally:
            for file in taken:
                os.close(file)
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert await pool.infer("echo", "pid") != first


async def test_random_numbers_differ_between_forks(stand: Stand, tmp_path: Path) -> None:
    plugin = tmp_path / "rolls.py"
    plugin.write_text(
        "import random\n\nimport numpy as np\n\nfrom sensorium import hookimpl\n"
        "from sensorium.workers import Model\n\n\n"
        "class Rolls(Model):\n"
        "    def load(self, device):\n        pass\n\n"
        "    def infer(self, batch):\n"
        "        return [[random.random(), float(np.random.random())] for _ in batch]\n\n\n"
        "@hookimpl\ndef sensorium_register_models(registry):\n"
        '    registry.add("rolls", Rolls)\n'
    )
    options = PoolOptions(
        devices=("cpu", "cpu"), installed=False, spare="none", modules=(str(plugin),)
    )
    models = {
        name: PoolModel(use="rolls", workers=(worker,))
        for name, worker in (("one", "cpu"), ("other", "cpu-2"))
    }
    async with PoolExecutor(models, options) as pool:
        one, other = await pool.infer("one", 0), await pool.infer("other", 0)
        assert one[0] != other[0]
        assert one[1] != other[1]
