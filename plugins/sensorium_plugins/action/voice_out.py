"""Where a voice goes: a speaker, a WAV file, or nowhere."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import MissingDependency, OutputFailed

BLOCK_S = 0.05  # seconds written to a speaker at a time: how soon it falls silent when stopped


class VoiceOut(ABC):
    """Takes the sound of one reply."""

    path: str = ""
    """The file it writes, if it writes one."""

    @abstractmethod
    async def play(self, samples: NDArray[np.float32]) -> None:
        """Play (T,) float32 samples; returns when there is room for more."""

    @abstractmethod
    async def finish(self) -> None:
        """Play out and close."""

    @abstractmethod
    async def stop(self) -> None:
        """Fall silent at once and close."""


class Silence(VoiceOut):
    """Plays nothing."""

    async def play(self, samples: NDArray[np.float32]) -> None:
        """Do nothing."""

    async def finish(self) -> None:
        """Do nothing."""

    async def stop(self) -> None:
        """Do nothing."""


class WavFile(VoiceOut):
    """Writes 16-bit PCM."""

    def __init__(self, path: str, file: Any) -> None:
        self.path = path
        self._file = file

    @classmethod
    async def open(cls, path: str, sample_rate: int) -> WavFile:
        """Open ``path`` for writing, making its folder. Raises :class:`OutputFailed`."""
        return cls(path, await asyncio.to_thread(_open_wav, path, sample_rate))

    async def play(self, samples: NDArray[np.float32]) -> None:
        """Append the samples."""
        await self._guarded(self._file.write, samples)
        await self._guarded(self._file.flush)

    async def finish(self) -> None:
        """Close the file."""
        await self._guarded(self._file.close)

    async def stop(self) -> None:
        """Close the file with what it holds."""
        await self._guarded(self._file.close)

    async def _guarded(self, function: Any, *arguments: Any) -> None:
        import soundfile

        try:
            await asyncio.to_thread(function, *arguments)
        except (OSError, soundfile.SoundFileError) as error:
            raise OutputFailed(f"cannot write {self.path}: {error}") from error


class Speaker(VoiceOut):
    """Plays through PortAudio."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    @classmethod
    async def open(cls, device: int | str | None, sample_rate: int) -> Speaker:
        """Open the device. Raises :class:`OutputFailed` or :class:`MissingDependency`."""
        return cls(await asyncio.to_thread(_open_speaker, device, sample_rate))

    async def play(self, samples: NDArray[np.float32]) -> None:
        """Play in short blocks, so that stopping is heard at once."""
        block = int(self._stream.samplerate * BLOCK_S)
        for start in range(0, len(samples), block):
            piece = np.ascontiguousarray(samples[start : start + block]).reshape(-1, 1)
            await asyncio.to_thread(self._stream.write, piece)

    async def finish(self) -> None:
        """Play out."""
        await asyncio.to_thread(self._stream.stop)
        self._stream.close()

    async def stop(self) -> None:
        """Drop what is buffered."""
        self._stream.abort()
        self._stream.close()


def _open_wav(path: str, sample_rate: int) -> Any:
    import soundfile

    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        return soundfile.SoundFile(path, "w", sample_rate, 1, subtype="PCM_16", format="WAV")
    except (OSError, soundfile.SoundFileError) as error:
        raise OutputFailed(f"cannot write {path}: {error}") from error


def _open_speaker(device: int | str | None, sample_rate: int) -> Any:
    try:
        import sounddevice
    except OSError as error:
        raise MissingDependency(
            "a speaker", "PortAudio", "sudo apt install libportaudio2"
        ) from error
    try:
        stream = sounddevice.OutputStream(samplerate=sample_rate, channels=1, device=device)
        stream.start()
    except sounddevice.PortAudioError as error:
        raise OutputFailed(f"cannot open speaker {device!r}: {error}") from error
    return stream
