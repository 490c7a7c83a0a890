from __future__ import annotations

from typing import Any

import numpy as np

from sensorium.payloads import Utterance
from sensorium.testing import run_component
from sensorium_plugins.perception.speech_to_text import SpeechToText

UTTERANCE = Utterance(np.full(1600, 0.5, np.float32), 16_000, end_time=2_000)


def says(text: str) -> dict[str, Any]:
    return {"speech_to_text": lambda _: {"text": text, "confidence": 0.9}}


async def test_a_transcript_keeps_the_time_span_of_the_speech() -> None:
    async with run_component(SpeechToText, models=says("  hello there ")) as harness:
        await harness.send("speech/utterance", UTTERANCE, originating_time=1_000)
        await harness.settled()
        (heard,) = harness.events
    assert heard.payload.text == "hello there"
    assert heard.payload.confidence == 0.9
    assert (heard.originating_time, heard.payload.end_time) == (1_000, 2_000)


async def test_noise_without_words_gives_nothing() -> None:
    async with run_component(SpeechToText, models=says(" \n")) as harness:
        await harness.send("speech/utterance", UTTERANCE)
        await harness.settled()
        assert harness.events == []


async def test_the_model_gets_the_samples_of_the_utterance() -> None:
    asked: list[Any] = []

    def listen(request: Any) -> dict[str, Any]:
        asked.append(request)
        return {"text": "yes", "confidence": 1.0}

    async with run_component(SpeechToText, models={"speech_to_text": listen}) as harness:
        await harness.send("speech/utterance", UTTERANCE)
        await harness.settled()
    assert asked[0]["audio"] is UTTERANCE.samples
