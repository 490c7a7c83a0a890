"""The pictures of a recording as an MP4 film, or as a folder of PNG files."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from sensorium.errors import MissingDependency, OutputFailed
from sensorium.events import NS_PER_MS, AnyEvent

TICKS = 90_000  # per second: the clock of MPEG
CRF = 20  # quality of H.264: 0 loses nothing, 51 is worst


class FilmFile:
    """Writes one topic's pictures to an MP4 (H.264), each at its originating time.

    A picture of another size is scaled to the size of the first.
    """

    def __init__(self, path: Path) -> None:
        self.paths = [path]
        self._av = _library("av", "exporting films", "PyAV", "pip install av")
        try:
            self._container = self._av.open(str(path), "w")
        except (OSError, ValueError) as error:
            raise OutputFailed(f"{path} cannot be written: {error}") from error
        self._stream: Any = None
        self._began = 0
        self._last = -1

    def add(self, event: AnyEvent) -> None:
        """Write the picture of one event. Raises :class:`OutputFailed`."""
        try:
            self._add(event)
        except (self._av.FFmpegError, MemoryError) as error:
            (path,) = self.paths
            raise OutputFailed(f"{path} cannot be written any further: {error}") from error

    def _add(self, event: AnyEvent) -> None:
        frame = self._av.VideoFrame.from_ndarray(
            np.ascontiguousarray(event.payload.data), format="rgb24"
        )
        if self._stream is None:
            self._begin(event, frame)
        frame = frame.reformat(self._stream.width, self._stream.height, "yuv420p")
        since = event.originating_time - self._began
        self._last = max(self._last + 1, since * TICKS // 1_000_000_000)
        frame.pts, frame.time_base = self._last, Fraction(1, TICKS)
        self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        """End the film."""
        if self._stream is not None:
            self._container.mux(self._stream.encode())
        self._container.close()

    def _begin(self, event: AnyEvent, frame: Any) -> None:
        self._began = event.originating_time
        stream = self._container.add_stream("libx264", rate=30, options={"crf": str(CRF)})
        stream.width, stream.height = frame.width + frame.width % 2, frame.height + frame.height % 2
        stream.pix_fmt = "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, TICKS)
        self._stream = stream


class FrameFolder:
    """Writes one topic's pictures as PNG files, named by number and originating time (ms)."""

    def __init__(self, path: Path) -> None:
        self.paths = [path]
        self._path = path
        self._count = 0
        self._pillow = _library(
            "PIL.Image", "exporting frames", "Pillow", "pip install 'sensorium[vision]'"
        )
        path.mkdir(parents=True, exist_ok=True)

    def add(self, event: AnyEvent) -> None:
        """Write the picture of one event. Raises :class:`OutputFailed`."""
        name = f"{self._count:06d}-{event.originating_time // NS_PER_MS}.png"
        picture = self._pillow.fromarray(np.ascontiguousarray(event.payload.data))
        try:
            picture.save(self._path / name, "png", compress_level=1)
        except OSError as error:
            raise OutputFailed(f"{self._path / name} cannot be written: {error}") from error
        self._count += 1

    def close(self) -> None:
        """Nothing is left to do."""


def _library(module: str, feature: str, name: str, remedy: str) -> Any:
    import importlib

    try:
        return importlib.import_module(module)
    except ImportError:
        raise MissingDependency(feature, name, remedy) from None
