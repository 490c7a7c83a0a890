"""Models of a session: lent to components, unloaded at its end, named when they hang."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from sensorium.components import Input, Output, Perceiver
from sensorium.errors import SettingsError, ShutdownTimeout, UnknownName
from sensorium.payloads import Text
from sensorium.workers import Model, ModelOptions


class Doubles(Model[str, str]):
    class Options(ModelOptions):
        times: int = 2

    gate: threading.Event | None = None
    unloaded = 0

    def load(self, device: str) -> None:
        self.device = device

    def infer(self, batch: Sequence[str]) -> Sequence[str]:
        if self.gate is not None:
            self.gate.wait()
        return [request * self.options.times for request in batch]

    def unload(self) -> None:
        type(self).unloaded += 1


class Asks(Perceiver):
    takes = {"text": Input("text", Text)}
    gives = {"text": Output("answer", Text)}
    wants = "doubles"

    async def process(self, event: Any, emit: Any) -> None:
        await emit(Text(await self.model(self.wants).infer(event.payload.text)))


async def test_components_use_models_and_settings_place_them(stage: Any) -> None:
    model = type("Mine", (Doubles,), {})
    tables = {"models": {"doubles": {"placement": "inline", "options": {"times": 3}}}}
    async with stage.running({"asks": Asks}, tables, models={"doubles": model}) as session:
        await session.bus.publish("text", Text("ab"), source="test")
        await session.settled()
        assert [e.payload.text for e in stage.heard if e.topic == "answer"] == ["ababab"]
    assert model.unloaded == 1


async def test_virtual_time_stands_still_while_a_model_works(stage: Any) -> None:
    class Times(Asks):
        async def process(self, event: Any, emit: Any) -> None:
            await self.context.clock.sleep(1)
            before = self.context.clock.now()
            await super().process(event, emit)
            await emit(Text(str(self.context.clock.now() - before)))

    model = type("Slow", (Doubles,), {"gate": threading.Event()})
    async with stage.running({"asks": Times}, models={"doubles": model}) as session:
        moving = session.scope.spawn(stage.clock.run(), name="time")
        later = session.scope.spawn(stage.clock.sleep(3600), name="an hour")
        await session.bus.publish("text", Text("ab"), source="test")
        asyncio.get_running_loop().call_later(0.02, model.gate.set)
        await session.settled()
        assert [e.payload.text for e in stage.heard if e.topic == "answer"] == ["abab", "0"]
        await later  # and then it moves on
        moving.cancel()


async def test_a_model_that_is_not_there_disables_nothing_silently(stage: Any) -> None:
    lost = type("Asks", (Asks,), {"wants": "triples"})
    tables = {"asks": {"on_error": {"action": "disable"}}}
    async with stage.running({"asks": lost}, tables, models={"doubles": Doubles}) as session:
        await session.bus.publish("text", Text("ab"), source="test")
        await session.runners["asks"].ended.wait()
    assert "no model named 'triples'" in stage.endings["asks"]
    assert "There are: doubles" in stage.endings["asks"]


async def test_settings_for_a_model_nobody_registered_are_refused(stage: Any) -> None:
    with pytest.raises(UnknownName, match=r"no model named 'doubels'.*'doubles'"):
        stage.session({}, {"models": {"doubels": {}}}, models={"doubles": Doubles})


async def test_wrong_options_of_a_model_name_their_key(stage: Any) -> None:
    tables = {"models": {"doubles": {"options": {"tims": 1}}}}
    async with stage.running({"asks": Asks}, tables, models={"doubles": Doubles}) as session:
        with pytest.raises(SettingsError, match=r"models\.doubles\.options\.tims"):
            await session.models["doubles"].load()


async def test_a_model_that_hangs_is_named_and_the_session_ends(stage: Any, turns: Any) -> None:
    gate = threading.Event()
    model = type("Hangs", (Doubles,), {"gate": gate})
    limits = {"shutdown": {"drain_s": 0.01, "cancel_s": 0.05}}
    session = stage.session({"asks": Asks}, limits, models={"doubles": model})
    await session.__aenter__()
    try:
        await session.models["doubles"].load()
        await session.bus.publish("text", Text("ab"), source="test")
        await turns()
        with pytest.raises(ShutdownTimeout, match="doubles") as raised:
            await session.stop()
        assert raised.value.stage == "unload"
    finally:
        gate.set()
