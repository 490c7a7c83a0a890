"""Films of episodes: MP4 with H.264, and AAC where the environment has sound."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import BadObservation, MissingDependency, OutputFailed
from sensorium.payloads.media import Audio


class Film:
    """Writes frames as they come. Use it from one thread at a time."""

    def __init__(self, path: Path, fps: float) -> None:
        try:
            import av
        except ModuleNotFoundError as error:
            raise MissingDependency(
                "writing video", "av", 'Run: pip install "sensorium[sim]"'
            ) from error
        self._av = av
        self._path = path
        self._fps = Fraction(fps).limit_denominator(1000)
        self._frames = 0
        self._video: Any = None
        self._audio: Any = None
        try:
            self._file: Any = av.open(str(path), "w")
        except (OSError, ValueError) as error:
            raise OutputFailed(f"cannot write {path}: {error}") from error

    def add(self, frame: Any, ears: Sequence[Audio] = ()) -> None:
        """Append a picture, (H, W, 3) uint8, and the sound that goes with it."""
        if not isinstance(frame, np.ndarray) or frame.ndim != 3 or frame.dtype != np.uint8:
            shape = getattr(frame, "shape", type(frame).__name__)
            raise BadObservation(str(self._path), f"render() gave {shape}, not (H, W, 3) uint8")
        even = frame[: len(frame) // 2 * 2, : frame.shape[1] // 2 * 2]
        if self._video is None:
            self._open(even, ears)
        picture = self._av.VideoFrame.from_ndarray(np.ascontiguousarray(even), format="rgb24")
        picture.pts = self._frames
        self._frames += 1
        self._mux(self._video, picture)
        if self._audio is not None and ears:
            self._mux(self._audio, self._sound(ears))

    def close(self) -> None:
        """Finish the file."""
        if self._file is None:
            return
        for stream in (self._video, self._audio):
            if stream is not None:
                self._mux(stream, None)
        self._file.close()
        self._file = None

    def _open(self, frame: NDArray[np.uint8], ears: Sequence[Audio]) -> None:
        self._video = self._file.add_stream("libx264", rate=self._fps)
        self._video.height, self._video.width = frame.shape[:2]
        self._video.pix_fmt = "yuv420p"
        self._video.options = {"crf": "20", "preset": "veryfast"}
        if ears:
            self._audio = self._file.add_stream("aac", rate=ears[0].sample_rate)
            self._audio.layout = "stereo" if len(ears) == 2 else "mono"
            self._heard = 0

    def _sound(self, ears: Sequence[Audio]) -> Any:
        samples = np.stack([ear.samples for ear in ears])
        layout = "stereo" if len(ears) == 2 else "mono"
        sound = self._av.AudioFrame.from_ndarray(samples, format="fltp", layout=layout)
        sound.sample_rate = ears[0].sample_rate
        sound.pts, self._heard = self._heard, self._heard + samples.shape[1]
        return sound

    def _mux(self, stream: Any, frame: Any) -> None:
        for packet in stream.encode(frame):
            self._file.mux(packet)
