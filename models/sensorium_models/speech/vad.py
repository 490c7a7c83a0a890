"""Voice activity: Silero VAD v6 on onnxruntime, one thread.

The published ONNX graph (https://github.com/snakers4/silero-vad, MIT) takes the 64 samples before
a chunk in front of it, and an LSTM state. Both travel with the request, so one loaded model
serves any number of streams and a restarted worker loses nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import BadInput, MissingDependency, ModelError, ModelUnavailable
from sensorium.workers.model import Model, ModelOptions
from sensorium_models.speech.waveform import SAMPLE_RATE, SAMPLES_PER_MS, as_waveform
from sensorium_models.store import ModelStore
from sensorium_models.store.fingerprint import weights_of

if TYPE_CHECKING:
    from collections.abc import Sequence

CHUNK = 512
CHUNK_MS = CHUNK // SAMPLES_PER_MS
CONTEXT = 64
STATE_SHAPE = (2, 1, 128)

FloatArray = NDArray[np.float32]


class VoiceRequest(TypedDict):
    """One chunk: ``audio`` (512,) at 16 kHz, ``state`` and ``context`` of the last answer."""

    audio: FloatArray
    state: NotRequired[FloatArray | None]
    context: NotRequired[FloatArray | None]


class VoiceResult(TypedDict):
    """``probability`` of speech in [0, 1]; ``state`` (2, 1, 128), ``context`` (64,)."""

    probability: float
    state: FloatArray
    context: FloatArray


class VoiceActivityOptions(ModelOptions):
    """Options of :class:`VoiceActivity`: a store name, or the path of an ``.onnx`` file."""

    model: str = "silero-vad"


class VoiceActivity(Model[VoiceRequest, VoiceResult]):
    """Probability that a 32 ms chunk holds speech. A new stream starts with no state."""

    Options = VoiceActivityOptions
    _session: Any = None

    @classmethod
    def weights(cls, options: Any) -> dict[str, str]:
        """The sha256 of its files."""
        return weights_of(options.model)

    def load(self, device: str) -> None:
        """Open the graph. It always runs on the CPU: a chunk costs less than a copy to a GPU."""
        del device
        try:
            import onnxruntime as ort
        except ModuleNotFoundError as error:
            raise MissingDependency(
                "voice activity", "onnxruntime", 'Run: pip install "sensorium[audio]"'
            ) from error
        settings = ort.SessionOptions()
        settings.intra_op_num_threads = settings.inter_op_num_threads = 1
        settings.log_severity_level = 3
        self._session = ort.InferenceSession(
            str(self._file()), settings, providers=["CPUExecutionProvider"]
        )
        self._rate = np.array(SAMPLE_RATE, np.int64)

    def _file(self) -> Path:
        name: str = self.options.model
        if not name.endswith(".onnx"):
            return ModelStore().path(name, "silero_vad.onnx")
        file = Path(name).expanduser()
        if not file.is_file():
            raise ModelUnavailable(name, "there is no such file")
        return file

    def infer(self, batch: Sequence[VoiceRequest]) -> list[VoiceResult]:
        """Answer N chunks of N streams in one run of the graph.

        Raises :class:`~sensorium.errors.BadInput` for a chunk, state or context of another shape.
        """
        if self._session is None:
            raise ModelError(self.options.model, "call load() before infer()")
        if not batch:
            return []
        audio = np.stack([_chunk(request) for request in batch])  # (N, 512)
        context = np.stack([_carried(request, "context", (CONTEXT,)) for request in batch])
        state = np.concatenate([_carried(request, "state", STATE_SHAPE) for request in batch], 1)
        probability, next_state = self._session.run(
            None,
            {"input": np.hstack([context, audio]), "state": state, "sr": self._rate},
        )  # (N, 1), (2, N, 128)
        return [
            {
                "probability": float(probability[row, 0]),
                "state": next_state[:, row : row + 1].copy(),
                "context": audio[row, -CONTEXT:].copy(),
            }
            for row in range(len(batch))
        ]

    def unload(self) -> None:
        """Let go of the graph."""
        self._session = None


def speech_probabilities(model: VoiceActivity, audio: FloatArray) -> FloatArray:
    """Run a loaded ``model`` over ``audio`` (T,) at 16 kHz; one probability a whole chunk of 512.

    The last chunk is padded with zeros when T is no multiple of 512.
    """
    wave = as_waveform(audio, who="voice activity")
    padded = np.pad(wave, (0, -wave.size % CHUNK))
    state = context = None
    probabilities = []
    for chunk in padded.reshape(-1, CHUNK):
        answer = model.infer([{"audio": chunk, "state": state, "context": context}])[0]
        state, context = answer["state"], answer["context"]
        probabilities.append(answer["probability"])
    return np.array(probabilities, np.float32)


def _chunk(request: VoiceRequest) -> FloatArray:
    wave = as_waveform(request["audio"], who="voice activity")
    if wave.shape != (CHUNK,):
        raise BadInput(
            f"voice activity takes chunks of {CHUNK} samples ({CHUNK_MS} ms), got {wave.size}"
        )
    return wave


def _carried(request: VoiceRequest, name: str, shape: tuple[int, ...]) -> FloatArray:
    value: Any = request.get(name)
    if value is None:
        return np.zeros(shape, np.float32)
    array = np.asarray(value, np.float32)
    if array.shape != shape:
        raise BadInput(
            f"voice activity got {name} of shape {array.shape}, not {shape}: pass back what the "
            "last answer held, or None to start a stream"
        )
    return array
