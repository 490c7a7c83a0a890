"""Live sound through PortAudio, with the time each sample passed the converter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import MissingDependency, SourceUnavailable
from sensorium.events import NS_PER_S
from sensorium_plugins.sources.sound import REMEDY, Chunker, Samples
from sensorium_plugins.sources.threads import Handover

BUFFERED_S = 2.0
"""Sound that may wait for a busy event loop before it is given up."""
PORTAUDIO = "Run: sudo apt install libportaudio2"


class Block(NamedTuple):
    """What one callback brought."""

    when: int
    """Time of its first sample, in ns on the session's clock."""
    samples: NDArray[Any]
    """(T, channels) float32."""
    gap: bool
    """Whether PortAudio lost sound just before it."""


class Stream:
    """An open input of sounddevice. ``blocks`` receives what it hears."""

    def __init__(
        self,
        device: int | str | None,
        rate: int,
        chunk_ms: int,
        now: Callable[[], int],
        blocks: Handover[Block],
    ) -> None:
        self._now = now
        self._blocks = blocks
        sounddevice = import_sounddevice("microphone")
        try:
            info = _query(sounddevice, device)
            channels = min(2, int(info["max_input_channels"]))
            self.sample_rate = _usable_rate(sounddevice, device, channels, rate, info)
            self.name = str(info["name"])
            self._stream = sounddevice.InputStream(
                samplerate=self.sample_rate, blocksize=round(self.sample_rate * chunk_ms / 1000),
                device=device, channels=channels, dtype="float32",
                callback=self._hear, finished_callback=blocks.close,
            )  # fmt: skip
            self._start()
        except sounddevice.PortAudioError as error:
            raise SourceUnavailable(
                f"cannot open the microphone {_called(device)}: {error}"
            ) from error

    def _start(self) -> None:
        try:
            self._stream.start()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Stop listening and give the device back."""
        self._stream.close(ignore_errors=True)

    def _hear(self, samples: NDArray[Any], frames: int, times: Any, status: Any) -> None:
        """In PortAudio's thread: copy and hand over, nothing else."""
        now = self._now()
        heard_at = times.inputBufferAdcTime
        # some drivers do not say when: then the block ended just now
        age = times.currentTime - heard_at if heard_at > 0 else frames / self.sample_rate
        gap = bool(status and status.input_overflow)
        self._blocks.put(Block(now - round(age * NS_PER_S), np.array(samples, np.float32), gap))


class Hearing:
    """Turns live blocks into chunks with times.

    Times follow the converter's clock and smooth the jitter of callbacks. A block that comes half
    its length off its expected time has a gap before it: counting starts afresh there, so that no
    chunk is glued together across it.
    """

    GAIN = 0.05  # of a time error that is corrected with each block

    def __init__(self, rate_in: int, rate_out: int, length: int) -> None:
        self._rate_in = rate_in
        self._rate_out = rate_out
        self._length = length
        self._chunker: Chunker | None = None
        self._origin = 0.0  # time of input sample 0, in ns after the first block's time
        self._epoch = 0
        self._heard = 0  # input samples since the origin

    def hear(self, block: Block) -> list[tuple[int, Samples]]:
        """The chunks that ``block`` completes, each with the time of its first sample in ns."""
        expected = self._origin + self._heard * NS_PER_S / self._rate_in
        error = block.when - self._epoch - expected  # small numbers: floats hold them to the ns
        length = len(block.samples) * NS_PER_S / self._rate_in
        if self._chunker is None or block.gap or abs(error) > length / 2:
            self._chunker = Chunker(self._rate_in, self._rate_out, self._length)
            self._epoch, self._origin, self._heard = block.when, 0.0, 0
        else:
            self._origin += self.GAIN * error
        self._heard += len(block.samples)
        return [
            (self._time(chunk.position), chunk.samples)
            for chunk in self._chunker.push(block.samples)
        ]

    def _time(self, position: int) -> int:
        return self._epoch + round(self._origin) + position * NS_PER_S // self._rate_out


def import_sounddevice(feature: str) -> Any:
    """sounddevice, imported late. Raises :class:`MissingDependency` with the remedy."""
    try:
        import sounddevice
    except OSError as error:
        raise MissingDependency(feature, "PortAudio", PORTAUDIO) from error
    except ImportError as error:
        raise MissingDependency(feature, "sounddevice", REMEDY) from error
    return sounddevice


def _query(sounddevice: Any, device: int | str | None) -> Any:
    try:
        info = sounddevice.query_devices(device, "input")
    except (ValueError, sounddevice.PortAudioError) as error:
        raise SourceUnavailable(_no_device(sounddevice, device, error)) from error
    if int(info["max_input_channels"]) < 1:
        raise SourceUnavailable(_no_device(sounddevice, device, "it has no input"))
    return info


def _usable_rate(sounddevice: Any, device: Any, channels: int, wanted: int, info: Any) -> int:
    """The wanted rate where the device has it, else the device's own, to be resampled."""
    try:
        sounddevice.check_input_settings(
            device=device, channels=channels, dtype="float32", samplerate=wanted
        )
    except sounddevice.PortAudioError:
        return int(info["default_samplerate"])
    return wanted


def _called(device: int | str | None) -> str:
    return "(the default one)" if device is None else repr(device)


def _no_device(sounddevice: Any, device: int | str | None, reason: object) -> str:
    try:
        names = [d["name"] for d in sounddevice.query_devices() if d["max_input_channels"] > 0]
    except sounddevice.PortAudioError:
        names = []
    there = f"There are: {', '.join(names)}" if names else "This machine has no input device"
    return (
        f"no microphone {_called(device)}: {reason}. {there}. Plug one in, or set the option"
        " source to a device name or a WAV, FLAC, MP3 or OGG file. `sensorium doctor` checks."
    )
