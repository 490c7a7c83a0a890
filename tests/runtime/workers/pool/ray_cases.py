"""Models on Ray: what every executor promises, and a cluster of which nothing is left.

Run by :mod:`test_ray`, or as ``pytest tests/runtime/workers/pool/ray_cases.py``.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pytest

from sensorium import Input, Output, Perceiver, Session, Text, hookimpl, load_plugins
from sensorium.errors import (
    BadInput,
    Cancelled,
    DeadlineExceeded,
    ModelError,
    PoisonedRequest,
    UnknownName,
    WorkerLost,
)
from sensorium.settings import load_settings
from sensorium.workers import ray_cluster
from sensorium.workers.ray import RayExecutor, RayModel, RayOptions

from .conftest import FAKES, descendants, until
from .test_docs import blocks

if TYPE_CHECKING:
    from collections.abc import Iterator

OPTIONS = RayOptions(installed=False, modules=(str(FAKES),), cpus=2, store=80 << 20)

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    """One for all tests; it takes seconds. When it has ended, nothing of it is left."""
    before = descendants(os.getpid())
    held = ray_cluster.Cluster(OPTIONS)
    held.connect()
    folder = Path(held._folder)
    assert folder.exists()
    assert os.environ["RAY_AUTH_MODE"] == "token"  # its servers listen on every interface
    assert descendants(os.getpid()) - before
    yield
    held.leave()
    assert not held.ray.is_initialized()
    assert not folder.exists()
    assert not descendants(os.getpid()) - before


def executor(use: str, retries: int = 1, grace_s: float = 5.0, **spec: Any) -> RayExecutor:
    options = OPTIONS.model_copy(update={"retries": retries, "grace_s": grace_s})
    return RayExecutor({use: RayModel(use=use, cpus=0, **spec)}, options)


async def test_requests_are_answered_in_batches_and_arrays_arrive() -> None:
    async with executor("batches", max_batch=8) as ray:
        await ray.load("batches")
        assert ray.loaded == ["batches"]
        answers = await asyncio.gather(*(ray.infer("batches", n) for n in range(40)))
        assert [answer["request"] for answer in answers] == list(range(40))
        assert max(answer["size"] for answer in answers) == 8
        image = np.arange(480 * 640, dtype=np.float32).reshape(480, 640)
        answer = await ray.infer("batches", {"image": image}, deadline=60.0)
        assert np.array_equal(answer["request"]["image"], image)
        await ray.unload("batches")
        assert ray.loaded == []


async def test_errors_are_what_they_were_and_hurt_nobody_else() -> None:
    async with executor("troubled") as ray:
        bad = ray.infer("troubled", {"do": "bad_input"})
        worse = ray.infer("troubled", {"do": "raise", "words": "no"})
        fine = ray.infer("troubled", 3)
        first, second, third = await asyncio.gather(bad, worse, fine, return_exceptions=True)
        assert isinstance(first, BadInput)
        assert isinstance(second, ModelError)
        assert "ValueError: no" in str(second)
        assert third == 3
        with pytest.raises(ModelError, match="could not do it"):
            await ray.infer("troubled", threading.Lock())
        with pytest.raises(ModelError, match="not among the models on Ray: troubled"):
            await ray.infer("other", 1)


async def test_a_model_that_no_plugin_brings_says_so() -> None:
    async with executor("nobody") as ray:
        with pytest.raises(UnknownName, match="nobody"):
            await ray.load("nobody")


async def test_deadline_supersede_and_cancel(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    async with executor("batches") as ray:
        await ray.load("batches")
        busy = [asyncio.ensure_future(ray.infer("batches", {"gate": str(gate)}))]
        await asyncio.sleep(0)
        await asyncio.sleep(0)  # the first is sent alone
        busy.append(asyncio.ensure_future(ray.infer("batches", 2)))
        await until(lambda: ray._models["batches"].copies[0].in_flight == 2)
        with pytest.raises(DeadlineExceeded):
            await ray.infer("batches", 3, deadline=0.05)
        old = asyncio.ensure_future(ray.infer("batches", 4, supersede="camera"))
        await asyncio.sleep(0)
        new = asyncio.ensure_future(ray.infer("batches", 5, supersede="camera"))
        gone = asyncio.ensure_future(ray.infer("batches", 6))
        await asyncio.sleep(0)
        gone.cancel()
        with pytest.raises(Cancelled):
            await old
        gate.touch()
        assert (await new)["request"] == 5
        assert len(await asyncio.gather(*busy)) == 2
        await until(lambda: not ray._sent)


async def test_a_stream_comes_in_parts_and_ends_at_its_source(tmp_path: Path) -> None:
    log = tmp_path / "log"
    async with executor("streamer") as ray:
        request = {"parts": 5}
        assert [part async for part in ray.stream("streamer", request)] == list(range(5))
        parts = ray.stream("streamer", {"parts": 100_000, "log": str(log)})
        assert [await anext(parts) for _ in range(3)] == [0, 1, 2]
        await parts.aclose()
        assert await ray.infer("streamer", {"parts": 1}) == "plain"  # it is free again
        assert int(log.read_text().removeprefix("closed after ")) < 100
        assert not ray._sent
        with pytest.raises(ModelError, match="enough"):
            [part async for part in ray.stream("streamer", {"parts": 9, "raise_at": 2})]


async def test_an_actor_that_dies_is_replaced_and_its_requests_answered() -> None:
    async with executor("echo") as ray:
        pid = await ray.infer("echo", "pid")
        os.kill(pid, signal.SIGKILL)
        answers = await asyncio.gather(*(ray.infer("echo", n) for n in range(20)))
        assert answers == list(range(20))
        assert await ray.infer("echo", "pid") != pid


async def test_what_kills_its_actor_each_time_is_found(tmp_path: Path) -> None:
    async with executor("troubled") as ray:
        await ray.load("troubled")
        poison = ray.infer("troubled", {"do": "die", "mark": str(tmp_path / "deaths")})
        rest = [ray.infer("troubled", n) for n in range(4)]
        first, *others = await asyncio.gather(poison, *rest, return_exceptions=True)
        assert isinstance(first, PoisonedRequest)
        assert others == list(range(4))


async def test_without_restarts_a_lost_actor_is_a_typed_error() -> None:
    options = OPTIONS.model_copy(update={"restarts": 0})
    async with RayExecutor({"echo": RayModel(use="echo", cpus=0)}, options) as ray:
        os.kill(await ray.infer("echo", "pid"), signal.SIGKILL)
        with pytest.raises(WorkerLost):
            await ray.infer("echo", 1)


async def test_an_actor_that_hangs_past_its_deadline_is_replaced(tmp_path: Path) -> None:
    async with executor("troubled", grace_s=0.1) as ray:
        await ray.load("troubled")
        request = {"do": "hang", "mark": str(tmp_path / "mark")}
        with pytest.raises(DeadlineExceeded):
            await ray.infer("troubled", request, deadline=0.5)
        assert await ray.infer("troubled", 1, deadline=60.0) == 1


async def test_closing_tells_who_waits(tmp_path: Path) -> None:
    ray = executor("batches")
    await ray.load("batches")
    waiting = asyncio.ensure_future(ray.infer("batches", {"gate": str(tmp_path / "never")}))
    await until(lambda: bool(ray._sent))
    await ray.close()
    with pytest.raises(Cancelled):
        await waiting
    with pytest.raises(ModelError, match="closed"):
        await ray.load("batches")


async def test_the_code_of_the_page_runs(tmp_path: Path) -> None:
    model, _, _, ray = blocks()
    (tmp_path / "my_model.py").write_text(model)
    names: dict[str, Any] = {"np": np}
    exec(ray.replace("my_model.py", str(tmp_path / "my_model.py")), names)
    await names["on_ray"]()


async def test_a_setting_moves_a_model_to_ray() -> None:
    class Plugin:
        @hookimpl
        def sensorium_register_perceivers(self, registry: Any) -> None:
            registry.add("asks", Asks)

    layer = {
        "plugins": {"modules": [str(FAKES)]},
        "components": {"asks": {}},
        "models": {"echo": {"placement": "ray"}},
        "ray": {"installed": False, "cpus": 1},
    }
    plugins = load_plugins(installed=False, modules=[str(FAKES)], extra=[("asking", Plugin())])
    settings = load_settings(environ={}, overrides=layer)
    async with Session(settings, plugins) as session, session.bus.subscribe("pid") as answers:
        await session.bus.publish("text", Text("pid"), source="test")
        said = (await asyncio.wait_for(answers.get(), 100)).payload.text
    assert int(said) != os.getpid()


class Asks(Perceiver):
    """Asks the model ``echo``."""

    takes: ClassVar[Any] = {"text": Input("text", Text)}
    gives: ClassVar[Any] = {"pid": Output("pid", Text)}

    async def process(self, event: Any, emit: Any) -> None:
        await emit(Text(str(await self.model("echo").infer(event.payload.text))))
