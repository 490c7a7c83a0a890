"""Spoken instructions: words that a voice recorded, strung together.

The recordings (``words.npz``, 16 kHz) were made with the voice that Sensorium speaks with
(``scripts/record_words.py``). Whoever has a better voice gives the environment a ``speaker``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import BadInput
from sensorium_sims.avworld.sounds import SAMPLE_RATE

F32 = NDArray[np.float32]
Speaker = Callable[[str], F32]
"""Says a text: (T,) float32 in [-1, 1] at 16 kHz."""

SPEECH_RMS = 0.1
PAUSE_S = 0.06
NOISE = 8 * SAMPLE_RATE
"""Samples of noise before it repeats."""


@lru_cache(maxsize=512)
def speak(text: str) -> F32:
    """Say a text of :data:`~sensorium_sims.avworld.vocabulary.WORDS`; (T,) float32 at 16 kHz.

    Raises :class:`BadInput` for a word that was not recorded.
    """
    words = _recorded()
    pause = np.zeros(round(PAUSE_S * SAMPLE_RATE), np.float32)
    parts: list[F32] = []
    for word in text.split():
        if word not in words:
            raise BadInput(f"the built-in voice cannot say {word!r}; give the world a speaker")
        parts += [words[word], pause]
    said = np.concatenate(parts) if parts else pause
    said.setflags(write=False)
    return said


def with_noise(speech: F32, snr_db: float, seed: int) -> F32:
    """The speech at a set loudness in noise of the same spectrum as long-term speech (-6 dB an
    octave above 500 Hz); ``snr_db`` is the ratio of the two while somebody speaks."""
    speech = np.asarray(speech, np.float32)
    if speech.ndim != 1 or not np.isfinite(speech).all():
        raise BadInput(f"a speaker returns (T,) finite samples, not {speech.shape}")
    loud = np.sqrt(np.mean(speech**2)) if len(speech) else np.float32(0)
    if loud == 0:
        return speech
    noise = np.roll(_hubbub(), -(seed % NOISE))
    noise = np.tile(noise, len(speech) // NOISE + 1)[: len(speech)]
    masked = speech * (SPEECH_RMS / loud) + noise * (SPEECH_RMS / 10 ** (snr_db / 20))
    return np.asarray(masked, np.float32)


@lru_cache(maxsize=1)
def _hubbub() -> F32:
    """(NOISE,) of noise with a mean square of 1, seamless."""
    spectrum = np.fft.rfft(np.random.default_rng(7).standard_normal(NOISE))
    spectrum /= 1 + np.fft.rfftfreq(NOISE, 1 / SAMPLE_RATE) / 500
    noise = np.fft.irfft(spectrum, NOISE)
    return np.asarray(noise / np.sqrt(np.mean(noise**2)), np.float32)


@lru_cache(maxsize=1)
def _recorded() -> dict[str, F32]:
    with files("sensorium_sims.avworld").joinpath("words.npz").open("rb") as file:
        held = np.load(file, allow_pickle=False)
        return {name: held[name].astype(np.float32) / 32768 for name in held.files}
