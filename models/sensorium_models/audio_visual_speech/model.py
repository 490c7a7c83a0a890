"""Audio-visual speech recognition as an executor hosts it: sound and lips in, words out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import BadInput, MissingDependency, ModelError
from sensorium.workers.model import Model, ModelOptions
from sensorium_models.speech.waveform import SAMPLE_RATE, as_waveform
from sensorium_models.store.fingerprint import weights_of

if TYPE_CHECKING:
    from sensorium_models.audio_visual_speech.network import AudioVisualSpeech
    from sensorium_models.audio_visual_speech.wav2vec2 import Wav2Vec2

NAME = "audio_visual_speech"
FEWEST = 8
"""Moments (of 40 ms) that lips must be seen in: less tells nothing of how they move."""
LONGEST_S = 30.0


class AVSpeechRequest(TypedDict):
    """``audio`` (N,) at 16 kHz; None to read the lips alone. Lips may be left out."""

    audio: NDArray[np.float32] | None
    lips: NotRequired[NDArray[np.uint8] | None]
    """(T, 24, 24) grey or (T, 24, 24, 3) RGB, as :mod:`~.lips` cuts them out, and"""
    times: NotRequired[Sequence[float]]
    """(T,) seconds from the first sample to each of them; 25 a second if left out."""


class AVSpeechResult(TypedDict):
    """What was said."""

    text: str
    confidence: float
    """In [0, 1]: the mean chance of what was read at each moment that has a word; 0 for no word."""
    used: list[str]
    """``audio``, ``lips``."""
    seen: float
    """Share of the moments of which there were lips."""
    note: str
    """Why lips were not used; empty where they were, or none were given."""


class AVSpeechOptions(ModelOptions):
    """Which recogniser."""

    weights: str = ""
    """A file of `sensorium train avspeech`, or the folder of a ``Wav2Vec2ForCTC`` (which hears
    only); the bundled one, which knows the 51 words of the world's commands, if left out."""


class AudioVisualSpeechModel(Model[AVSpeechRequest, AVSpeechResult]):
    """Writes down what is heard and seen. Without lips it goes by the sound alone, and says so."""

    Options = AVSpeechOptions
    _network: AudioVisualSpeech | None = None
    _published: Wav2Vec2 | None = None
    _words: tuple[str, ...] = ()
    _device = "cpu"

    @classmethod
    def weights(cls, options: AVSpeechOptions) -> dict[str, str]:
        """The sha256 of its files."""
        if options.weights:
            return weights_of(options.weights)
        from importlib.resources import files

        place = Path(str(files("sensorium_models"))) / "weights" / "avspeech-world.safetensors"
        return weights_of(place) if place.is_file() else {}

    def load(self, device: str) -> None:
        """Bring it to ``device``. Raises ModelUnavailable for what is neither of the two."""
        try:
            from sensorium_models.audio_visual_speech import checkpoint
        except ModuleNotFoundError as error:
            raise MissingDependency(
                "audio-visual speech recognition", str(error.name),
                'Run: pip install "sensorium[language]"',
            ) from error  # fmt: skip
        asked = self.options.weights
        path = Path(asked).expanduser() if asked else checkpoint.bundled()
        if path.is_dir():
            from sensorium_models.audio_visual_speech.wav2vec2 import Wav2Vec2

            self._published = Wav2Vec2(path, device)
            return
        network, self._words = checkpoint.load(path)
        self._network, self._device = network.to(device), device

    def infer(self, batch: Sequence[AVSpeechRequest]) -> list[AVSpeechResult]:
        """Recognise each.

        Raises BadInput for audio that is empty, longer than 30 s or no mono float32, for lips of
        another shape, for times that do not go with them, and where there is nothing at all.
        """
        if self._published is not None:
            return [self._heard(request) for request in batch]
        if self._network is None:
            raise ModelError(NAME, "call load() before infer()")
        if not batch:
            return []
        import torch

        from sensorium_models.audio_visual_speech.learning import collate

        rows = [_row(request) for request in batch]
        made = {name: value.to(self._device) for name, value in collate(rows).items()}
        with torch.inference_mode():
            words, _ = self._network(
                made["wave"], made["length"], made["heard"], made["lips"], made["seen"]
            )
            chances, best = words.softmax(-1).cpu().max(-1)
        return [
            self._told(row, best[at, : row["moments"]], chances[at, : row["moments"]])
            for at, row in enumerate(rows)
        ]

    def unload(self) -> None:
        """Let go of the weights."""
        self._network = self._published = None

    def _told(self, row: dict[str, Any], best: Any, chances: Any) -> AVSpeechResult:
        path = best.tolist()
        kept = [now for last, now in zip([0, *path], path, strict=False) if now != last and now]
        said = best != 0
        return {
            "text": " ".join(self._words[letter - 1] for letter in kept),
            "confidence": float(chances[said].mean()) if kept else 0.0,
            "used": [n for n, there in (("audio", row["heard"]), ("lips", row["seen"].any()))
                     if there],
            "seen": float(row["share"]), "note": row["note"],
        }  # fmt: skip

    def _heard(self, request: AVSpeechRequest) -> AVSpeechResult:
        if request["audio"] is None:
            raise BadInput("there is no audio, and a Wav2Vec2ForCTC reads no lips")
        assert self._published is not None
        text, confidence = self._published.read(_wave(request["audio"]))
        lips = request.get("lips")
        note = "" if lips is None or not len(lips) else "a Wav2Vec2ForCTC reads no lips"
        return {
            "text": text, "confidence": confidence, "used": ["audio"], "seen": 0.0, "note": note,
        }  # fmt: skip


def _wave(audio: Any) -> NDArray[np.float32]:
    wave = as_waveform(audio, who="audio-visual speech recognition")
    if not len(wave):
        raise BadInput("the audio is empty: give at least 40 ms (640 samples) of it")
    if len(wave) > LONGEST_S * SAMPLE_RATE:
        raise BadInput(
            f"{len(wave) / SAMPLE_RATE:.1f} s of audio: {LONGEST_S:g} s are the most at once;"
            " cut it where nobody speaks, as voice activity does"
        )
    return wave


def _row(request: AVSpeechRequest) -> dict[str, Any]:
    from sensorium_models.audio_visual_speech.lips import at_moments
    from sensorium_models.audio_visual_speech.network import STRIDE, moments

    audio, lips = request["audio"], request.get("lips")
    none = lips is None or not len(lips)
    if audio is None:
        if none:
            raise BadInput("there is nothing to recognise: neither audio nor lips")
        seconds = _last(request) + STRIDE / SAMPLE_RATE
        if not 0 < seconds <= LONGEST_S:
            raise BadInput(f"lips over {seconds:.1f} s: {LONGEST_S:g} s are the most at once")
        wave = np.zeros(moments(round(seconds * SAMPLE_RATE)) * STRIDE, np.float32)
    else:
        wave = _wave(audio)
    count = moments(len(wave))
    shown, seen = at_moments(lips, request.get("times"), count)
    share, note = float(seen.mean()), ""
    fewest = FEWEST if audio is None else min(FEWEST, count)
    if not none and seen.sum() < fewest:
        note = f"lips were seen in {int(seen.sum())} of {count} moments: too few, so not used"
        if audio is None:
            raise BadInput(f"{note}; and there is no audio")
        seen = np.zeros_like(seen)
    return {
        "wave": wave, "heard": audio is not None, "lips": shown, "seen": seen, "moments": count,
        "share": share, "note": note,
    }  # fmt: skip


def _last(request: AVSpeechRequest) -> float:
    times = request.get("times")
    if times is not None and len(times):
        return float(max(times))
    lips = request.get("lips")
    return (len(lips) - 0.5) / 25 if lips is not None else 0.0
