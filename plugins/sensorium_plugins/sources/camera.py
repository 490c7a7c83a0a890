"""The camera: a device, a stream, an address, or files that stand in for one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from sensorium.components import Context, Emit, Output, Source
from sensorium.errors import BadInput, SourceUnavailable
from sensorium.events import NS_PER_S
from sensorium.payloads.media import Image
from sensorium.payloads.system import ComponentFailed
from sensorium_plugins.sources.http import masked, media_type, open_url
from sensorium_plugins.sources.live import Capture, Live, Mjpeg, Still
from sensorium_plugins.sources.pictures import SUFFIXES, Limits, Pixels
from sensorium_plugins.sources.reconnect import LiveOptions, reopen, report_dropped
from sensorium_plugins.sources.recordings import Picture, Pictures, Recording, Video
from sensorium_plugins.sources.threads import Handover, Worker

HTTP = ("http://", "https://")
STREAMS = ("rtsp://", "rtsps://", "rtmp://", "udp://", "tcp://", "srt://")
LATE = NS_PER_S
"""Behind by more, a file played in real time is worth a warning."""


class CameraOptions(LiveOptions):
    """What the camera looks at, and how."""

    source: str | int = 0
    """Device number or path, a video or picture file, a folder of pictures (taken by name), an
    RTSP or HTTP address (video, MJPEG or a still picture)."""
    fps: float | None = Field(None, gt=0)
    """Frames a second: the pace of a folder, a looped picture and a still address (default 1);
    for everything else an upper limit (default: all there are)."""
    pace: Literal["real_time", "fast"] = "real_time"
    """``fast`` plays files without waiting, with the same times. Subscribe to the images with
    the policy ``block`` then: the default keeps only the newest."""
    loop: bool = False
    """Whether files begin again at their end."""
    max_pixels: int = Field(50_000_000, gt=0)
    """Largest picture that is decoded, as width x height."""
    max_side: int = Field(1920, gt=0)
    """Larger pictures are shrunk to this, in pixels, keeping their aspect."""


class Camera(Source):
    """Gives RGB images, each with the time its light was caught.

    Live, that is when the frame arrived, by the session's clock; for files, the beginning of the
    run plus the frame's position in the recording. Pictures are turned upright by their EXIF
    tag. A device or address that goes away after it once worked is announced as ``lost`` and
    tried again until it is ``restored``.

    Raises :class:`SourceUnavailable` when the source cannot be opened and :class:`BadInput` when
    a file is empty, broken, too large, or neither picture nor video.
    """

    Options = CameraOptions
    gives: ClassVar[Mapping[str, Output]] = {"image": Output("camera/{name}/image", Image)}

    def __init__(self, options: CameraOptions, context: Context) -> None:
        super().__init__(options, context)
        self._late = False
        self._worker = Worker(f"camera-{context.name}")
        self._input: Recording | Live | Still | None = None
        self._closing = threading.Event()

    async def setup(self) -> None:
        """Open the source and, of a file, read the first frame."""
        await self._worker.call(self._open)

    async def run(self, emit: Emit) -> None:
        """Emit frames until a recording ends; a live source does not end."""
        match self._input:
            case Recording() as recording:
                await self._play(recording, emit)
            case Still():
                await self._poll(emit)
            case Live():
                await self._stream(emit)

    async def close(self) -> None:
        """Release the source in the thread that read it, and end that thread."""
        self._closing.set()
        await self._worker.stop(self._release, limit_s=self.options.timeout_s + 0.5)

    async def _play(self, recording: Recording, emit: Emit) -> None:
        clock = self.context.clock
        begin = clock.now()
        while True:
            frame = None
            try:
                frame = await self._worker.call(recording.next)
            except BadInput as error:
                if not recording.skips_bad:
                    raise
                await self._skip(error)
                continue
            if frame is not None:
                when = begin + frame.position
                if self.options.pace == "real_time":
                    await clock.sleep_until(when)
                    self._warn_if_late(clock.now() - when)
                await emit(Image(frame.pixels), originating_time=when)
                continue
            if recording.note:
                self.log.warning("%s", recording.note)
            if not self.options.loop:
                return
            begin += recording.duration
            await self._worker.call(recording.rewind)

    async def _skip(self, error: BadInput) -> None:
        self.log.error("passing over a picture: %s", error)
        failed = ComponentFailed(self.name, f"BadInput: {error}", "BadInput", "skip", "run")
        await self.context.announce(failed)

    def _warn_if_late(self, late: int) -> None:
        if late > LATE and not self._late:
            self._late = True
            self.log.warning(
                "decoding is %.1f s behind real time: lower the options fps or max_side",
                late / NS_PER_S,
            )

    async def _poll(self, emit: Emit) -> None:
        """Ask a still address again and again, on a grid of times that does not drift."""
        clock = self.context.clock
        period = round(NS_PER_S / (self.options.fps or 1.0))
        due = clock.now()
        while True:
            try:
                pixels, when = await self._worker.call(self._fetch)
            except SourceUnavailable as error:
                await self._reopen(error)
                due = clock.now()
                continue
            except BadInput as error:  # a camera that is starting, say: the next may be whole
                await self._skip(error)
            else:
                await emit(Image(pixels), originating_time=when)
            due = max(due + period, clock.now() - period)
            await clock.sleep_until(due)

    def _fetch(self) -> tuple[Pixels, int]:
        assert isinstance(self._input, Still)
        return self._input.read(), self.context.clock.now()

    async def _stream(self, emit: Emit) -> None:
        while True:
            newest: Handover[tuple[Pixels, int]] = Handover(1)
            reading = self._worker.submit(self._pump, newest)
            reading.add_done_callback(partial(_end, newest))
            while (caught := await newest.get()) is not None:
                await report_dropped(self.context, newest.take_dropped(), "superseded")
                await emit(Image(caught[0]), originating_time=caught[1])
            try:
                await reading
            except SourceUnavailable as error:
                await self._reopen(error)
            else:
                return

    def _pump(self, newest: Handover[tuple[Pixels, int]]) -> None:
        """In the thread: hand over frames as they come, until told to close."""
        live, fps = self._input, self.options.fps
        assert isinstance(live, Live)
        period = NS_PER_S / fps if fps else 0.0
        due = 0.0
        while not self._closing.is_set():
            live.grab()
            now = self.context.clock.now()
            if now + 0.1 * period < due:
                continue
            due = (due if now < due + period else now) + period  # late ones do not pile up
            pixels = live.retrieve()
            if pixels is not None:
                newest.put((pixels, now))

    async def _reopen(self, error: SourceUnavailable) -> None:
        async def attempt() -> None:
            await self._worker.call(self._open)

        await self._worker.call(self._release)
        await reopen(self.context, self.options, str(error), attempt)

    def _open(self) -> None:
        self._input = open_input(self.options)

    def _release(self) -> None:
        held, self._input = self._input, None
        if held is not None:
            held.close()


def open_input(options: CameraOptions) -> Recording | Live | Still:
    """Open whatever ``options.source`` names. Blocks; to be closed by the same thread."""
    source = options.source
    limits = Limits(options.max_pixels, options.max_side)
    if isinstance(source, int) or source.isdigit():
        return Capture.device(int(source), limits)
    if source.lower().startswith(HTTP):
        return _open_http(source, options, limits)
    if source.lower().startswith(STREAMS):
        return Capture.url(source, limits, options.timeout_s)
    path = Path(source).expanduser()
    if path.is_char_device() or source.startswith("/dev/"):
        return Capture.device(source, limits)
    return _open_path(path, options, limits)


def _open_path(path: Path, options: CameraOptions, limits: Limits) -> Recording:
    slow = options.fps or 1.0
    if path.is_dir():
        return Pictures.folder(path, slow, limits)
    if not path.is_file():
        raise SourceUnavailable(
            f"there is no file or folder {path} (option source, seen from {Path.cwd()})"
        )
    if not path.stat().st_size:
        raise BadInput(f"{path} is empty (0 bytes)")
    if path.suffix.lower() in SUFFIXES:
        return Picture(path, slow, limits)
    return Video(str(path), str(path), options.fps, limits, options.timeout_s)


def _open_http(url: str, options: CameraOptions, limits: Limits) -> Recording | Live | Still:
    response = open_url(url, options.timeout_s)
    kind = media_type(response)
    if kind == "multipart/x-mixed-replace":
        return Mjpeg(response, url, limits)
    with response:
        if kind.startswith("image/"):
            return Still(response, url, limits, options.timeout_s)
        if kind.startswith("text/"):
            raise BadInput(f"{masked(url)} answers with {kind}: no picture and no video")
    video = Video(url, masked(url), options.fps, limits, options.timeout_s)
    if video.endless:
        video.close()
        return Capture.url(url, limits, options.timeout_s)
    return video


def _end(newest: Handover[tuple[Pixels, int]], reading: asyncio.Future[None]) -> None:
    newest.close()
    if not reading.cancelled():
        reading.exception()  # looked at, so that nobody warns; the reader raises it
