"""Pictures that are already there: one file, a folder, a video. Read frame by frame, in a thread.

A recording gives frames with their position: ns since its beginning, as the media says.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, NamedTuple

from sensorium.errors import BadInput, SourceUnavailable
from sensorium.events import NS_PER_S
from sensorium_plugins.sources.opencv import quiet_cv2, to_rgb
from sensorium_plugins.sources.pictures import SUFFIXES, Limits, Pixels, read_picture

DEFAULT_FPS = 25.0
"""Of a video that does not say."""
EARLY = NS_PER_S // 2000
"""How far (0.5 ms) a frame may lie before the time it is wanted at."""


class Frame(NamedTuple):
    """One picture of a recording."""

    position: int
    """ns since the recording's beginning."""
    pixels: Pixels


class Recording(ABC):
    """Frames in order. Used by one thread at a time."""

    skips_bad = False
    """Whether :meth:`next` may be called again after it raised :class:`BadInput`."""
    duration = 0
    """Of one round, in ns; known once :meth:`next` has returned None."""
    note = ""
    """What was odd about the round that just ended; for the log."""

    @abstractmethod
    def next(self) -> Frame | None:
        """The next frame, or None at the end. Raises :class:`BadInput`."""

    @abstractmethod
    def rewind(self) -> None:
        """Begin again at the first frame."""

    def close(self) -> None:  # noqa: B027 - optional
        """Give back what it holds."""


class Pictures(Recording):
    """Picture files, one every ``1 / fps`` seconds. A bad one is passed over, its time stays."""

    skips_bad = True

    def __init__(self, paths: list[Path], name: str, fps: float, limits: Limits) -> None:
        self._paths = paths
        self._name = name
        self._fps = fps
        self._limits = limits
        self._index = 0
        self._good = 0
        self.duration = round(len(paths) * NS_PER_S / fps)

    @classmethod
    def folder(cls, folder: Path, fps: float, limits: Limits) -> Pictures:
        """Every picture in ``folder``, by name. Raises :class:`BadInput` when there is none."""
        paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
        if not paths:
            kinds = " ".join(sorted(SUFFIXES))
            raise BadInput(f"folder {folder} holds no picture ({kinds})")
        return cls(paths, str(folder), fps, limits)

    def next(self) -> Frame | None:
        """Decode the next file; raises :class:`BadInput` for a bad one and passes over it."""
        if self._index == len(self._paths):
            if not self._good:
                self.skips_bad = False
                raise BadInput(f"not one of the {self._index} pictures in {self._name} is readable")
            return None
        index, self._index = self._index, self._index + 1
        try:
            pixels = read_picture(self._paths[index], self._limits)
        except SourceUnavailable as error:  # listed, but gone or locked by now
            raise BadInput(str(error)) from error
        self._good += 1
        return Frame(round(index * NS_PER_S / self._fps), pixels)

    def rewind(self) -> None:
        """Begin again at the first file."""
        self._index = self._good = 0


class Picture(Recording):
    """One picture file, read at once: broken content is told at set-up."""

    def __init__(self, path: Path, fps: float, limits: Limits) -> None:
        self._frame: Frame | None = Frame(0, read_picture(path, limits))
        self._held = self._frame
        self.duration = round(NS_PER_S / fps)

    def next(self) -> Frame | None:
        """The picture, once a round."""
        frame, self._frame = self._frame, None
        return frame

    def rewind(self) -> None:
        """Give it once more."""
        self._frame = self._held


class Video(Recording):
    """A video file (or a finite one behind a URL), each frame at its own presentation time.

    With ``fps`` at most so many frames of each second are given; their times stay. Raises
    :class:`BadInput` when there is no video in it.
    """

    def __init__(
        self, location: str, name: str, fps: float | None, limits: Limits, timeout_s: float
    ) -> None:
        self.name = name
        self._location = location
        self._fps = fps
        self._limits = limits
        self._timeout_ms = round(timeout_s * 1000)
        self._capture: Any = None
        try:
            self.rewind()
        except BaseException:
            self.close()
            raise

    @property
    def endless(self) -> bool:
        """Whether it does not say how long it is: a live stream."""
        return not self._expected > 0

    def rewind(self) -> None:
        """Open it (again) and decode the first frame, which proves that there is one."""
        cv2 = quiet_cv2()
        self.close()
        self._capture = open_capture(self._location, self._timeout_ms)
        if not self._capture.isOpened():
            raise BadInput(f"{self.name} is not a picture or a video that can be read")
        width, height = (
            int(self._capture.get(size))
            for size in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
        )
        self._limits.check(self.name, width, height)
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        self._period = round(NS_PER_S / (rate if 0 < rate <= 1000 else DEFAULT_FPS))
        self._expected = int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
        self._seen = 0
        self._position = -self._period
        self._last_slot = -1
        self._first: Frame | None = self._read()
        if self._first is None:
            raise BadInput(f"{self.name} holds no frame that can be read")

    def next(self) -> Frame | None:
        """The next wanted frame."""
        if self._first is not None:
            first, self._first = self._first, None
            return first
        frame = self._read()
        if frame is None:
            self.duration = self._position + self._period
            cut = self._seen < 0.9 * self._expected
            self.note = (
                f"{self.name} ended after {self._seen} of {self._expected} frames: it may be cut"
                if cut
                else ""
            )
        return frame

    def close(self) -> None:
        """Release the file."""
        capture, self._capture = self._capture, None
        if capture is not None:
            capture.release()

    def _read(self) -> Frame | None:
        while self._capture.grab():
            self._advance()
            if not self._wanted():
                continue
            decoded, bgr = self._capture.retrieve()
            if decoded:
                return Frame(self._position, to_rgb(bgr, self._limits))
        return None

    def _advance(self) -> None:
        cv2 = quiet_cv2()
        told = round(self._capture.get(cv2.CAP_PROP_POS_MSEC) * 1_000_000)
        after = self._position
        # some files carry no times, or repeat them: then frames follow at the stated rate
        self._position = told if told > after and self._seen else after + self._period
        self._seen += 1

    def _wanted(self) -> bool:
        if self._fps is None:
            return True
        slot = int((self._position + EARLY) * self._fps / NS_PER_S)
        wanted = slot > self._last_slot
        self._last_slot = max(slot, self._last_slot)
        return wanted


def open_capture(location: str, timeout_ms: int) -> Any:
    """A ``cv2.VideoCapture`` on a file or URL, which gives up after ``timeout_ms`` of silence."""
    cv2 = quiet_cv2()
    limits = [
        cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
        timeout_ms,
        cv2.CAP_PROP_READ_TIMEOUT_MSEC,
        timeout_ms,
    ]
    return cv2.VideoCapture(location, cv2.CAP_FFMPEG, limits)
