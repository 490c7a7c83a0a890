"""Voices for the world's speech: hibari's, and two people made of it by transposition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sensorium_models.speech.tts import TextToSpeech
from sensorium_sims.world.speech import Speech, transposed

if TYPE_CHECKING:
    from sensorium_sims.world.speech import Speaker


def hibari_voices(factors: Mapping[str, float] | None = None) -> dict[str, Speaker]:
    """Named speakers: ``middle`` is hibari, ``high`` and ``low`` are transposed.

    ``factors`` names other voices and their pitch beside hibari's. Raises MissingDependency
    without ``hibari-tts``.
    """
    model = TextToSpeech()
    model.load("cpu")

    def say(text: str) -> Speech:
        (result,) = model.infer([{"text": text}])
        return Speech(result["audio"], result["sample_rate"])

    chosen = factors or {"middle": 1.0, "high": 1.18, "low": 0.86}
    return {
        name: say if factor == 1.0 else transposed(say, factor) for name, factor in chosen.items()
    }
