from __future__ import annotations

import numpy as np
import pytest

from sensorium.errors import BadInput
from sensorium_models.speech.tts import TTS_SAMPLE_RATE, TextToSpeech

pytestmark = pytest.mark.models


def test_speech_has_a_plausible_length_and_level(voice: TextToSpeech) -> None:
    (answer,) = voice.infer([{"text": "The cat sleeps on the warm windowsill."}])
    assert answer["sample_rate"] == TTS_SAMPLE_RATE
    assert answer["audio"].dtype == np.float32
    assert 1.0 < answer["audio"].size / TTS_SAMPLE_RATE < 6.0
    assert 0.05 < np.abs(answer["audio"]).max() <= 1.0


@pytest.mark.parametrize("text", ["", "  \n", "\U0001f600", "..."])
def test_nothing_to_say_gives_no_samples(voice: TextToSpeech, text: str) -> None:
    (answer,) = voice.infer([{"text": text}])
    assert answer["audio"].shape == (0,)
    assert list(voice.stream({"text": text})) == []


def test_a_stream_yields_sentence_by_sentence_what_infer_joins(voice: TextToSpeech) -> None:
    request = {"text": "I see a cat. It sleeps."}
    parts = list(voice.stream(request))  # type: ignore[arg-type]
    assert [part["text"] for part in parts] == ["I see a cat.", "It sleeps."]
    (whole,) = voice.infer([request])  # type: ignore[list-item]
    assert np.array_equal(np.concatenate([part["audio"] for part in parts]), whole["audio"])


def test_text_must_be_a_string(voice: TextToSpeech) -> None:
    with pytest.raises(BadInput, match="takes a str, got int"):
        voice.infer([{"text": 5}])  # type: ignore[typeddict-item]
