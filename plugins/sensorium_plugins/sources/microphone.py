"""The microphone: a sound device, or a file that stands in for one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from sensorium.components import Context, Emit, Output, Source
from sensorium.events import NS_PER_S
from sensorium.payloads.media import Audio
from sensorium_plugins.sources.capture import BUFFERED_S, Block, Hearing, Stream
from sensorium_plugins.sources.reconnect import LiveOptions, reopen, report_dropped
from sensorium_plugins.sources.sound import SoundFile
from sensorium_plugins.sources.threads import Handover, Worker

SUFFIXES = frozenset([".wav", ".flac", ".mp3", ".ogg", ".oga", ".opus", ".aif", ".aiff", ".au"])


class MicrophoneOptions(LiveOptions):
    """What the microphone listens to, and how."""

    source: str | int = "default"
    """``default``, a device number or (part of) a device name, or a WAV, FLAC, MP3 or OGG file."""
    sample_rate: int = Field(16_000, ge=1_000, le=192_000)
    """Of the sound given, in Hz; whatever the device or file has is resampled to it."""
    chunk_ms: int = Field(32, ge=5, le=1_000)
    """Length of one event."""
    pace: Literal["real_time", "fast"] = "real_time"
    """``fast`` plays files without waiting, with the same times. Subscribe to the sound with the
    policy ``block`` then: the default keeps the newest 512 chunks."""
    trailing_silence_ms: int = Field(800, ge=0)
    """Silence after a file's end, so that the end of a turn is heard."""


class Microphone(Source):
    """Gives mono sound in chunks of one length, each with the time of its first sample.

    Of a file that is the beginning of the run plus position / rate, exactly, and a chunk is given
    when its last sample is due. Live it is the time the converter took the sample. A device that
    goes away or falls silent after it once worked is announced as ``lost`` and tried again until
    it is ``restored``; sound that could not be taken in time is counted and announced.

    Raises :class:`MissingDependency` without PortAudio, :class:`SourceUnavailable` when there is
    no such device or file and :class:`BadInput` when a file is empty or not sound.
    """

    Options = MicrophoneOptions
    gives: ClassVar[Mapping[str, Output]] = {"audio": Output("microphone/{name}/audio", Audio)}

    def __init__(self, options: MicrophoneOptions, context: Context) -> None:
        super().__init__(options, context)
        self._worker = Worker(f"microphone-{context.name}")
        self._length = round(options.sample_rate * options.chunk_ms / 1000)
        self._input: SoundFile | Stream | None = None
        self._blocks: Handover[Block]

    async def setup(self) -> None:
        """Open the device or file."""
        self._blocks = self._handover()
        await self._worker.call(self._open)

    async def run(self, emit: Emit) -> None:
        """Emit sound until a file ends; a device does not end."""
        if isinstance(self._input, SoundFile):
            await self._play(self._input, emit)
        else:
            self.context.spawn(self._notice_silence(), name="silence watch")
            await self._listen(emit)

    async def close(self) -> None:
        """Give the device back in the thread that opened it, and end that thread."""
        await self._worker.stop(self._release, limit_s=self.options.timeout_s + 0.5)

    async def _play(self, file: SoundFile, emit: Emit) -> None:
        clock, rate = self.context.clock, self.options.sample_rate
        begin = clock.now()
        while (chunks := await self._worker.call(file.next)) is not None:
            for position, samples in chunks:
                if self.options.pace == "real_time":
                    heard = begin + (position + self._length) * NS_PER_S // rate
                    await clock.sleep_until(heard)
                when = begin + position * NS_PER_S // rate
                await emit(Audio(samples, rate), originating_time=when)
        if file.note:
            self.log.warning("%s", file.note)

    async def _listen(self, emit: Emit) -> None:
        while True:
            assert isinstance(self._input, Stream)
            hearing = Hearing(self._input.sample_rate, self.options.sample_rate, self._length)
            while (block := await self._blocks.get()) is not None:
                await report_dropped(self.context, self._blocks.take_dropped(), "full")
                if block.gap:
                    await report_dropped(self.context, 1, "full")
                for when, samples in hearing.hear(block):
                    audio = Audio(samples, self.options.sample_rate)
                    await emit(audio, originating_time=when)
            await self._reopen(f"microphone {self._input.name!r} stopped giving sound")

    async def _notice_silence(self) -> None:
        """Some drivers say nothing when a device is unplugged: its callbacks just cease."""
        while True:
            blocks, arrived = self._blocks, self._blocks.arrived
            await self.context.clock.sleep(self.options.timeout_s)
            if blocks is self._blocks and blocks.arrived == arrived:
                blocks.close()

    async def _reopen(self, reason: str) -> None:
        async def attempt() -> None:
            self._blocks = self._handover()
            await self._worker.call(self._open)

        await self._worker.call(self._release)
        await reopen(self.context, self.options, reason, attempt)

    def _handover(self) -> Handover[Block]:
        return Handover(max(8, round(BUFFERED_S * 1000 / self.options.chunk_ms)))

    def _open(self) -> None:
        options = self.options
        if isinstance(options.source, str) and _is_path(options.source):
            path = Path(options.source).expanduser()
            self._input = SoundFile(
                path, options.sample_rate, self._length, options.trailing_silence_ms
            )
            return
        self._input = Stream(
            _device(options.source), options.sample_rate, options.chunk_ms,
            self.context.clock.now, self._blocks,
        )  # fmt: skip

    def _release(self) -> None:
        held, self._input = self._input, None
        if held is not None:
            held.close()


def _is_path(source: str) -> bool:
    return "/" in source or Path(source).suffix.lower() in SUFFIXES or Path(source).is_file()


def _device(source: str | int) -> int | str | None:
    if source == "default":
        return None
    return int(source) if str(source).isdigit() else source
