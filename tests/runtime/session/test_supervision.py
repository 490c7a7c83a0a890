"""What becomes of components that fail: by type of error, by settings, by record."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from session_parts import Picky, failing, send

from sensorium.components import Input, Sink, Source
from sensorium.errors import (
    BadInput,
    MissingDependency,
    PayloadError,
    SettingsError,
    SourceUnavailable,
)
from sensorium.payloads import ComponentFailed, ComponentReady, Text
from sensorium.plugins import ErrorAction, hookimpl

# --- restarting -----------------------------------------------------------------------------


async def test_restarts_wait_twice_as_long_each_time(stage: Any) -> None:
    src = failing()
    tables = {"src": {"on_error": {"max_restarts": 6, "backoff_s": 0.1, "max_backoff_s": 1.0}}}
    async with stage.running({"src": src}, tables) as session:
        await stage.clock.advance(10)
        assert src.lives == [0, 100, 300, 700, 1500, 2500, 3500]
        assert session.failures == {"src": 7}
    assert [action for *_, action in stage.failures] == ["restart"] * 6 + ["disable"]
    assert stage.endings == {"src": "disabled: broken"}


async def test_a_restart_that_helps_is_the_end_of_it(stage: Any) -> None:
    src = failing(SourceUnavailable("the camera is busy"))
    async with stage.running({"src": src}, {"src": {"options": {"times": 2}}}) as session:
        waiting = asyncio.create_task(session.wait())
        await stage.clock.advance(1)
        assert await waiting == "every source reached its end"
    assert len(stage.of(ComponentReady)) == 3
    assert [text.text for text in stage.of(Text)] == ["through"]
    assert stage.endings == {"src": "reached its end"}
    assert stage.of(ComponentFailed)[0].kind == "SourceUnavailable"
    assert stage.of(ComponentFailed)[0].error == "SourceUnavailable: the camera is busy"


async def test_old_restarts_are_forgotten_after_the_window(stage: Any) -> None:
    src = failing()
    on_error = {"max_restarts": 2, "window_s": 5, "backoff_s": 4, "max_backoff_s": 4}
    async with stage.running({"src": src}, {"src": {"on_error": on_error}}):
        await stage.clock.advance(60)
    assert len(src.lives) == 16  # one every 4 s: never three within 5 s
    assert "src" not in stage.endings or stage.endings["src"] == "cancelled"


async def test_each_life_is_a_new_object_set_up_and_closed_once(stage: Any) -> None:
    steps: list[tuple[str, int]] = []

    class Mortal(Picky):
        error = RuntimeError("dies")
        born = 0

        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            type(self).born += 1
            self.number = self.born

        async def setup(self) -> None:
            steps.append(("setup", self.number))

        async def close(self) -> None:
            steps.append(("close", self.number))

    async with stage.running({"mortal": Mortal}) as session:
        await send(session, "good", "bad", "waits")
        await stage.clock.advance(1)
        await session.settled()
    assert steps == [("setup", 1), ("close", 1), ("setup", 2), ("close", 2)]
    assert [t.text for t in (e.payload for e in stage.heard if e.topic == "ok/mortal")] == [
        "good", "waits",
    ]  # fmt: skip
    failed = stage.of(ComponentFailed)[0]
    assert (failed.component, failed.event, failed.during) == ("mortal", "test#1", "process")


# --- deciding -------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [BadInput("x"), PayloadError("x")])
async def test_a_bad_event_is_left_out(stage: Any, error: Exception) -> None:
    picky = type("Picky", (Picky,), {"error": error})
    async with stage.running({"picky": picky}) as session:
        await send(session, "a", "bad", "b")
        await session.settled()
        assert session.failures == {}
    assert stage.failures == [("picky", "process", "skip")]
    assert [e.payload.text for e in stage.heard if e.topic == "ok/picky"] == ["a", "b"]


@pytest.mark.parametrize(
    "error",
    [MissingDependency("seeing", "eyes", "Open them."), SettingsError("wrong"), BadInput("no WAV")],
)
async def test_what_a_restart_cannot_mend_disables(stage: Any, error: Exception) -> None:
    src = failing(error)
    async with stage.running({"src": src}) as session:
        assert await session.wait() == "every source reached its end"
        assert session.runners["src"].failure is error
    assert stage.failures == [("src", "run", "disable")]
    assert len(src.lives) == 1


async def test_one_that_cannot_set_up_leaves_the_others_running(stage: Any) -> None:
    class Lacking(Picky):
        async def setup(self) -> None:
            raise MissingDependency("hearing", "ears", "Grow some.")

    class Unmade(Picky):
        def __init__(self, *args: Any) -> None:
            raise MissingDependency("being", "a body", "None known.")

    parts = {"lacking": Lacking, "unmade": Unmade, "fine": Picky}
    async with stage.running(parts) as session:
        assert session.started.is_set()
        await send(session, "a", "b")
        await session.settled()
    assert sorted(stage.failures) == [
        ("lacking", "setup", "disable"),
        ("unmade", "setup", "disable"),
    ]
    assert [e.payload.text for e in stage.heard if e.topic == "ok/fine"] == ["a", "b"]
    assert "hearing needs ears, which is not installed. Grow some." in stage.endings["lacking"]


async def test_stop_ends_the_session_with_the_name(stage: Any) -> None:
    src = failing()
    async with stage.running({"src": src}, {"src": {"on_error": {"action": "stop"}}}) as session:
        assert await session.wait() == "component 'src' failed: broken"
    assert stage.endings == {"src": "stopped the session"}


async def test_skip_goes_on_with_the_next_event_and_disables_elsewhere(stage: Any) -> None:
    picky = type("Picky", (Picky,), {"error": RuntimeError("any")})
    skip = {"on_error": {"action": "skip"}}
    parts = {"picky": picky, "src": failing()}
    async with stage.running(parts, {"picky": skip, "src": skip}) as session:
        await send(session, "bad", "bad", "fine")
        await session.wait()
    assert ("src", "run", "disable") in stage.failures
    assert stage.failures.count(("picky", "process", "skip")) == 2
    assert [e.payload.text for e in stage.heard if e.topic == "ok/picky"] == ["fine"]


async def test_a_plugin_decides_first_and_is_asked_once(stage: Any) -> None:
    asked = []

    class Policy:
        @hookimpl
        def sensorium_on_component_error(
            self, name: str, component: Any, error: Exception
        ) -> ErrorAction:
            asked.append((name, str(error)))
            return ErrorAction.DISABLE

    picky = type("Picky", (Picky,), {"error": RuntimeError("any")})
    async with stage.running({"picky": picky}, plugins=(Policy(),)) as session:
        await send(session, "bad")
        await session.settled()
    assert asked == [("picky", "any")]
    assert stage.failures == [("picky", "process", "disable")]


async def test_a_plugin_may_restart_for_ever(stage: Any) -> None:
    class Always:
        @hookimpl
        def sensorium_on_component_error(self) -> ErrorAction:
            return ErrorAction.RESTART

    src = failing()
    on_error = {"backoff_s": 0.001, "max_backoff_s": 0.001, "window_s": 3600}
    tables = {"src": {"on_error": on_error, "options": {"times": 1200}}}
    async with stage.running({"src": src}, tables, plugins=(Always(),)) as session:
        waiting = asyncio.create_task(session.wait())
        await stage.clock.advance(2)
        assert await waiting == "every source reached its end"
    assert len(src.lives) == 1201


async def test_a_cancellation_nobody_asked_for_is_a_failure(stage: Any) -> None:
    class Waiting(Picky):
        async def process(self, event: Any, emit: Any) -> None:
            future = asyncio.get_running_loop().create_future()
            future.cancel()
            await future

    class WaitingSource(Source):
        async def run(self, emit: Any) -> None:
            future = asyncio.get_running_loop().create_future()
            future.cancel()
            await future

    tables: dict[str, Any] = {n: {"on_error": {"action": "disable"}} for n in ("p", "s", "i")}
    interruptible = type("Interruptible", (Waiting,), {"interruptible": True})
    parts = {"p": Waiting, "s": WaitingSource, "i": interruptible}
    async with stage.running(parts, tables) as session:
        await send(session, "x")
        await session.settled()
    assert sorted(stage.failures) == [
        ("i", "process", "disable"), ("p", "process", "disable"), ("s", "run", "disable"),
    ]  # fmt: skip
    assert "something that it waited for was cancelled" in stage.endings["p"]


async def test_sinks_that_raise_lose_only_the_event_they_raised_at(stage: Any) -> None:
    got = []

    class Keeps(Sink):
        takes = {"text": Input("text/+", Text)}

        async def process(self, event: Any, emit: Any) -> None:
            if event.payload.text == "bad":
                raise RuntimeError("once")
            got.append(event.payload.text)

    async with stage.running({"keeps": Keeps}) as session:
        await send(session, "a", "bad", "b", "c")
        await stage.clock.advance(0.2)
        await session.settled()
    assert got == ["a", "b", "c"]
