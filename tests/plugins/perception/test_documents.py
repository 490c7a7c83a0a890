from __future__ import annotations

import json
from typing import Any

import numpy as np

from sensorium import Image
from sensorium.errors import BadInput
from sensorium.events import AnyEvent
from sensorium.payloads import UserTurn
from sensorium.testing import Harness, run_component
from sensorium_plugins.perception.documents import Documents

ASKED = UserTurn("what is the total?", needs=("document",))
WITHOUT, FULL, BROKEN, WORDLESS = range(4)


def reader(request: dict[str, Any]) -> dict[str, Any]:
    """A page with a total of 10.00, one without, a picture without words, or a broken one."""
    value = int(request["image"][0, 0, 0])
    if value == BROKEN:
        raise BadInput("a picture of 1 pixel")
    (question,) = request["questions"]
    assert question == ASKED.text
    answer = {"text": "10.00", "score": 0.9, "box": [0.1, 0.2, 0.3, 0.4]}
    return {
        "text": "" if value == WORDLESS else "total 10.00",
        "regions": [{"kind": "table"}], "fields": [], "tables": [],
        "answers": [answer if value == FULL else None],
    }  # fmt: skip


async def show(harness: Harness, value: int, camera: str = "desk", time: int = 100) -> AnyEvent:
    picture = Image(np.full((4, 6, 3), value, np.uint8))
    event = await harness.session.bus.publish(
        f"camera/{camera}/image", picture, source=camera, originating_time=time
    )
    await harness.settled()
    return event


def answers(harness: Harness) -> list[AnyEvent]:
    return [event for event in harness.events if event.topic == "vision/answer"]


async def test_the_page_in_view_is_read_for_a_turn_that_asks_of_it_and_not_before() -> None:
    async with run_component(Documents, models={"documents": reader}) as harness:
        seen = await show(harness, FULL)
        await harness.send("chat/turn", UserTurn("hello"))
        await harness.settled()
        assert harness.events == []
        turn = await harness.send("chat/turn", ASKED)
        await harness.settled()
        page, answer = harness.events
    assert page.topic == "vision/page"
    assert page.payload.values["text"] == "total 10.00"
    assert json.loads(page.payload.values["regions"]) == [{"kind": "table"}]
    assert answer.payload.labels == ("10.00",)
    assert np.allclose(answer.payload.boxes, [[0.1, 0.2, 0.3, 0.4]])
    assert answer.parents == (seen.id, turn.id)
    assert answer.originating_time == 100


async def test_a_turn_is_answered_also_when_there_is_nothing_to_answer_with() -> None:
    async with run_component(Documents, models={"documents": reader}) as harness:
        await harness.send("chat/turn", ASKED)
        await harness.settled()
        await show(harness, BROKEN)
        await harness.send("chat/turn", ASKED)
        await harness.settled()
        await show(harness, WORDLESS, time=200)
        await harness.send("chat/turn", ASKED)
        await harness.settled()
        await show(harness, WITHOUT, time=300)
        await harness.send("chat/turn", ASKED)
        await harness.settled()
        *nothing, without = answers(harness)
    assert [event.payload.labels for event in nothing] == [(), (), ()]
    assert without.payload.labels == ("",)  # there is a page, and it does not say


async def test_only_the_last_of_several_cameras_names_the_turn() -> None:
    async with run_component(Documents, models={"documents": reader}) as harness:
        await show(harness, WITHOUT, "left", 100)
        await show(harness, FULL, "right", 200)
        turn = await harness.send("chat/turn", ASKED)
        await harness.settled()
        left, right = answers(harness)
    assert [turn.id in event.parents for event in (left, right)] == [False, True]
