"""Records the words of AVWorld's spoken instructions with the bundled voice.

Writes sims/sensorium_sims/avworld/words.npz: one int16 array a word, 16 kHz. Each word is cut out
of a sentence of its own, so that all are said alike. Run: python scripts/record_words.py
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import soxr

from sensorium_models.speech.tts import TextToSpeech
from sensorium_sims.avworld.vocabulary import WORDS

ROOT = Path(__file__).parents[1]
RATE = 16_000
QUIET = 0.02
"""Of the loudest sample: the edges of a word are where it falls below this."""


def main() -> None:
    """Say every word and write them down."""
    voice = TextToSpeech(TextToSpeech.Options())
    voice.load("cpu")
    words = {}
    for word in WORDS:
        (said,) = voice.infer([{"text": word.capitalize() + "."}])
        wave = soxr.resample(said["audio"], said["sample_rate"], RATE)
        words[word] = (trimmed(wave) * 32767).astype(np.int16)
    path = ROOT / "sims/sensorium_sims/avworld/words.npz"
    np.savez_compressed(path, **words)
    seconds = sum(map(len, words.values())) / RATE
    print(f"{path.name}: {len(words)} words, {seconds:.1f} s, {path.stat().st_size} bytes")


def trimmed(wave: np.ndarray) -> np.ndarray:
    """Without silence at the ends; the loudest sample at 0.7."""
    wave = wave / np.abs(wave).max() * 0.7
    loud = np.flatnonzero(np.abs(wave) > QUIET)
    margin = RATE // 50
    return wave[max(0, loud[0] - margin) : loud[-1] + margin]


if __name__ == "__main__":
    sys.exit(main())
