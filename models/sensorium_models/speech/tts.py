"""Text to speech: hibari (a distilled Kokoro-82M voice) on onnxruntime, 24 kHz."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np
from pydantic import Field

from sensorium.errors import BadInput, MissingDependency, ModelError
from sensorium.workers.model import Model, ModelOptions
from sensorium_models.speech.spoken import pieces, spoken
from sensorium_models.store.fingerprint import weights_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

TTS_SAMPLE_RATE = 24_000


class SpeakRequest(TypedDict):
    """``text`` to say, markup allowed."""

    text: str


class SpeakResult(TypedDict):
    """``audio`` (T,) in [-1, 1] at ``sample_rate`` Hz, and the ``text`` as it was read."""

    audio: NDArray[np.float32]
    sample_rate: int
    text: str


class TextToSpeechOptions(ModelOptions):
    """Options of :class:`TextToSpeech`.

    ``speed`` 1.0 is the voice's own pace. ``seed`` fixes the noise in the voice: the same text
    gives the same samples. ``longest`` is the longest piece said in one breath, in characters.
    """

    speed: float = Field(default=1.0, ge=0.5, le=2.0)
    seed: int = 0
    threads: int = Field(default=1, ge=1)
    longest: int = Field(default=240, ge=20)


class TextToSpeech(Model[SpeakRequest, SpeakResult]):
    """Read text aloud, with the voice that hibari's package holds.

    hibari's other voices are downloads from a model hub and are not offered.
    """

    Options = TextToSpeechOptions
    _voice: Any = None

    @classmethod
    def weights(cls, options: Any) -> dict[str, str]:
        """The sha256 of its files."""
        return weights_of("hibari-tts")

    def load(self, device: str) -> None:
        """Open the voice and its lexicon. It runs on the CPU on any ``device``."""
        del device
        try:
            from hibari import Hibari
        except ModuleNotFoundError as error:
            raise MissingDependency(
                "text to speech", "hibari-tts", 'Run: pip install "sensorium[audio]"'
            ) from error
        self._voice = Hibari(threads=self.options.threads)
        _ = self._voice.g2p  # the lexicon loads here, not within the first sentence

    def warm_up(self) -> None:
        """Say a word to nobody."""
        self.infer([{"text": "Yes."}])

    def infer(self, batch: Sequence[SpeakRequest]) -> list[SpeakResult]:
        """Say each text; a text without a letter or digit gives zero samples."""
        return [self._joined(list(self.stream(request))) for request in batch]

    def stream(self, request: SpeakRequest) -> Iterator[SpeakResult]:
        """Yield one part a sentence, as soon as it is made, with the text of that sentence."""
        if self._voice is None:
            raise ModelError("hibari", "call load() before infer()")
        text = request["text"]
        if not isinstance(text, str):
            raise BadInput(f"text to speech takes a str, got {type(text).__name__}")
        for piece in pieces(spoken(text), longest=self.options.longest):
            audio = np.asarray(
                self._voice(piece, speed=self.options.speed, seed=self.options.seed), np.float32
            )
            if audio.size:
                yield {
                    "audio": np.clip(audio, -1.0, 1.0),
                    "sample_rate": TTS_SAMPLE_RATE,
                    "text": piece,
                }

    def unload(self) -> None:
        """Let go of the voice."""
        self._voice = None

    def _joined(self, parts: Sequence[SpeakResult]) -> SpeakResult:
        audio = [part["audio"] for part in parts]
        return {
            "audio": np.concatenate(audio) if audio else np.zeros(0, np.float32),
            "sample_rate": TTS_SAMPLE_RATE,
            "text": " ".join(part["text"] for part in parts),
        }
