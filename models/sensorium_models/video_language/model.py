"""The video-language model as an executor hosts it: a film and a question in, an answer out."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import BadInput, MissingDependency, ModelError
from sensorium.workers.model import Model, ModelOptions
from sensorium_models.store.fingerprint import weights_of
from sensorium_models.vision.images import resize

if TYPE_CHECKING:
    from sensorium_models.video_language.network import VideoLanguage

NAME = "video_language"
WEIGHTS = "video-world.safetensors"


def bundled() -> Path:
    """The file that comes with Sensorium."""
    return Path(str(files("sensorium_models"))) / "weights" / WEIGHTS


class VideoRequest(TypedDict):
    """A film, (T, H, W, 3) uint8 RGB of 2 pictures or more, evenly spaced, and a ``question``."""

    frames: NDArray[np.uint8]
    seconds: float
    """How long it lasts."""
    question: str


class VideoAnswer(TypedDict):
    """``answer`` in words; ``span`` (start, stop) in seconds where it is a time, else None."""

    answer: str
    score: float
    """In 0..1, of the answer, or of it being a sentence or a time."""
    span: tuple[float, float] | None


class VideoOptions(ModelOptions):
    """Which weights."""

    weights: str = ""
    """A file of `sensorium train video`; the bundled one, of the synthetic world, if left out."""


class VideoModel(Model[VideoRequest, VideoAnswer]):
    """Answers questions about films: a word, a sentence ("What happens first?"), or a time."""

    Options = VideoOptions
    _network: VideoLanguage | None = None
    _device = "cpu"

    @classmethod
    def weights(cls, options: VideoOptions) -> dict[str, str]:
        """The sha256 of its file."""
        return weights_of(options.weights or bundled())

    def load(self, device: str) -> None:
        """Bring the network to ``device``; raises ModelUnavailable for what is no such file."""
        try:
            from sensorium_models.video_language.checkpoint import load
        except ModuleNotFoundError as error:
            remedy = 'Run: pip install "sensorium[language,vision]"'
            raise MissingDependency("video-language", str(error.name), remedy) from error
        asked = self.options.weights
        path = Path(asked).expanduser() if asked else bundled()
        self._network, self._device = load(path).to(device), device

    def infer(self, batch: Sequence[VideoRequest]) -> list[VideoAnswer]:
        """Answer each; raises BadInput for what is no film, and words that it does not know."""
        if self._network is None:
            raise ModelError(NAME, "call load() before infer()")
        return [self._answer(request) for request in batch]

    def unload(self) -> None:
        """Let go of the network."""
        self._network = None

    def _answer(self, request: VideoRequest) -> VideoAnswer:
        import torch

        from sensorium_models.video_language import words
        from sensorium_models.video_language.films import FRAMES
        from sensorium_models.video_language.learning import pack, padded

        network = self._network
        assert network is not None
        seconds = float(request["seconds"])
        if not seconds > 0:
            raise BadInput(f"seconds is {seconds}: a film lasts longer than 0 s")
        ids = padded([words.encode(request["question"])]).to(self._device)
        frames = torch.from_numpy(_ready(request["frames"], FRAMES)).to(self._device)
        with torch.inference_mode():
            tokens, there = network.look(frames[None])
            packed = pack(tokens, there)
            film = network.watch(packed["tokens"], packed["there"], packed["times"])
            asked = network.ask(film, ids)
            scores = network.answer(asked).softmax(-1)[0]
            best = int(scores.argmax())
            answer, span = words.REPLIES[best], None
            if answer == words.TELL:
                answer = words.decode(network.sentences(film, asked)[0].tolist())
            elif answer == words.WHEN:
                found, _ = network.find(film, asked)
                start, stop = sorted(found[0].clamp(0, 1).tolist())
                span = (start * seconds, stop * seconds)
                answer = f"from {span[0]:.1f} to {span[1]:.1f} seconds"
        return {"answer": answer, "score": float(scores[best]), "span": span}


def _ready(frames: Any, count: int) -> NDArray[np.uint8]:
    """As many pictures as the network takes, at its size."""
    from sensorium_models.video_language.eye import SIDE
    from sensorium_models.video_language.films import chosen

    return np.stack([resize(frame, SIDE, SIDE) for frame in chosen(frames)[:count]])
