"""Putting a session together from settings, and changing it while it runs."""

from __future__ import annotations

from typing import Any

import pytest
from session_parts import Counting, Endless, Shouting

from sensorium.errors import (
    ComponentError,
    SettingsError,
    UnknownName,
)
from sensorium.payloads import Text
from sensorium.settings import ComponentSettings


async def test_components_come_and_go_while_the_session_runs(stage: Any) -> None:
    parts = {"src": Endless}
    async with stage.running(parts, extra={"shouting": Shouting}) as session:
        await stage.clock.advance(2)
        runner = await session.start_component("late", ComponentSettings(use="shouting"))
        assert runner.ready.is_set()
        with pytest.raises(ComponentError, match="running already"):
            await session.start_component("late", ComponentSettings(use="shouting"))
        await stage.clock.advance(2)
        assert [e.payload.text for e in stage.heard if e.topic == "loud/late"] == ["TICK!"] * 2
        await session.stop_component("late")
        await stage.clock.advance(2)
        assert len([e for e in stage.heard if e.topic == "loud/late"]) == 2
        assert stage.endings == {"late": "cancelled"}
        with pytest.raises(UnknownName, match="no running component named 'late'"):
            await session.stop_component("late")
        with pytest.raises(UnknownName, match="no component named 'nobody'"):
            await session.start_component("nobody", ComponentSettings())
        await session.start_component("late", ComponentSettings(use="shouting"))
        assert set(session.runners) == {"src", "late"}


async def test_a_component_that_ended_can_be_started_again(stage: Any) -> None:
    async with stage.running({"src": Counting}) as session:
        await session.wait()
        await session.start_component("src", ComponentSettings(options={"count": 1}))
        await session.wait()
        assert [t.text for t in stage.of(Text)] == ["0", "1", "2", "0"]


async def test_a_started_component_with_wrong_options_starts_nothing(stage: Any) -> None:
    async with stage.running({"src": Endless}, extra={"counting": Counting}) as session:
        with pytest.raises(SettingsError, match=r"components\.more\.options\.cuont"):
            await session.start_component(
                "more", ComponentSettings(use="counting", options={"cuont": 1})
            )
        assert set(session.runners) == {"src"}


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"options": {"cuont": 1}}, r"components\.src\.options\.cuont: unknown key .*'count'"),
        ({"options": {"count": "many"}}, r"components\.src\.options\.count: .*integer"),
        ({"takes": {"x": "a/b"}}, r"components\.src\.takes\.x: unknown key.*nothing"),
        ({"gives": {"x": "a/b"}}, r"components\.src\.gives\.x: unknown key.*text"),
    ],
)
async def test_settings_that_do_not_fit_are_told_before_anything_starts(
    stage: Any, table: dict[str, Any], words: str
) -> None:
    session = stage.session({"src": Counting}, {"src": table})
    with pytest.raises(SettingsError, match=words):
        await session.__aenter__()
    assert session.runners == {} or not session._tasks


async def test_a_component_nobody_registered_is_told_with_those_there_are(stage: Any) -> None:
    session = stage.session({"src": Counting}, {"src": {"use": "srk"}})
    with pytest.raises(UnknownName, match=r"no component named 'srk'\. Did you mean 'src'"):
        await session.__aenter__()


async def test_settings_change_topics_and_policies(stage: Any) -> None:
    tables = {
        "src": {"gives": {"text": "moved/{name}"}},
        "loud": {"takes": {"text": {"topic": "moved/#", "policy": "latest"}}},
    }
    async with stage.running({"src": Counting, "loud": Shouting}, tables) as session:
        await session.wait()
        counts = {c.name: c for c in session.bus.statistics()}["loud.text"]
        assert (counts.pattern, counts.policy) == ("moved/#", "latest")
    assert [e.payload.text for e in stage.heard if e.topic == "moved/src"] == ["0", "1", "2"]


async def test_a_disabled_component_is_not_started(stage: Any) -> None:
    tables = {"loud": {"enabled": False}}
    async with stage.running({"src": Counting, "loud": Shouting}, tables) as session:
        await session.wait()
        assert set(session.runners) == {"src"}
