from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sensorium.errors import BadInput
from sensorium_models.speech.evaluate import read_waveform
from sensorium_models.speech.segmenter import SpeechEnded, SpeechStarted, UtteranceSegmenter
from sensorium_models.speech.vad import CHUNK, VoiceActivity, speech_probabilities

pytestmark = pytest.mark.models


def prompt(assets: Path) -> np.ndarray:
    return read_waveform(assets / "prompts" / "check-number-dial-again.flac")


def voiced_span(wave: np.ndarray) -> tuple[int, int]:
    """First and last sample above 2 % of the peak."""
    loud = np.flatnonzero(np.abs(wave) > 0.02 * np.abs(wave).max())
    return int(loud[0]), int(loud[-1])


def test_white_noise_and_silence_are_not_speech(vad: VoiceActivity) -> None:
    noise = np.random.default_rng(0).standard_normal(48_000).astype(np.float32)
    for level in (0.0, 0.01, 0.1, 0.3):
        assert speech_probabilities(vad, level * noise).max() < 0.5


def test_a_padded_prompt_is_found_within_100_ms(vad: VoiceActivity, assets: Path) -> None:
    wave = np.pad(prompt(assets), (16_000, 16_000))
    segmenter, events = UtteranceSegmenter(), []
    padded = np.pad(wave, (0, -wave.size % CHUNK))
    for chunk, probability in zip(
        padded.reshape(-1, CHUNK), speech_probabilities(vad, wave), strict=True
    ):
        events += segmenter.push(float(probability), chunk)
    began, ended = voiced_span(wave)
    started = [event for event in events if isinstance(event, SpeechStarted)]
    finished = [event for event in events if isinstance(event, SpeechEnded)]
    assert abs(started[0].at - began) <= 1600
    assert abs(finished[-1].voice_end - ended) <= 1600


def test_streams_in_one_batch_do_not_disturb_each_other(vad: VoiceActivity, assets: Path) -> None:
    one = prompt(assets)[: CHUNK * 40].reshape(-1, CHUNK)
    other = one[::-1]
    alone = speech_probabilities(vad, one.ravel())
    states: list[dict[str, np.ndarray | None]] = [{"state": None, "context": None}] * 2
    together = []
    for chunks in zip(one, other, strict=True):
        answers = vad.infer([{"audio": a, **s} for a, s in zip(chunks, states, strict=True)])  # type: ignore[typeddict-item]
        states = [{"state": a["state"], "context": a["context"]} for a in answers]
        together.append(answers[0]["probability"])
    assert np.allclose(together, alone, atol=1e-5)


def test_requests_of_another_shape_are_refused(vad: VoiceActivity) -> None:
    with pytest.raises(BadInput, match="chunks of 512"):
        vad.infer([{"audio": np.zeros(256, np.float32)}])
    with pytest.raises(BadInput, match="state of shape"):
        vad.infer([{"audio": np.zeros(512, np.float32), "state": np.zeros((2, 128), np.float32)}])
    assert vad.infer([]) == []
