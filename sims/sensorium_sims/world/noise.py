"""Noise for speech, at a chosen ratio: white, and the babble of other speakers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import BadInput
from sensorium_sims.world.sampling import Rng

F32 = NDArray[np.float32]


def white(length: int, rng: Rng) -> F32:
    """(length,) of equal power at every frequency."""
    return rng.standard_normal(length, dtype=np.float32)


def babble(voices: Sequence[F32], length: int, rng: Rng) -> F32:
    """(length,) of several people at once, each equally loud and from a place of its own.

    Use speech that is not in the mixture, of the same sample rate; five or more make a crowd.
    """
    if len(voices) < 2:
        raise BadInput(f"babble needs the speech of two or more, not of {len(voices)}")
    crowd = np.zeros(length, np.float32)
    for voice in voices:
        loudness = float(np.sqrt(np.mean(np.square(voice))))
        if loudness == 0:
            raise BadInput("one of the voices of the babble is silent")
        start = int(rng.integers(len(voice)))
        crowd += np.resize(np.roll(voice, -start), length) / np.float32(loudness)
    return crowd


def mixed(speech: F32, noise: F32, snr_db: float) -> F32:
    """``speech`` with ``noise`` (at least as long) at a signal-to-noise ratio over the whole.

    Scaled down as one where it would clip. Raises BadInput when either is silent.
    """
    if len(noise) < len(speech):
        raise BadInput(f"{len(noise)} samples of noise for {len(speech)} of speech")
    noise = noise[: len(speech)]
    powers = [float(np.mean(np.square(part, dtype=np.float64))) for part in (speech, noise)]
    if not len(speech) or min(powers) == 0:
        raise BadInput("a signal-to-noise ratio needs speech and noise that are not silent")
    gain = np.sqrt(powers[0] / powers[1] / 10 ** (snr_db / 10))
    sum_ = speech + np.float32(gain) * noise
    return np.asarray(sum_ / max(1.0, float(np.abs(sum_).max())), np.float32)
