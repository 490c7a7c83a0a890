"""What every speech model here asks of a waveform: 16 kHz, mono, float32, full scale 1.0."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import BadInput

SAMPLE_RATE = 16_000
SAMPLES_PER_MS = SAMPLE_RATE // 1000

Waveform = NDArray[np.float32]


def as_waveform(audio: Any, *, who: str) -> Waveform:
    """Return ``audio`` as a contiguous float32 array of shape (T,), checked.

    Integers are refused, not rescaled: a silent factor of 32768 is the classic audio bug.
    Raises :class:`~sensorium.errors.BadInput`; ``who`` names the model in the message.
    """
    array = np.asarray(audio)
    if array.dtype.kind != "f":
        raise BadInput(
            f"{who} takes float audio with full scale 1.0, got {array.dtype}: "
            "divide 16-bit samples by 32768"
        )
    if array.ndim != 1:
        raise BadInput(f"{who} takes mono audio of shape (T,), got {array.shape}: mix it down")
    wave = np.ascontiguousarray(array, dtype=np.float32)
    if not np.isfinite(wave).all():
        raise BadInput(f"{who} got audio that holds NaN or infinity")
    return wave


def loudest_dbfs(wave: Waveform, *, window_ms: int = 100) -> float:
    """Level of the loudest ``window_ms`` of ``wave`` (T,) at 16 kHz, in dB below full scale.

    The loudest window, not the mean, so that one word in ten seconds of silence still counts.
    Empty or all-zero audio is ``-inf``.
    """
    if wave.size == 0:
        return float("-inf")
    size = min(wave.size, window_ms * SAMPLES_PER_MS)
    whole = wave[: wave.size // size * size].reshape(-1, size).astype(np.float64)
    tail = wave[-size:].astype(np.float64)
    power = max(float(np.mean(whole**2, axis=1).max()), float(np.mean(tail**2)))
    return float("-inf") if power == 0.0 else 10.0 * float(np.log10(power))
