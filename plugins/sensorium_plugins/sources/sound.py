"""Sound on its way to an agent: mono, at one rate, in chunks of one length, with exact positions.

Positions are counted in samples from the beginning and turned into time by one division, so
nothing adds up to a drift.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import BadInput, MissingDependency, SourceUnavailable

Samples = NDArray[np.float32]
"""(T,) in [-1, 1]."""

BLOCK_S = 0.5
"""How much of a file is read at once."""
REMEDY = "Run: pip install 'sensorium[audio]'"


class Chunk(NamedTuple):
    """A stretch of sound of the length asked for."""

    position: int
    """Of its first sample, in samples since the beginning."""
    samples: Samples


class Chunker:
    """Resamples a stream of blocks and cuts it into chunks.

    Resampling is libsoxr's band-limited polyphase conversion in its high-quality setting; its
    delay is taken out, so output sample ``k`` lies at ``k / rate`` of the input.
    """

    def __init__(self, rate_in: int, rate_out: int, length: int) -> None:
        self.length = length
        """Of a chunk, in samples at ``rate_out``."""
        self._resampler: Any = None
        if rate_in != rate_out:
            try:
                import soxr
            except ImportError as error:
                raise MissingDependency("microphone", "soxr", REMEDY) from error
            self._resampler = soxr.ResampleStream(rate_in, rate_out, 1, "float32", "HQ")
        self._pending = np.empty(0, np.float32)
        self._position = 0

    def push(self, block: NDArray[Any], *, last: bool = False) -> Iterator[Chunk]:
        """Yield the chunks that ``block`` ((T,) or (T, channels) float32) completes.

        With ``last`` what is left over is filled up with silence to one more chunk.
        """
        sound = _mono(block)
        if self._resampler is not None:
            sound = self._resampler.resample_chunk(sound, last=last)
        sound = np.concatenate([self._pending, np.clip(sound, -1.0, 1.0)])
        if last:
            sound = np.pad(sound, (0, -len(sound) % self.length))
        whole = len(sound) - len(sound) % self.length
        self._pending = sound[whole:]
        for begin in range(0, whole, self.length):
            yield Chunk(self._position, sound[begin : begin + self.length])
            self._position += self.length


class SoundFile:
    """A sound file, read half a second at a time. Used by one thread.

    Raises :class:`SourceUnavailable` when ``path`` cannot be opened and :class:`BadInput` when it
    is empty or not sound.
    """

    def __init__(self, path: Path, sample_rate: int, length: int, trailing_silence_ms: int) -> None:
        self._path = path
        self._file = _open(path)
        self._chunker = Chunker(self._file.samplerate, sample_rate, length)
        self._silence = round(self._file.samplerate * trailing_silence_ms / 1000)
        self._read = 0
        self._ended = False
        self.note = ""
        """What was odd about the file; for the log."""

    def next(self) -> list[Chunk] | None:
        """The chunks of the next block, or None at the end. Raises :class:`BadInput`."""
        if self._ended:
            return None
        block = self._block()
        if len(block):
            self._read += len(block)
            return list(self._chunker.push(block))
        self._ended = True
        self._check_end()
        return list(self._chunker.push(np.zeros(self._silence, np.float32), last=True))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _block(self) -> NDArray[Any]:
        import soundfile

        frames = max(1, round(self._file.samplerate * BLOCK_S))
        try:
            block: NDArray[Any] = self._file.read(frames, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            at = self._read / self._file.samplerate
            raise BadInput(f"{self._path} is broken after {at:.1f} s: {error}") from error
        return block

    def _check_end(self) -> None:
        if not self._read:
            raise BadInput(f"{self._path} holds no sound")
        if self._read < self._file.frames:
            self.note = (
                f"{self._path} ended after {self._read} of {self._file.frames} samples: it is cut"
            )


def _open(path: Path) -> Any:
    try:
        import soundfile
    except (ImportError, OSError) as error:  # OSError: its C library is absent
        raise MissingDependency("microphone", "soundfile", REMEDY) from error

    class Forward(soundfile.SoundFile):  # type: ignore[misc]
        """Never seeks. soundfile does after every read, which tears holes into MP3s: a decoder
        that jumps has lost the bits its next frame borrows from the one before."""

        def seekable(self) -> bool:
            return False

    try:
        if not path.stat().st_size:
            raise BadInput(f"{path} is empty (0 bytes)")
        with path.open("rb"):
            pass  # libsndfile would say "System error" about what may not be read
        return Forward(str(path))
    except FileNotFoundError as error:
        raise SourceUnavailable(f"there is no file {path} (seen from {Path.cwd()})") from error
    except OSError as error:
        raise SourceUnavailable(f"cannot read {path}: {error.strerror}") from error
    except soundfile.LibsndfileError as error:
        raise BadInput(
            f"{path} is not sound that can be read (WAV, FLAC, MP3 or OGG): {error}"
        ) from error


def _mono(block: NDArray[Any]) -> Samples:
    sound = block if block.ndim == 1 else block.mean(axis=1)
    finite = np.nan_to_num(sound, nan=0.0, posinf=1.0, neginf=-1.0)
    return np.asarray(finite, np.float32)
