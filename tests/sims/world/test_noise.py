from __future__ import annotations

import numpy as np
import pytest

from sensorium.errors import BadInput
from sensorium_sims.world.noise import babble, mixed, white

SPEECH = (0.2 * np.sin(np.arange(16_000) / 9)).astype(np.float32)


@pytest.mark.parametrize("snr", [-7.5, 0.0, 10.0])
def test_the_ratio_is_the_one_asked_for(snr: float) -> None:
    noise = white(20_000, np.random.default_rng(0))
    heard = mixed(SPEECH, noise, snr)
    # What is heard is a * speech + b * noise: solve for both.
    basis = np.stack([SPEECH, noise[:16_000]], axis=1).astype(np.float64)
    (a, b), *_ = np.linalg.lstsq(basis, heard.astype(np.float64), rcond=None)
    ratio = np.square(a * basis[:, 0]).mean() / np.square(b * basis[:, 1]).mean()
    assert 10 * np.log10(ratio) == pytest.approx(snr, abs=0.01)
    assert np.abs(heard).max() <= 1


def test_babble_holds_every_voice_as_loud() -> None:
    rng = np.random.default_rng(1)
    tones = [np.sin(2 * np.pi * f * np.arange(8_000) / 16_000) for f in (200, 400, 800)]
    voices = [
        (level * tone).astype(np.float32) for level, tone in zip((1, 0.1, 3), tones, strict=True)
    ]
    spectrum = np.abs(np.fft.rfft(babble(voices, 16_000, rng)))
    peaks = [spectrum[hertz] for hertz in (200, 400, 800)]
    assert max(peaks) == pytest.approx(min(peaks), rel=0.01)


def test_silence_and_loneliness_are_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(BadInput, match="not silent"):
        mixed(SPEECH, np.zeros(16_000, np.float32), 0)
    with pytest.raises(BadInput, match="100 samples of noise"):
        mixed(SPEECH, white(100, rng), 0)
    with pytest.raises(BadInput, match="two or more"):
        babble([SPEECH], 100, rng)
    with pytest.raises(BadInput, match="silent"):
        babble([SPEECH, 0 * SPEECH], 100, rng)
