from __future__ import annotations

import numpy as np
import pytest

from sensorium.errors import BadInput
from sensorium_models.speech.waveform import as_waveform, loudest_dbfs


@pytest.mark.parametrize(
    ("audio", "problem"),
    [
        (np.zeros(16, np.int16), "divide 16-bit samples by 32768"),
        (np.zeros((2, 16), np.float32), "mix it down"),
        (np.array([0.0, np.nan], np.float32), "NaN"),
    ],
)
def test_audio_of_another_kind_is_refused(audio: np.ndarray, problem: str) -> None:
    with pytest.raises(BadInput, match=problem):
        as_waveform(audio, who="a test")


def test_double_precision_is_taken_as_it_is() -> None:
    assert as_waveform(np.array([0.5]), who="a test").dtype == np.float32


def test_level_is_that_of_the_loudest_tenth_of_a_second() -> None:
    wave = np.zeros(160_000, np.float32)
    assert loudest_dbfs(wave) == float("-inf")
    wave[80_000:81_600] = 0.1
    assert loudest_dbfs(wave) == pytest.approx(-20.0, abs=0.01)
    assert loudest_dbfs(np.full(3, 0.1, np.float32)) == pytest.approx(-20.0, abs=0.01)
    assert loudest_dbfs(wave[:0]) == float("-inf")
