"""Pictures that are happening now: a camera device, a stream, an address that is asked again.

All of them are opened, read and closed in one thread. They raise :class:`SourceUnavailable`
when what they read goes away.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from sensorium.errors import BadInput, SourceUnavailable
from sensorium_plugins.sources.http import MjpegStream, masked, open_url, read_body
from sensorium_plugins.sources.opencv import quiet_cv2, to_rgb
from sensorium_plugins.sources.pictures import Limits, Pixels, decode_picture
from sensorium_plugins.sources.recordings import open_capture

BROKEN_IN_A_ROW = 10
"""So many undecodable frames are no longer a bad moment but a bad stream."""


class Live(ABC):
    """A stream of frames at the sensor's own pace."""

    @abstractmethod
    def grab(self) -> None:
        """Wait for the next frame. Raises :class:`SourceUnavailable` when there is none."""

    @abstractmethod
    def retrieve(self) -> Pixels | None:
        """Decode the frame that was grabbed last; None when it is broken."""

    @abstractmethod
    def close(self) -> None:
        """Release the device or the connection."""


class Capture(Live):
    """A device or a network stream by way of OpenCV."""

    def __init__(self, capture: Any, name: str, limits: Limits) -> None:
        self._capture = capture
        self._name = name
        self._limits = limits

    @classmethod
    def device(cls, device: int | str, limits: Limits) -> Capture:
        """Open a camera by number or device path."""
        cv2 = quiet_cv2()
        number = device if isinstance(device, int) else _number(device)
        backend = cv2.CAP_V4L2 if sys.platform == "linux" else cv2.CAP_ANY
        capture = cv2.VideoCapture(number, backend)
        if not capture.isOpened():
            raise SourceUnavailable(_no_device(device))
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # the newest frame, not one of a second ago
        return cls(capture, f"camera {device}", limits)

    @classmethod
    def url(cls, url: str, limits: Limits, timeout_s: float) -> Capture:
        """Open a network stream."""
        capture = open_capture(url, round(timeout_s * 1000))
        if not capture.isOpened():
            raise SourceUnavailable(f"cannot open a video stream at {masked(url)}")
        return cls(capture, masked(url), limits)

    def grab(self) -> None:
        """Wait for the next frame."""
        if not self._capture.grab():
            raise SourceUnavailable(f"{self._name} gives no more frames")

    def retrieve(self) -> Pixels | None:
        """Decode it."""
        decoded, bgr = self._capture.retrieve()
        if not decoded:
            return None
        self._limits.check(self._name, bgr.shape[1], bgr.shape[0])
        return to_rgb(bgr, self._limits)

    def close(self) -> None:
        """Release the device."""
        self._capture.release()


class Mjpeg(Live):
    """A camera that pushes JPEGs over HTTP."""

    def __init__(self, response: Any, url: str, limits: Limits) -> None:
        self._parts = MjpegStream(response, url)
        self._name = masked(url)
        self._limits = limits
        self._broken = 0
        self._part: bytes | None = None
        try:
            part = self._parts.next_part()
            self._decode(part)  # so that a stream which is too large is told at set-up
        except BaseException:
            self.close()
            raise
        self._next: bytes | None = part

    def grab(self) -> None:
        """Wait for the next part."""
        self._part, self._next = self._next or self._parts.next_part(), None

    def retrieve(self) -> Pixels | None:
        """Decode it; :data:`BROKEN_IN_A_ROW` bad ones raise :class:`SourceUnavailable`."""
        try:
            pixels = self._decode(self._part or b"")
        except BadInput as error:
            self._broken += 1
            if self._broken >= BROKEN_IN_A_ROW:
                raise SourceUnavailable(f"{self._broken} times in a row: {error}") from error
            return None
        self._broken = 0
        return pixels

    def _decode(self, part: bytes) -> Pixels:
        return decode_picture(part, f"the picture from {self._name}", self._limits)

    def close(self) -> None:
        """Hang up."""
        self._parts.close()


class Still:
    """An address that answers every request with the picture of that moment."""

    def __init__(self, response: Any, url: str, limits: Limits, timeout_s: float) -> None:
        self._url = url
        self._limits = limits
        self._timeout_s = timeout_s
        self._first: Pixels | None = self._decode(response)

    def read(self) -> Pixels:
        """Fetch one. Raises :class:`SourceUnavailable` or :class:`BadInput`."""
        if self._first is not None:
            pixels, self._first = self._first, None
            return pixels
        with open_url(self._url, self._timeout_s) as response:
            return self._decode(response)

    def close(self) -> None:
        """Nothing is held between two requests."""

    def _decode(self, response: Any) -> Pixels:
        body = read_body(response, self._url)
        return decode_picture(body, f"the picture at {masked(self._url)}", self._limits)


def _number(device: str) -> int | str:
    digits = device.removeprefix("/dev/video")
    return int(digits) if digits.isdigit() else device


def _no_device(device: int | str) -> str:
    found = sorted(str(path) for path in Path("/dev").glob("video*"))
    there = f"There are: {', '.join(found)}" if found else "This machine has no /dev/video*"
    return (
        f"cannot open camera {device}. {there}. Is it plugged in, and not in use by another"
        " program? `sensorium doctor` checks. The option source also takes a video or picture"
        " file, a folder, or a URL."
    )
