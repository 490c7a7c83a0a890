"""Where a voice goes: a speaker, a WAV file, or nowhere."""

from __future__ import annotations

import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import MissingDependency, OutputFailed
from sensorium_plugins.sources.capture import import_sounddevice
from sensorium_plugins.sources.threads import Worker

BLOCK_S = 0.05  # seconds written to a speaker at a time: how soon it falls silent when stopped
CLOSE_S = 2.0  # seconds a device or a disk is given to let go
FULL = 65_536  # bytes free, under which a disk counts as full

Samples = NDArray[np.float32]


class VoiceOut(ABC):
    """Takes the sound of one reply."""

    path: str = ""
    """The file it writes, if it writes one."""

    @abstractmethod
    async def play(self, samples: Samples) -> None:
        """Play (T,) float32 samples; returns when there is room for more."""

    @abstractmethod
    async def finish(self) -> None:
        """Play out and close."""

    @abstractmethod
    async def stop(self) -> None:
        """Fall silent at once and close."""


class Silence(VoiceOut):
    """Plays nothing."""

    async def play(self, samples: Samples) -> None:
        """Do nothing."""

    async def finish(self) -> None:
        """Do nothing."""

    async def stop(self) -> None:
        """Do nothing."""


class _Blocking(VoiceOut):
    """An output whose calls block. One thread makes them all, so that stopping in the middle of
    one waits for it: neither libsndfile nor PortAudio lets two threads at one stream.
    """

    def __init__(self, name: str) -> None:
        self._worker = Worker(name)

    async def open(self, function: Callable[..., None], *arguments: Any) -> None:
        """Open; what was opened by halves is closed again."""
        try:
            await self._worker.call(function, *arguments)
        except BaseException:
            await self.stop()
            raise


class WavFile(_Blocking):
    """Writes 16-bit PCM."""

    def __init__(self, path: str) -> None:
        super().__init__("voice file")
        self.path = path
        self._file: Any = None

    @classmethod
    async def at(cls, path: str, sample_rate: int) -> WavFile:
        """Open ``path`` for writing, making its folder. Raises :class:`OutputFailed`."""
        out = cls(path)
        await out.open(out._guarded, out._create, sample_rate)
        return out

    async def play(self, samples: Samples) -> None:
        """Append the samples."""
        await self._worker.call(self._guarded, self._append, samples)

    async def finish(self) -> None:
        """Close the file."""
        await self.stop()

    async def stop(self) -> None:
        """Close the file with what it holds."""
        await self._worker.stop(lambda: self._guarded(self._close), limit_s=CLOSE_S)

    def _create(self, sample_rate: int) -> None:
        import soundfile

        Path(self.path).parent.mkdir(parents=True, exist_ok=True)
        self._file = soundfile.SoundFile(
            self.path, "w", sample_rate, 1, subtype="PCM_16", format="WAV"
        )

    def _append(self, samples: Samples) -> None:
        self._file.write(samples)
        self._file.flush()

    def _close(self) -> None:
        held, self._file = self._file, None
        if held is not None:
            held.close()

    def _guarded(self, function: Callable[..., None], *arguments: Any) -> None:
        import soundfile

        try:
            function(*arguments)
        except (OSError, soundfile.SoundFileError) as error:
            raise OutputFailed(f"cannot write {self.path}: {_reason(self.path, error)}") from error


class Speaker(_Blocking):
    """Plays through PortAudio."""

    def __init__(self, device: int | str | None) -> None:
        super().__init__("voice speaker")
        self._device = device
        self._stream: Any = None

    @classmethod
    async def on(cls, device: int | str | None, sample_rate: int) -> Speaker:
        """Open the device. Raises :class:`OutputFailed` or :class:`MissingDependency`."""
        out = cls(device)
        await out.open(out._guarded, out._start, sample_rate)
        return out

    async def play(self, samples: Samples) -> None:
        """Play in short blocks, so that stopping is heard at once."""
        block = int(self._stream.samplerate * BLOCK_S)
        for start in range(0, len(samples), block):
            piece = np.ascontiguousarray(samples[start : start + block]).reshape(-1, 1)
            await self._worker.call(self._guarded, self._stream.write, piece)

    async def finish(self) -> None:
        """Play out."""
        await self._worker.call(self._guarded, self._stream.stop)
        await self.stop()

    async def stop(self) -> None:
        """Drop what is buffered."""
        await self._worker.stop(self._close, limit_s=CLOSE_S)

    def _start(self, sample_rate: int) -> None:
        sounddevice = import_sounddevice("a speaker")
        self._stream = sounddevice.OutputStream(
            samplerate=sample_rate, channels=1, device=self._device, dtype="float32"
        )
        self._stream.start()

    def _close(self) -> None:
        held, self._stream = self._stream, None
        if held is not None:
            held.abort()
            held.close()

    def _guarded(self, function: Callable[..., Any], *arguments: Any) -> None:
        try:
            function(*arguments)
        except MissingDependency:
            raise
        except Exception as error:
            # PortAudioError, or ValueError for a name that fits no device
            called = "the default speaker" if self._device is None else f"speaker {self._device!r}"
            raise OutputFailed(f"cannot play on {called}: {error}") from error


def _reason(path: str, error: Exception) -> str:
    """What went wrong, in words: libsndfile says "System error" where the disk is full."""
    try:
        if shutil.disk_usage(Path(path).parent).free < FULL:
            return "the disk is full"
    except OSError:
        pass
    return str(error)
