"""The chat planner that sees: with a picture, without one, stopped, and asked too much."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest
from tests.plugins.planning.test_chat import NOW, Talker, ask, parts, replies

from sensorium import Image, VirtualClock
from sensorium.errors import BadInput
from sensorium.events import NS_PER_S
from sensorium.testing import Harness, run_component
from sensorium_plugins.planning.multimodal import MultimodalChat

CHATS = "It is a fine day today, thank you."
SEES = "a red ring and a blue star"


class Refuses(Talker):
    """Cannot take what it is asked."""

    def stream(self, request: Any) -> Any:
        self.requests.append(request)
        raise BadInput("3 pictures in one turn")
        yield


def seeing(chats: Talker, sees: Talker, **options: Any) -> Any:
    models = {"language_model": chats, "multimodal": sees}
    return run_component(MultimodalChat, options=options, models=models, clock=VirtualClock(NOW))


async def show(harness: Harness, name: str, grey: int, at: int = NOW) -> None:
    image = Image(np.full((4, 4, 3), grey, np.uint8))
    await harness.session.bus.publish(
        f"camera/{name}/image", image, source=name, originating_time=at
    )
    await harness.settled()


async def test_a_turn_with_pictures_is_answered_by_the_model_that_sees() -> None:
    chats, sees = Talker(CHATS), Talker(SEES)
    async with seeing(chats, sees) as harness:
        await show(harness, "picture-2", 2)
        await show(harness, "picture-1", 9)
        await show(harness, "picture-1", 1)  # in the place of the one before
        await ask(harness, "What is different?")
        await harness.settled()
        said, (reply,) = parts(harness), replies(harness)
    assert "".join(said) == reply.text == SEES
    assert reply.finished
    assert len(said) > 1
    assert chats.requests == []
    (request,) = sees.requests
    assert [int(image[0, 0, 0]) for image in request["images"]] == [1, 2]
    assert request["messages"][-1]["content"] == "What is different?"


async def test_a_turn_without_pictures_is_chatted_about_as_before() -> None:
    chats, sees = Talker(CHATS), Talker(SEES)
    async with seeing(chats, sees) as harness:
        await ask(harness, "How are you today?")
        await harness.settled()
        (reply,) = replies(harness)
    assert reply.text == CHATS
    assert sees.requests == []
    assert "images" not in chats.requests[0]


async def test_a_picture_that_is_too_old_is_not_looked_at() -> None:
    chats, sees = Talker(CHATS), Talker(SEES)
    async with seeing(chats, sees, shown_s=5.0) as harness:
        await show(harness, "front", 1, at=NOW - 6 * NS_PER_S)
        await ask(harness, "How are you today?")
        await harness.settled()
        assert sees.requests == []
        await show(harness, "front", 1, at=NOW - 4 * NS_PER_S)
        await ask(harness, "What do you see?")
        await harness.settled()
    assert len(sees.requests) == 1


async def test_only_the_latest_cameras_are_looked_at() -> None:
    sees = Talker(SEES)
    async with seeing(Talker(CHATS), sees, pictures=2) as harness:
        for grey, name in enumerate(("a", "b", "c")):
            await show(harness, name, grey)
        await ask(harness, "What is different?")
        await harness.settled()
    assert [int(image[0, 0, 0]) for image in sees.requests[0]["images"]] == [1, 2]


async def test_an_interruption_stops_the_model_and_keeps_what_was_said() -> None:
    sees = Talker(None)  # without end
    async with seeing(Talker(CHATS), sees) as harness:
        await show(harness, "front", 1)
        await ask(harness, "What do you see?")
        while not parts(harness):
            await asyncio.sleep(0)
        await harness.session.interrupt("enough")
        await harness.settled()
        (reply,) = replies(harness)
        said = parts(harness)
    assert not reply.finished
    assert "".join(said).startswith(reply.text[:4])
    assert sees.closed == 1


async def test_what_it_cannot_take_is_said_and_the_next_turn_is_answered() -> None:
    sees = Refuses()
    async with seeing(Talker(CHATS), sees) as harness:
        await show(harness, "front", 1)
        for _ in range(2):
            await ask(harness, "What do you see?")
            await harness.settled()
        given = replies(harness)
    assert [reply.text for reply in given] == ["I cannot answer that: 3 pictures in one turn."] * 2
    assert all(reply.finished for reply in given)


@pytest.mark.parametrize("options", [{"pictures": 0}, {"shown_s": 0.0}])
def test_options_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        MultimodalChat.Options(**options)
