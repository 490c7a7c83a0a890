"""Tasks that a component spawned, and closing: failures beside ``process``."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from session_parts import Failing, Picky, send

from sensorium.components import Source
from sensorium.payloads import Text

# --- spawned tasks --------------------------------------------------------------------------


@pytest.mark.parametrize("when", ["setup", "process"])
async def test_a_spawned_task_that_fails_fails_its_component(stage: Any, when: str) -> None:
    class Parent(Picky):
        async def setup(self) -> None:
            if when == "setup":
                self.context.spawn(self.fails(), name="child")
                await asyncio.sleep(0)
                await asyncio.sleep(0)

        async def process(self, event: Any, emit: Any) -> None:
            if when == "process":
                self.context.spawn(self.fails(), name="child")

        async def fails(self) -> None:
            raise RuntimeError("the child failed")

    tables = {"parent": {"on_error": {"action": "disable"}}}
    async with stage.running({"parent": Parent}, tables) as session:
        await send(session, "x")
        await asyncio.wait_for(session.runners["parent"].ended.wait(), 5)
    assert stage.failures == [("parent", "process", "disable")]
    assert stage.endings["parent"] == "disabled: the child failed"


@pytest.mark.parametrize("when", ["setup", "run"])
async def test_a_spawned_task_that_fails_fails_its_source(
    stage: Any, when: str, never: Any
) -> None:
    class Parent(Source):
        async def setup(self) -> None:
            if when == "setup":
                self.context.spawn(self.fails(), name="child")
                await asyncio.sleep(0)
                await asyncio.sleep(0)

        async def run(self, emit: Any) -> None:
            if when == "run":
                self.context.spawn(self.fails(), name="child")
            await never()

        async def fails(self) -> None:
            raise RuntimeError("the child failed")

    tables = {"parent": {"on_error": {"action": "disable"}}}
    async with stage.running({"parent": Parent}, tables) as session:
        await asyncio.wait_for(session.wait(), 5)
    assert stage.failures == [("parent", "run", "disable")]


async def test_spawned_tasks_end_with_their_component(stage: Any, never: Any) -> None:
    ended = []

    class Parent(Picky):
        async def setup(self) -> None:
            self.context.spawn(self.works(), name="child")

        async def works(self) -> None:
            try:
                await never()
            finally:
                self.context.spawn(self.last_words(), name="grandchild")
                ended.append("child")

        async def last_words(self) -> None:
            try:
                await never()
            finally:
                ended.append("grandchild")

    async with stage.running({"parent": Parent}) as session:
        await send(session, "x")
        await session.settled()
    assert ended[0] == "child"  # and no task is left: see conftest


# --- closing --------------------------------------------------------------------------------


async def test_failing_to_close_does_not_run_a_source_again(stage: Any) -> None:
    class Leaky(Failing):
        lives: list[int] = []
        error = RuntimeError("in run")

        async def close(self) -> None:
            raise OSError("the device does not close")

    async with stage.running({"src": Leaky}, {"src": {"options": {"times": 0}}}) as session:
        await session.wait()
    assert len(Leaky.lives) == 1
    assert stage.failures == [("src", "close", "disable")]


async def test_failing_to_close_after_a_failure_hides_nothing(
    stage: Any, caplog: pytest.LogCaptureFixture
) -> None:
    class Leaky(Picky):
        error = RuntimeError("the first")

        async def close(self) -> None:
            raise OSError("the second")

    tables = {"leaky": {"on_error": {"action": "disable"}}}
    with caplog.at_level(logging.ERROR, "sensorium"):
        async with stage.running({"leaky": Leaky, "also": Leaky}, tables | {"also": {}}) as session:
            await session.bus.publish("text/test", Text("bad"), source="test")
            await session.runners["leaky"].ended.wait()
    assert ("leaky", "process", "disable") in stage.failures
    assert stage.endings["leaky"] == "disabled: the first"
    assert "component leaky failed in close: the second" in caplog.messages


async def test_failing_to_close_at_the_end_is_logged_and_ends_all_the_same(
    stage: Any, caplog: pytest.LogCaptureFixture
) -> None:
    class Leaky(Picky):
        async def close(self) -> None:
            raise OSError("does not close")

    with caplog.at_level(logging.ERROR, "sensorium"):
        async with stage.running({"leaky": Leaky}):
            pass
    assert "component leaky failed in close: does not close" in caplog.messages
