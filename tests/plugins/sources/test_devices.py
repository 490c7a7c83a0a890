from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from sensorium_plugins.sources import devices
from sensorium_plugins.sources.devices import list_cameras, list_microphones, list_speakers

if TYPE_CHECKING:
    from pathlib import Path


def sound(monkeypatch: pytest.MonkeyPatch, found: object) -> None:
    module = ModuleType("sounddevice")

    def query_devices() -> object:
        if isinstance(found, Exception):
            raise found
        return found

    module.query_devices = query_devices  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sounddevice", module)


def test_sound_devices_are_listed_by_what_they_do(monkeypatch: pytest.MonkeyPatch) -> None:
    headset = {"name": "Headset", "max_input_channels": 1, "max_output_channels": 2}
    screen = {"name": "Screen", "max_input_channels": 0, "max_output_channels": 2}
    sound(monkeypatch, [screen, headset])
    assert [(d.name, d.identifier, d.ok) for d in list_microphones()] == [("Headset", "1", True)]
    assert [d.identifier for d in list_speakers()] == ["0", "1"]


@pytest.mark.parametrize("look", [list_microphones, list_speakers])
def test_lack_of_sound_devices_is_told_with_a_remedy(
    monkeypatch: pytest.MonkeyPatch, look: object
) -> None:
    assert callable(look)
    for found in ([], RuntimeError("the sound server hung up")):
        sound(monkeypatch, found)
        (device,) = look()
        assert not device.ok
        assert device.problem
        assert device.remedy
    assert "hung up" in device.problem


def test_missing_portaudio_is_told_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    from sensorium.errors import MissingDependency

    def missing(feature: str) -> None:
        raise MissingDependency(feature, "PortAudio", "Run: sudo apt install libportaudio2")

    monkeypatch.setattr(devices, "import_sounddevice", missing)
    (device,) = list_microphones()
    assert (device.ok, "PortAudio" in device.problem) == (False, True)
    assert "libportaudio2" in device.remedy


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /dev")
def test_cameras(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    nodes, about = tmp_path / "dev", tmp_path / "sys"
    nodes.mkdir()
    (device,) = list_cameras(nodes, about)
    assert (device.ok, device.identifier) == (False, "")
    assert "this machine has no camera" in device.problem

    for number, name in ((0, "Webcam"), (1, "Webcam"), (10, "Thermal"), (2, "Broken")):
        (nodes / f"video{number}").touch()
        (about / f"video{number}").mkdir(parents=True)
        (about / f"video{number}" / "name").write_text(name + "\n")
    (nodes / "video-aux").touch()

    def captures(path: Path) -> bool:
        if path.name == "video2":
            raise OSError(19, "No such device")
        return path.name != "video1"  # the second node of a camera carries no pictures

    monkeypatch.setattr(devices, "_captures", captures)
    found = list_cameras(nodes, about)
    assert [(d.name, d.identifier, d.ok) for d in found] == [
        ("Webcam", "0", True),
        ("Broken", "2", False),
        ("Thermal", "10", True),
    ]
    assert "No such device" in found[1].problem


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /dev")
def test_a_node_that_is_no_camera_is_told_not_raised(tmp_path: Path) -> None:
    (tmp_path / "video0").write_bytes(b"a plain file knows no ioctl")
    (device,) = list_cameras(tmp_path, tmp_path)
    assert (device.ok, device.identifier) == (False, "0")
    assert device.remedy


def test_nothing_raises_on_this_machine() -> None:
    for look in (list_cameras, list_microphones, list_speakers):
        assert all(device.ok or device.remedy for device in look())
        assert look()
