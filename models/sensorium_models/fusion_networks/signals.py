"""Plain features of a picture, a sound and words: what a fusion network takes with no other model.

They are fixed numbers, not learnt, and the same in training and in an agent: a picture's colours,
a sound's spectrum and how it moves, which words there are.
"""

from __future__ import annotations

import re
import zlib
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import BadInput

F32 = NDArray[np.float32]
GRID = 32
"""A picture is brought to 32x32 pixels."""
LEVELS = 4
"""Of each of red, green and blue."""
RATE = 16_000
"""Hz."""
WINDOW, HOP, MELS = 512, 256, 32
WORDS = 128
"""Places that words are hashed to."""
SIZES = {"picture": LEVELS**3, "sound": 3 * MELS, "words": WORDS}
"""Width of each."""


def picture_features(image: NDArray[Any]) -> F32:
    """(64,) the square roots of how much of each of 4x4x4 colours a picture holds.

    ``image`` is (H, W, 3) uint8 RGB. Raises BadInput for any other.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise BadInput(
            f"a picture is (H, W, 3) uint8, red, green and blue, not {image.shape} {image.dtype}:"
            " convert 16 bits to 8, and leave alpha out"
        )
    rows, columns = (_edges(side) for side in image.shape[:2])
    sums = np.add.reduceat(np.add.reduceat(image.astype(np.float32), rows, 0), columns, 1)
    area = np.diff([*rows, image.shape[0]])[:, None] * np.diff([*columns, image.shape[1]])
    small = sums / area[..., None]
    levels = np.minimum(small * LEVELS / 256, LEVELS - 1).astype(np.int64)
    colour = (levels[..., 0] * LEVELS + levels[..., 1]) * LEVELS + levels[..., 2]
    counts = np.bincount(colour.ravel(), minlength=LEVELS**3)
    shares: F32 = np.sqrt(counts / counts.sum()).astype(np.float32)
    return shares


def sound_features(samples: NDArray[Any], rate: int) -> F32:
    """(96,) of 32 mel bands the mean, the spread and the mean change from 16 ms to the next, in
    bels.

    ``samples`` is (T,) or (C, T) in [-1, 1]; another rate than 16 kHz is interpolated. Raises
    BadInput for less than two windows (48 ms) of sound.
    """
    wave = np.asarray(samples, np.float32)
    wave = wave.mean(0) if wave.ndim == 2 else wave
    if rate < 1 or wave.ndim != 1:
        raise BadInput(f"a sound is (T,) or (channels, T) at some Hz, not {wave.shape} at {rate}")
    if rate != RATE:
        places = np.arange(int(len(wave) * RATE / rate)) * (rate / RATE)
        wave = np.interp(places, np.arange(len(wave)), wave).astype(np.float32)
    if len(wave) < WINDOW + HOP:
        raise BadInput(f"a sound of {len(wave) / RATE:.3f} s is too short: 0.048 s at the least")
    starts = np.arange(0, len(wave) - WINDOW + 1, HOP)
    frames = wave[starts[:, None] + np.arange(WINDOW)] * np.hanning(WINDOW).astype(np.float32)
    power = np.abs(np.fft.rfft(frames, axis=1)) ** 2
    bands = np.log10(power @ _mel_filters().T + 1e-6)  # (T, MELS)
    moved = np.abs(np.diff(bands, axis=0)).mean(0)
    return np.concatenate([bands.mean(0), bands.std(0), moved]).astype(np.float32)


def words_features(text: str) -> F32:
    """(128,) 1 where a word of the text is hashed to. Raises BadInput for a text without one."""
    words = re.findall(r"\w+", text.lower())
    if not words:
        raise BadInput("there is no word in the text")
    found = np.zeros(WORDS, np.float32)
    for word in words:
        found[zlib.crc32(word.encode()) % WORDS] = 1.0
    return found


def _edges(side: int) -> NDArray[np.int64]:
    return np.unique(np.arange(GRID) * side // GRID)


@lru_cache(maxsize=1)
def _mel_filters() -> F32:
    """(MELS, WINDOW // 2 + 1) triangles that are evenly apart on the mel scale, 50 Hz to 8 kHz."""
    low, high = (2595 * np.log10(1 + hz / 700) for hz in (50.0, RATE / 2))
    centres = 700 * (10 ** (np.linspace(low, high, MELS + 2) / 2595) - 1)
    hz = np.fft.rfftfreq(WINDOW, 1 / RATE)
    rising = (hz - centres[:-2, None]) / (centres[1:-1] - centres[:-2])[:, None]
    falling = (centres[2:, None] - hz) / (centres[2:] - centres[1:-1])[:, None]
    return np.maximum(0, np.minimum(rising, falling)).astype(np.float32)
