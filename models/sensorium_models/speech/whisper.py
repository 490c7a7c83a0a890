"""Speech to text: Whisper on CTranslate2 (faster-whisper), offline and deterministic.

Whisper: Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", 2022. It was
trained to caption everything, so on silence and noise it invents text; the guards below are part
of the model, not of its callers. Decoding has temperature 0 only: the published fallback samples,
and a recording would not replay to the same words.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

from sensorium.errors import MissingDependency, ModelError, ModelUnavailable
from sensorium.workers.model import Model, ModelOptions
from sensorium_models.speech.waveform import SAMPLE_RATE, Waveform, as_waveform, loudest_dbfs
from sensorium_models.store import ModelStore
from sensorium_models.store.fingerprint import weights_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray


class SpeechRequest(TypedDict):
    """``audio`` (T,) at 16 kHz, any length; empty is allowed."""

    audio: NDArray[np.float32]


class SpeechSegment(TypedDict):
    """A stretch of text with its ``start`` and ``end`` in seconds from the start of the audio."""

    start: float
    end: float
    text: str


class SpeechResult(TypedDict):
    """What was said.

    ``confidence`` is the exponential of the mean log probability of the tokens (0 for no text),
    ``no_speech`` the model's probability that nothing was said (1 for silence).
    """

    text: str
    confidence: float
    no_speech: float
    segments: list[SpeechSegment]


class SpeechToTextOptions(ModelOptions):
    """Options of :class:`SpeechToText`.

    ``model``: a store name (``whisper-tiny.en``, ``whisper-base``) or a folder in CTranslate2
    format. ``language``: ISO code, used by multilingual models; ``None`` detects it.
    ``compute_type``: CTranslate2's; ``auto`` is int8 on the CPU and float16 elsewhere.
    Audio whose loudest 100 ms lie below ``silence_dbfs`` is not sent to the model at all. A segment
    is dropped when ``no_speech`` is above its threshold and the mean log probability below its own
    (the paper's -1.0 lets white noise through as "You", at -0.98).
    """

    model: str = "whisper-tiny.en"
    language: str | None = "en"
    cpu_threads: int = 2
    compute_type: str = "auto"
    beam_size: int = 5
    silence_dbfs: float = -60.0
    no_speech_threshold: float = 0.6
    log_prob_threshold: float = -0.7
    compression_ratio_threshold: float = 2.4


class SpeechToText(Model[SpeechRequest, SpeechResult]):
    """Transcribe utterances. Longer audio than 30 s is read window by window."""

    Options = SpeechToTextOptions
    _whisper: Any = None

    @classmethod
    def weights(cls, options: Any) -> dict[str, str]:
        """The sha256 of its files."""
        return weights_of(options.model)

    def load(self, device: str) -> None:
        """Load the weights from the store or a folder; never from the network.

        Raises :class:`~sensorium.errors.ModelUnavailable` when they are not there.
        """
        try:
            from faster_whisper import WhisperModel
        except ModuleNotFoundError as error:
            raise MissingDependency(
                "speech to text", "faster-whisper", 'Run: pip install "sensorium[audio]"'
            ) from error
        kind, _, index = device.partition(":")
        if kind not in ("cpu", "cuda"):
            kind = "cpu"  # CTranslate2 knows no other device
        compute = self.options.compute_type
        if compute == "auto":
            compute = "int8" if kind == "cpu" else "float16"
        folder = self._folder()
        try:
            self._whisper = WhisperModel(
                str(folder),
                device=kind,
                device_index=int(index or 0),
                compute_type=compute,
                cpu_threads=self.options.cpu_threads,
                local_files_only=True,
            )
        except (RuntimeError, ValueError) as error:
            raise ModelError(self.options.model, f"cannot load {folder}: {error}") from error

    def warm_up(self) -> None:
        """Transcribe a quarter of a second of noise: one window, as of any short utterance."""
        noise = np.random.default_rng(0).normal(0.0, 0.01, SAMPLE_RATE // 4)
        self._transcribe(noise.astype(np.float32))

    def _folder(self) -> Path:
        name: str = self.options.model
        if not Path(name).is_absolute() and not name.startswith((".", "~")):
            return ModelStore().path(name)
        folder = Path(name).expanduser()
        if not (folder / "model.bin").is_file():
            raise ModelUnavailable(name, f"{folder} holds no model.bin (CTranslate2 format)")
        return folder

    def infer(self, batch: Sequence[SpeechRequest]) -> list[SpeechResult]:
        """Transcribe each request of ``batch``.

        Raises :class:`~sensorium.errors.BadInput` for audio that is not mono float.
        """
        if self._whisper is None:
            raise ModelError(self.options.model, "call load() before infer()")
        return [self._transcribe(as_waveform(r["audio"], who="speech to text")) for r in batch]

    def unload(self) -> None:
        """Let go of the weights."""
        self._whisper = None

    def _transcribe(self, wave: Waveform) -> SpeechResult:
        options = self.options
        if loudest_dbfs(wave) < options.silence_dbfs:
            return _nothing(1.0)
        segments, _ = self._whisper.transcribe(
            wave,
            language=options.language if self._whisper.model.is_multilingual else "en",
            beam_size=options.beam_size,
            temperature=0.0,
            condition_on_previous_text=False,  # else one repetition feeds the next window
            # The thresholds are applied here, where a dropped segment still tells why.
            no_speech_threshold=None,
            log_prob_threshold=None,
            compression_ratio_threshold=None,
        )
        return self._result(list(segments))

    def _result(self, segments: Sequence[Any]) -> SpeechResult:
        no_speech = min((float(s.no_speech_prob) for s in segments), default=1.0)
        kept = [segment for segment in segments if self._is_speech(segment)]
        if not kept:
            return _nothing(no_speech)
        return {
            "text": " ".join(segment.text.strip() for segment in kept),
            "confidence": math.exp(_mean_log_prob(kept)),
            "no_speech": no_speech,
            "segments": [
                {"start": float(s.start), "end": float(s.end), "text": s.text.strip()} for s in kept
            ],
        }

    def _is_speech(self, segment: Any) -> bool:
        """Whether a segment is more than captions for noise (section 4.5 of the paper)."""
        options = self.options
        if not segment.text.strip(" .-"):
            return False
        if segment.compression_ratio > options.compression_ratio_threshold:
            return False  # one phrase again and again
        silent = segment.no_speech_prob > options.no_speech_threshold
        return not (silent and segment.avg_logprob < options.log_prob_threshold)


def _nothing(no_speech: float) -> SpeechResult:
    return {"text": "", "confidence": 0.0, "no_speech": no_speech, "segments": []}


def _mean_log_prob(segments: Iterable[Any]) -> float:
    weighted = [(len(s.tokens), float(s.avg_logprob)) for s in segments]
    return sum(n * p for n, p in weighted) / max(1, sum(n for n, _ in weighted))
