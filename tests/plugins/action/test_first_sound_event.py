"""The moment at which a reply is first heard is an event."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sensorium.payloads import FirstSound, Reply, ReplyPart
from sensorium.testing import run_component
from sensorium_plugins.action import voice_out
from sensorium_plugins.action.speech import Speech

RATE = 24_000
BLOCK = round(voice_out.BLOCK_S * RATE)


@pytest.mark.parametrize("length", [10 * BLOCK, BLOCK // 2])
async def test_it_comes_once_a_reply_when_its_first_block_is_out(
    monkeypatch: pytest.MonkeyPatch, length: int
) -> None:
    told: list[Any] = []

    async def play(self: voice_out.Silence, samples: Any) -> None:
        told.append(len(samples))

    monkeypatch.setattr(voice_out.Silence, "play", play)
    said = {"audio": np.zeros(length, np.float32), "sample_rate": RATE}
    models = {"text_to_speech": lambda request: said}
    async with run_component(Speech, options={"to": "nowhere"}, models=models) as harness:
        for turn in ("t#1", "t#2"):
            for text in ("One sentence here. ", "Another sentence here."):
                await harness.send("reply/part", ReplyPart(turn, text))
            await harness.send("reply/text", Reply(turn, "One sentence here. Another one."))
            await harness.settled()
            first, *rest = told
            assert first == min(BLOCK, length)
            assert sum(told) == 2 * length
            assert len(rest) >= 1
            told.clear()
    firsts = [event.payload for event in harness.events_on("speech/first_sound")]
    assert [(type(first), first.turn) for first in firsts] == [
        (FirstSound, "t#1"), (FirstSound, "t#2"),
    ]  # fmt: skip
    topics = [event.topic for event in harness.events if event.topic.startswith("speech/")]
    assert topics[:2] == ["speech/reply", "speech/first_sound"]
