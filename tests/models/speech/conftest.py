"""Loaded models and shipped recordings, once a session."""

from __future__ import annotations

from pathlib import Path

import pytest

from sensorium_models.speech.tts import TextToSpeech
from sensorium_models.speech.vad import VoiceActivity
from sensorium_models.speech.whisper import SpeechToText

ASSETS = Path(__file__).parents[3] / "assets"


@pytest.fixture(scope="session")
def assets() -> Path:
    return ASSETS


@pytest.fixture(scope="session")
def recogniser() -> SpeechToText:
    model = SpeechToText()
    model.load("cpu")
    return model


@pytest.fixture(scope="session")
def voice() -> TextToSpeech:
    model = TextToSpeech()
    model.load("cpu")
    return model


@pytest.fixture(scope="session")
def vad() -> VoiceActivity:
    model = VoiceActivity()
    model.load("cpu")
    return model
