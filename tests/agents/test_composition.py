from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sensorium.errors import SettingsError
from sensorium.settings import Settings
from sensorium_agents import composition
from sensorium_agents.composition import (
    components_using,
    fed_by_hand,
    find_settings,
    load,
    plugins_for,
    sources,
    without_missing_devices,
)
from sensorium_plugins.sources.devices import Device

ROOT = Path(__file__).parents[2]
DEFAULT = ROOT / "settings.toml"
CAMERA = Device("a camera", "0", True)
NONE = Device("no camera", "", False, "this machine has no camera")


def settings(**components: Any) -> Settings:
    return Settings.model_validate({"components": components})


@pytest.fixture
def devices(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def there_are(cameras: list[Device], microphones: list[Device]) -> None:
        monkeypatch.setattr(composition, "list_cameras", lambda: cameras)
        monkeypatch.setattr(composition, "list_microphones", lambda: microphones)

    return there_are


def test_settings_are_found_here_then_in_the_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SENSORIUM_SETTINGS", raising=False)
    monkeypatch.chdir(tmp_path)
    assert find_settings(None) == DEFAULT
    (tmp_path / "settings.toml").write_text("")
    assert find_settings(None) == tmp_path / "settings.toml"
    monkeypatch.setenv("SENSORIUM_SETTINGS", "elsewhere.toml")
    assert find_settings(None) == Path("elsewhere.toml")
    assert find_settings(Path("given.toml")) == Path("given.toml")


def test_no_settings_anywhere_says_how_to_name_some(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SENSORIUM_SETTINGS", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(composition, "CHECKOUT", tmp_path)
    with pytest.raises(SettingsError, match="--settings FILE"):
        find_settings(None)


def test_components_are_found_by_the_class_they_use() -> None:
    given = settings(camera={}, door={"use": "camera"}, off={"use": "camera", "enabled": False})
    assert list(components_using(given, "camera", "microphone")) == ["camera", "door"]


def test_by_hand_no_sensor_runs_and_no_sample_is_lost() -> None:
    plain = load(DEFAULT)
    plugins = plugins_for(plain)
    assert sources(plain, plugins) == ["camera", "microphone"]
    fitted = load(DEFAULT, fed_by_hand(plain, plugins))
    assert sources(fitted, plugins) == []
    assert fitted.components["voice_activity"].takes["audio"].policy == "block(256)"
    assert fitted.components["object_detection"].takes["image"].policy == "latest"
    assert fitted.components["turns"].options["answer_speech"] is False
    assert fitted.components["chat"].options["max_tokens"] == 96  # what was set stays


def test_by_hand_a_failure_costs_one_question_unless_the_settings_say_else() -> None:
    plain = settings(chat={}, ocr={"on_error": {"action": "stop"}})
    layer = fed_by_hand(plain, plugins_for(plain))["components"]
    assert layer["chat"]["on_error"] == {"action": "skip"}
    assert "on_error" not in layer.get("ocr", {})


def test_settings_without_a_planner_or_a_voice_can_be_fed_too() -> None:
    plain = settings(camera={}, object_detection={})
    layer = fed_by_hand(plain, plugins_for(plain))["components"]
    assert layer["camera"] == {"enabled": False}
    assert set(layer) == {"camera", "object_detection"}


def test_devices_that_are_missing_are_turned_off_with_the_reason(
    devices: Callable[..., None],
) -> None:
    devices([NONE], [CAMERA])
    given = settings(
        camera={"options": {"source": 0}}, microphone={"options": {"source": "default"}}
    )
    layer, reasons = without_missing_devices(given)
    assert layer == {"components": {"camera": {"enabled": False}}}
    assert reasons == ["camera: this machine has no camera"]


@pytest.mark.parametrize("source", ["clip.mp4", "rtsp://host/1", "http://host/still.jpg", "photos"])
def test_files_and_addresses_need_no_device(devices: Callable[..., None], source: str) -> None:
    devices([NONE], [NONE])
    given = settings(
        camera={"options": {"source": source}}, microphone={"options": {"source": "talk.flac"}}
    )
    assert without_missing_devices(given) == ({"components": {}}, [])


@pytest.mark.parametrize("options", [{}, {"source": "/dev/video0"}, {"source": 0}, {"source": "0"}])
def test_the_default_camera_is_a_device(devices: Callable[..., None], options: Any) -> None:
    devices([NONE], [NONE])
    _, reasons = without_missing_devices(settings(camera={"options": options}))
    assert len(reasons) == 1


def test_later_layers_win() -> None:
    first = {"components": {"chat": {"options": {"max_tokens": 1, "temperature": 1.0}}}}
    second = {"components": {"chat": {"options": {"max_tokens": 2}}}}
    chat = load(DEFAULT, first, second).components["chat"].options
    assert (chat["max_tokens"], chat["temperature"]) == (2, 1.0)


def test_a_plugin_that_cannot_be_used_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    given = Settings.model_validate({"plugins": {"modules": [str(tmp_path / "gone.py")]}})
    plugins_for(given)
    assert "gone.py" in caplog.text
