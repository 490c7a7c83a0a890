"""Models of a session in a worker process, by settings alone."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from sensorium import Input, Output, Perceiver, Session, Text, hookimpl, load_plugins
from sensorium.bus import EventBus
from sensorium.errors import SettingsError
from sensorium.payloads import WorkerLost, WorkerReady
from sensorium.settings import Settings, load_settings

FAKES = Path(__file__).parents[1] / "workers" / "pool" / "fakes.py"


class Asks(Perceiver):
    """Asks the model ``echo``."""

    takes = {"text": Input("text", Text)}
    gives = {"answer": Output("answer", Text)}

    async def process(self, event: Any, emit: Any) -> None:
        answer = await self.model("echo").infer({"text": event.payload.text})
        await emit(Text(answer["text"]))


class Plugin:
    @hookimpl
    def sensorium_register_perceivers(self, registry: Any) -> None:
        registry.add("asks", Asks)


def composed(**model: Any) -> tuple[Settings, Any]:
    layer = {
        "plugins": {"modules": [str(FAKES)]},
        "components": {"asks": {}},
        "models": {"echo": {"placement": "worker", **model}},
        "workers": {"devices": ["cpu"], "installed": False, "spare": "none", "threads": 1},
    }
    plugins = load_plugins(installed=False, modules=[str(FAKES)], extra=[("asking", Plugin())])
    return load_settings(environ={}, overrides=layer), plugins


async def answer(bus: EventBus, text: str) -> str:
    answers = bus.subscribe("answer")
    async with answers:
        await bus.publish("text", Text(text), source="test")
        said: str = (await answers.get()).payload.text
        return said


async def test_a_setting_moves_a_model_to_a_worker_and_its_death_loses_nothing(
    no_leaks: None, no_tasks: None
) -> None:
    settings, plugins = composed()
    session = Session(settings, plugins)
    announced = session.bus.subscribe("system/+")
    async with session:
        assert await answer(session.bus, "one") == "one"
        ready = [e.payload async for e in _until(announced, WorkerReady)][-1]
        assert ready.pid != os.getpid()
        os.kill(ready.pid, signal.SIGKILL)
        lost = [e.payload async for e in _until(announced, WorkerLost)][-1]
        assert lost.worker == "cpu"
        assert await answer(session.bus, "two") == "two"
    with pytest.raises(ProcessLookupError):
        os.kill(ready.pid, 0)


async def _until(events: Any, kind: type) -> Any:
    async for event in events:
        yield event
        if isinstance(event.payload, kind):
            return


def test_a_worker_that_there_is_not_is_named() -> None:
    settings, plugins = composed(workers=["cuda:7"])
    with pytest.raises(SettingsError, match=r"'echo'.*'cuda:7'.*there are: cpu"):
        Session(settings, plugins)


def test_where_ray_places_a_model_no_worker_can_be_named() -> None:
    settings, plugins = composed(placement="ray", workers=["cpu"])
    with pytest.raises(SettingsError, match=r"models\.echo\.workers.*Ray"):
        Session(settings, plugins)
