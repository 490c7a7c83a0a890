"""The sound of a recording as WAV files."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import MissingDependency, OutputFailed
from sensorium.events import NS_PER_S, AnyEvent

SLACK_S = 0.25
"""Sound that comes so much later than it should leaves a gap, which is filled with silence.

Shorter gaps add up until they are as long: the file is never further behind the recording."""
MAX_GAP_S = 600.0
"""A longer gap is left out: nobody wants hours of silence."""


class WavFile:
    """Writes one topic's sound, silence where there was none; 32-bit float, so nothing is lost.

    A file is one sample rate: when that changes, another file begins (``name-2.wav``).
    """

    def __init__(self, path: Path) -> None:
        self.paths: list[Path] = []
        self._path = path
        self._file: Any = None
        self._rate = 0
        self._next = 0  # ns since the epoch: when the next sample should be
        self._soundfile = _library()

    def add(self, event: AnyEvent) -> None:
        """Write the sound of one event. Raises :class:`OutputFailed`."""
        samples, rate = event.payload.samples, event.payload.sample_rate
        begins = event.originating_time
        if self._file is None or rate != self._rate:
            self._begin(rate)
            self._next = begins
        gap = (begins - self._next) / NS_PER_S
        if abs(gap) > MAX_GAP_S:  # a pause that is left out, or the clock was set
            self._next = begins
        elif gap > SLACK_S:
            self._write(np.zeros(round(gap * rate), np.float32))
        self._write(samples)

    def close(self) -> None:
        """End the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write(self, samples: NDArray[np.float32]) -> None:
        try:
            self._file.write(samples)
        except (self._soundfile.LibsndfileError, OSError) as error:
            path = self.paths[-1]
            raise OutputFailed(f"{path} cannot be written any further: {error}") from error
        self._next += round(len(samples) / self._rate * NS_PER_S)

    def _begin(self, rate: int) -> None:
        self.close()
        path = self._path
        numbers = count(2)
        while path.exists():  # ours, or that of a topic with such a name
            path = self._path.with_stem(f"{self._path.stem}-{next(numbers)}")
        try:
            self._file = self._soundfile.SoundFile(path, "w", rate, 1, "FLOAT", format="WAV")
        except (self._soundfile.LibsndfileError, OSError) as error:
            raise OutputFailed(f"{path} cannot be written: {error}") from error
        self.paths.append(path)
        self._rate = rate


def _library() -> Any:
    try:
        import soundfile
    except (ImportError, OSError):
        raise MissingDependency(
            "exporting sound", "soundfile", "pip install 'sensorium[audio]'"
        ) from None
    return soundfile
