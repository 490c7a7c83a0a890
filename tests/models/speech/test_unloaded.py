from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sensorium.errors import ModelError, ModelUnavailable
from sensorium.workers.model import Model
from sensorium_models.speech.tts import TextToSpeech
from sensorium_models.speech.vad import VoiceActivity, VoiceActivityOptions
from sensorium_models.speech.whisper import SpeechToText
from sensorium_models.text.embedding import TextEmbedding

AUDIO = {"audio": np.zeros(512, np.float32)}
TEXT = {"text": "a cat"}


@pytest.mark.parametrize(
    ("model", "request_"),
    [
        (VoiceActivity(), AUDIO),
        (SpeechToText(), AUDIO),
        (TextToSpeech(), TEXT),
        (TextEmbedding(), TEXT),
    ],
)
def test_a_model_that_was_not_loaded_says_so(model: Model[Any, Any], request_: Any) -> None:
    with pytest.raises(ModelError, match="call load"):
        model.infer([request_])


def test_a_voice_graph_that_is_not_there_is_named() -> None:
    with pytest.raises(ModelUnavailable, match=r"missing\.onnx"):
        VoiceActivity(VoiceActivityOptions(model="missing.onnx")).load("cpu")
