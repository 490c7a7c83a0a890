"""The built-in voice can be understood: measured with the recogniser that agents use."""

from __future__ import annotations

import jiwer
import numpy as np
import pytest

from sensorium_models.speech.whisper import SpeechToText, SpeechToTextOptions
from sensorium_sims.avworld.speech import speak, with_noise
from sensorium_sims.avworld.tasks import make_episode


@pytest.mark.models
def test_missions_are_understood_in_noise() -> None:
    recogniser = SpeechToText(SpeechToTextOptions())
    recogniser.load("cpu")
    said, heard = [], []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        mission = make_episode("Spoken", rng, 4, "seen", "heard").mission
        sound = with_noise(speak(mission), 10, seed * 997)
        audio = np.concatenate([np.zeros(3200, np.float32), sound, np.zeros(8000, np.float32)])
        (answer,) = recogniser.infer([{"audio": audio}])
        said.append(mission)
        heard.append("".join(c for c in answer["text"].lower() if c.isalpha() or c == " ").strip())
    assert jiwer.wer(said, heard) <= 0.2, list(zip(said, heard, strict=True))
