from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sensorium.errors import BadInput, ModelUnavailable
from sensorium_models.metrics.english import normalise
from sensorium_models.speech.evaluate import evaluate, read_waveform, recordings
from sensorium_models.speech.tts import TextToSpeech
from sensorium_models.speech.whisper import SpeechToText, SpeechToTextOptions

SCENE = Path(__file__).parents[3] / "agents" / "sensorium_agents" / "scene"


def test_a_folder_without_weights_is_named(tmp_path: Path) -> None:
    model = SpeechToText(SpeechToTextOptions(model=str(tmp_path)))
    with pytest.raises(ModelUnavailable, match=r"model\.bin"):
        model.load("cpu")


def test_every_prompt_has_a_recording_and_words(assets: Path) -> None:
    prompts = recordings(assets / "prompts")
    assert len(prompts) >= 40
    assert all(5 <= len(prompt.transcript.split()) <= 20 for prompt in prompts)
    assert {p.file for p in prompts} == set((assets / "prompts").glob("*.flac"))
    with pytest.raises(BadInput, match=r"transcripts\.tsv"):
        recordings(assets)


@pytest.mark.models
def test_human_prompts_are_read(recogniser: SpeechToText, assets: Path) -> None:
    result = evaluate(recogniser, recordings(assets / "prompts")[:20:7])
    assert result.score.wer <= 0.1


@pytest.mark.models
def test_a_human_command_is_read_with_times_and_confidence(
    recogniser: SpeechToText,
) -> None:
    audio = read_waveform(SCENE / "go-forward.flac")
    (result,) = recogniser.infer([{"audio": audio}])
    assert normalise(result["text"]) == "go forward ten meters"
    assert result["confidence"] > 0.4
    assert result["no_speech"] < 0.5
    (segment,) = result["segments"]
    assert 0.0 <= segment["start"] < segment["end"] <= audio.size / 16_000 + 1.0


@pytest.mark.models
@pytest.mark.parametrize(
    "audio",
    [
        np.zeros(0, np.float32),
        np.zeros(32_000, np.float32),
        np.random.default_rng(0).standard_normal(32_000).astype(np.float32) * 5e-4,
        np.random.default_rng(0).standard_normal(32_000).astype(np.float32) * 0.05,
    ],
    ids=["empty", "zeros", "faint noise", "white noise"],
)
def test_nothing_said_gives_no_text(recogniser: SpeechToText, audio: np.ndarray) -> None:
    (result,) = recogniser.infer([{"audio": audio}])
    assert (result["text"], result["confidence"], result["segments"]) == ("", 0.0, [])
    assert result["no_speech"] > 0.6


@pytest.mark.models
def test_the_voice_is_read_back(recogniser: SpeechToText, voice: TextToSpeech) -> None:
    said = "How many people are there?"
    (answer,) = voice.infer([{"text": said}])
    at_16k = np.interp(
        np.arange(0, answer["audio"].size, 1.5),
        np.arange(answer["audio"].size),
        answer["audio"],
    ).astype(np.float32)
    assert recogniser.infer([{"audio": at_16k}])[0]["text"] == said


@pytest.mark.models
@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("what-is-in-this-picture", "What is in this picture?"),
        ("what-do-you-see", "What do you see?"),
        ("what-does-the-page-say", "What does the page say?"),
    ],
)
def test_the_demo_questions_are_read_exactly(
    recogniser: SpeechToText, file: str, said: str
) -> None:
    audio = read_waveform(SCENE / f"{file}.flac")
    assert recogniser.infer([{"audio": audio}])[0]["text"] == said
