"""A component that fails while the session runs: an event with its name, and nobody else stops."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from sensorium import ErrorAction, Input, Perceiver, Text
from sensorium.errors import MissingDependency, PluginError
from sensorium.payloads import ComponentFailed
from sensorium.settings import ComponentSettings


class Failing(Perceiver):
    """Base of the ill-behaved."""

    takes = {"text": Input("in/text", Text)}
    seen = 0

    async def process(self, event: Any, emit: Any) -> None: ...


class FailsInInit(Failing):
    def __init__(self, options: Any, context: Any) -> None:
        raise RuntimeError("in init")


class FailsInSetup(Failing):
    async def setup(self) -> None:
        raise MissingDependency("Thermal vision", "libthermal", "Install it.")


class FailsAtThird(Failing):
    async def process(self, event: Any, emit: Any) -> None:
        self.seen += 1
        if self.seen == 3:
            raise ValueError("the third")


def adding(component: type[Failing]) -> Any:
    return lambda registry: registry.add("bad", component)


async def failures(session: Any) -> list[ComponentFailed]:
    await session.settled()
    heard = []
    while (event := session.failures_heard.get_nowait()) is not None:
        heard.append(event.payload)
    return heard


def listening(session: Any) -> Any:
    session.failures_heard = session.bus.subscribe("system/component_failed")
    return session


@pytest.mark.parametrize(
    ("component", "during", "error", "event"),
    [
        (FailsInInit, "setup", "RuntimeError: in init", ""),
        (FailsInSetup, "setup", "needs libthermal, which is not installed. Install it.", ""),
        (FailsAtThird, "process", "ValueError: the third", "test#2"),
    ],
)
async def test_a_failure_is_an_event_and_the_others_go_on(
    load: Any, plugin_of: Any, session_of: Any, echoes: Any,
    component: Any, during: str, error: str, event: str,
) -> None:  # fmt: skip
    plugins = load(("broken", plugin_of(sensorium_register_perceivers=adding(component))))
    async with listening(session_of(plugins, "bad", "echo")) as session:
        assert await echoes(session, "1", "2", "3", "4", "5") == ["1", "2", "3", "4", "5"]
        (failed,) = await failures(session)
        assert session.runners["bad"].ended.is_set()
        assert not session.runners["echo"].ended.is_set()
    assert (failed.component, failed.during, failed.event) == ("bad", during, event)
    assert error in failed.error
    assert failed.action == "disable"


async def test_plugins_decide_what_a_failure_leads_to(
    load: Any, plugin_of: Any, session_of: Any, echoes: Any
) -> None:
    asked = []

    def on_error(name: str, component: Any, error: Exception) -> ErrorAction:
        asked.append((name, type(component).__name__, str(error)))
        return ErrorAction.SKIP

    decider = plugin_of(
        sensorium_register_perceivers=adding(FailsAtThird),
        sensorium_on_component_error=on_error,
    )
    async with listening(session_of(load(("decider", decider)), "bad", "echo")) as session:
        assert await echoes(session, "1", "2", "3", "4") == ["1", "2", "3", "4"]
        (failed,) = await failures(session)
        assert not session.runners["bad"].ended.is_set()
    assert failed.action == "skip"
    assert asked == [("bad", "FailsAtThird", "the third")]


def test_a_plugin_that_fails_to_answer_is_named_and_passed_over(
    load: Any, plugin_of: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def answers(name: str) -> ErrorAction:
        return ErrorAction.STOP

    def raises(error: Exception) -> None:
        raise RuntimeError("cannot decide")

    plugins = load(
        ("first", plugin_of(sensorium_on_component_error=answers)),
        ("raising", plugin_of(sensorium_on_component_error=raises)),
        ("wordy", plugin_of(sensorium_on_component_error=lambda: "restart")),
    )
    with caplog.at_level(logging.ERROR, "sensorium.plugins"):
        assert plugins.on_component_error("bad", None, ValueError()) is ErrorAction.STOP
    assert [record.args[0] for record in caplog.records if record.args] == ["wordy", "raising"]  # type: ignore[index]
    assert "cannot decide" in caplog.text


async def test_a_class_that_cannot_be_imported_stops_only_itself(
    load: Any, plugin_of: Any, session_of: Any, echoes: Any
) -> None:
    lazy = plugin_of(
        sensorium_register_perceivers=lambda registry: registry.add("lazy", "no_such_module:Lazy")
    )
    plugins = load(("broken", lazy))
    async with session_of(plugins, "echo") as session:
        with pytest.raises(PluginError, match="plugin 'broken': perceiver 'lazy'"):
            await session.start_component("lazy", ComponentSettings())
        assert await echoes(session, "1", "2") == ["1", "2"]
    async with session_of(plugins, "echo", "lazy") as session:
        assert session.failures == {"lazy": 1}
        assert await echoes(session, "3") == ["3"]
