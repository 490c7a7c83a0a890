"""The default agent, asked by voice: from the microphone to an answer from what was seen then."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sensorium.payloads import GroundedTurn


async def test_a_question_that_is_heard_is_grounded_in_what_was_to_be_seen(
    talking: Callable[..., Any], media: dict[str, Path]
) -> None:
    async with talking(turns={"options": {"answer_speech": True}}) as talk:
        grounded = talk.session.bus.subscribe("chat/grounded", name="test")
        replies = talk.session.bus.subscribe("reply/text", name="test")
        async with grounded, replies, asyncio.timeout(20):
            await talk.show(media["cat"])
            assert await talk.hear(media["question"]) == "What is in this picture?"
            turn: GroundedTurn = (await grounded.get()).payload
            reply = (await replies.get()).payload
    assert turn.turn.spoken
    assert turn.turn.end_time > 0
    assert "cat" in [percept.text for percept in turn.world.percepts]
    assert "cat" in reply.text
