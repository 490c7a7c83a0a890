"""What cameras, microphones and speakers this machine has, for ``sensorium doctor``.

Looking never raises and opens nothing that would switch a camera's light on.
"""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sensorium.errors import MissingDependency
from sensorium_plugins.sources.capture import import_sounddevice

# <linux/videodev2.h>: struct v4l2_capability is 104 bytes, device_caps its u32 at byte 88
VIDIOC_QUERYCAP = 0x80685600
CAPABILITY_BYTES = 104
DEVICE_CAPS_AT = 88
CAN_CAPTURE = 0x1 | 0x1000  # single-planar or multi-planar video capture


@dataclass(frozen=True, slots=True)
class Device:
    """One device, or the lack of any (then ``identifier`` is empty)."""

    name: str
    identifier: str
    """What the option ``source`` of the camera or the microphone takes."""
    ok: bool
    problem: str = ""
    remedy: str = ""


def list_cameras(
    devices: Path = Path("/dev"), about: Path = Path("/sys/class/video4linux")
) -> list[Device]:
    """Every camera, or one entry that says that there is none. Never raises."""
    return _never_raising("camera", lambda: _cameras(devices, about))


def list_microphones() -> list[Device]:
    """Every sound input, or one entry that says why there is none. Never raises."""
    return _never_raising("microphone", lambda: _sound("microphone", "max_input_channels"))


def list_speakers() -> list[Device]:
    """Every sound output, or one entry that says why there is none. Never raises."""
    return _never_raising("speaker", lambda: _sound("speaker", "max_output_channels"))


def _never_raising(kind: str, look: Callable[[], list[Device]]) -> list[Device]:
    try:
        return look() or [_none(kind)]
    except MissingDependency as error:
        problem = f"{error.missing} is not installed"
        return [Device(f"no {kind}", "", False, problem, error.remedy)]
    except Exception as error:  # noqa: BLE001 - a doctor reports whatever is wrong
        problem = f"looking for one failed: {type(error).__name__}: {error}"
        return [Device(f"no {kind}", "", False, problem, f"Check the {kind}'s driver.")]


def _none(kind: str) -> Device:
    instead = {
        "camera": "or set the camera's option source to a video, a picture, a folder or a URL",
        "microphone": "or set the microphone's option source to a sound file",
    }.get(kind, "or have replies written to a file instead")
    return Device(
        f"no {kind}", "", False, f"this machine has no {kind}", f"Plug one in, {instead}."
    )


def _cameras(devices: Path, about: Path) -> list[Device]:
    if sys.platform != "linux":
        problem = "cameras cannot be listed on this system without switching them on"
        return [Device("camera 0", "0", True, problem, "Try source = 0, 1, ...")]
    paths = [path for path in devices.glob("video*") if path.name[5:].isdigit()]
    found = [_camera(path, about) for path in sorted(paths, key=lambda p: int(p.name[5:]))]
    return [device for device in found if device is not None]


def _camera(path: Path, about: Path) -> Device | None:
    """None for a node that carries something else than pictures (a camera often has two)."""
    number = path.name.removeprefix("video")
    told = about / path.name / "name"
    name = told.read_text().strip() if told.is_file() else path.name
    if not os.access(path, os.R_OK | os.W_OK):
        remedy = "Run: sudo usermod -aG video $USER, then log in again."
        return Device(name, number, False, f"no permission to open {path}", remedy)
    try:
        captures = _captures(path)
    except OSError as error:
        remedy = "Unplug it and plug it in again; close other programs that use it."
        return Device(name, number, False, f"{path} does not answer: {error.strerror}", remedy)
    return Device(name, number, True) if captures else None


def _captures(path: Path) -> bool:
    import fcntl

    answer = bytearray(CAPABILITY_BYTES)
    file = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    try:
        fcntl.ioctl(file, VIDIOC_QUERYCAP, answer)
    finally:
        os.close(file)
    (capabilities,) = struct.unpack_from("=I", answer, DEVICE_CAPS_AT)
    return bool(capabilities & CAN_CAPTURE)


def _sound(kind: str, channels: str) -> list[Device]:
    sounddevice: Any = import_sounddevice(kind)
    return [
        Device(str(device["name"]), str(index), True)
        for index, device in enumerate(sounddevice.query_devices())
        if device[channels] > 0
    ]
