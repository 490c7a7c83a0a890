from __future__ import annotations

from typing import Any

import numpy as np

from sensorium import Image
from sensorium.payloads import UserTurn
from sensorium.testing import Harness, run_component
from sensorium_plugins.perception.ocr import Ocr

READ = UserTurn("what does it say?", needs=("read",))


def page(brightness: int) -> Image:
    return Image(np.full((4, 6, 3), brightness, np.uint8))


def reader(request: dict[str, Any]) -> dict[str, Any]:
    """Reads the picture's brightness; black is a broken picture."""
    value = int(request["image"][0, 0, 0])
    if not value:
        raise RuntimeError("the reader broke")
    corners = np.zeros((1, 4, 2), np.float32)
    return {"lines": [f"page {value}"], "scores": [0.9], "boxes": corners}


async def show(harness: Harness, brightness: int, camera: str, time: int) -> None:
    await harness.session.bus.publish(
        f"camera/{camera}/image", page(brightness), source=camera, originating_time=time
    )
    await harness.settled()


async def test_a_picture_is_read_when_a_turn_needs_it_and_not_before() -> None:
    async with run_component(Ocr, models={"ocr": reader}) as harness:
        await show(harness, 1, "desk", 100)
        await show(harness, 2, "desk", 200)
        await harness.send("chat/turn", UserTurn("hello"))
        await harness.settled()
        assert harness.events == []
        turn = await harness.send("chat/turn", READ)
        await harness.settled()
        (read,) = harness.events
    assert read.payload.lines == ("page 2",)  # the newest picture
    assert read.originating_time == 200
    assert read.trace_id == "desk#1"
    assert turn.id in read.parents


async def test_every_camera_is_read_and_the_last_answers_the_turn() -> None:
    async with run_component(Ocr, models={"ocr": reader}) as harness:
        await show(harness, 1, "left", 100)
        await show(harness, 2, "right", 200)
        turn = await harness.send("chat/turn", READ)
        await harness.settled()
        read = harness.events
    assert [e.payload.lines for e in read] == [("page 1",), ("page 2",)]
    assert [turn.id in e.parents for e in read] == [False, True]


async def test_a_turn_without_any_picture_is_answered_at_once() -> None:
    async with run_component(Ocr, models={"ocr": reader}) as harness:
        turn = await harness.send("chat/turn", READ)
        await harness.settled()
        (read,) = harness.events
    assert read.payload.lines == ()
    assert read.parents == (turn.id,)


async def test_a_reader_that_fails_names_the_turn_it_failed_at() -> None:
    async with run_component(Ocr, models={"ocr": reader}) as harness:
        await show(harness, 0, "desk", 100)
        turn = await harness.send("chat/turn", READ)
        await harness.settled()
        (failure,) = harness.failures
    assert failure.event == turn.id
    assert "the reader broke" in failure.error
