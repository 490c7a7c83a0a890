"""``sensorium doctor``: every trouble is a line with a remedy, and decides the exit status."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result

from sensorium_models.store import ModelStore, State
from sensorium_plugins.commands import checkup
from sensorium_plugins.commands.checkup import Finding, Level
from sensorium_plugins.commands.doctor import doctor, examine
from sensorium_plugins.sources import devices
from sensorium_plugins.sources.devices import Device


def call(*arguments: str) -> Result:
    return CliRunner().invoke(doctor, list(arguments))


def only(check: Callable[[], Iterator[Finding]]) -> list[Finding]:
    return list(check())


def test_the_report_covers_the_machine() -> None:
    result = call("--json")
    document = json.loads(result.stdout)
    assert document["ok"] is (result.exit_code == 0)
    subjects = {row["subject"] for row in document["findings"]}
    assert subjects >= {
        "Python", "Sensorium", "extra vision", "extra audio", "extra language", "extra mqtt",
        "PortAudio", "camera", "microphone", "speaker", "GPU", "plugin bundled", "settings",
        "disk, models", "console",
    }  # fmt: skip
    assert any(subject.startswith("model ") for subject in subjects)
    for row in document["findings"]:
        assert row["detail"]
        assert row["level"] in ("ok", "note", "problem")
        if row["level"] != "ok":
            assert row["remedy"], row


def test_notes_do_not_fail_and_problems_do(monkeypatch: pytest.MonkeyPatch) -> None:
    note = Finding("camera", Level.NOTE, "none [here]", "Plug one in.")
    monkeypatch.setattr(checkup, "CHECKS", [("a", lambda: [note])])
    result = call()
    assert result.exit_code == 0
    assert "none [here]" in result.output
    assert "Plug one in." in result.output
    problem = Finding("models", Level.PROBLEM, "missing", "Run: sensorium models pull")
    monkeypatch.setattr(checkup, "CHECKS", [("a", lambda: [note, problem])])
    result = call()
    assert result.exit_code == 1
    assert "1 to mend" in result.output


def test_a_check_that_raises_is_a_problem_and_the_others_go_on() -> None:
    def broken() -> Iterator[Finding]:
        raise OSError("weird machine")

    findings = examine([("disk", broken), ("Python", checkup.python)])
    assert [f.level for f in findings] == [Level.PROBLEM, Level.OK]
    assert findings[0].subject == "disk"
    assert "weird machine" in findings[0].detail


def test_an_absent_extra_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    here = checkup._importable
    monkeypatch.setattr(
        checkup, "_importable", lambda name: name not in ("hibari", "aiomqtt") and here(name)
    )
    found = {finding.subject: finding for finding in checkup.extras()}
    assert found["extra audio"].level is Level.PROBLEM
    assert found["extra audio"].detail == "not installed: hibari"
    assert found["extra audio"].remedy == 'Run: pip install "sensorium[audio]"'
    assert found["extra mqtt"].level is Level.NOTE  # the default agent does without


def test_missing_default_models_are_problems(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ModelStore, "status", lambda *_: State.MISSING)
    by_name = {finding.subject.removeprefix("model "): finding for finding in checkup.models()}
    for entry in ModelStore().entries():
        expected = Level.PROBLEM if entry.default else Level.OK
        assert by_name[entry.name].level is expected
    assert "sensorium models pull whisper-tiny.en" in by_name["whisper-tiny.en"].remedy


def test_a_malformed_variable_of_the_store_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENSORIUM_MODEL_PATHS", "nonsense")
    (finding,) = only(checkup.models)
    assert finding.level is Level.PROBLEM
    assert "SENSORIUM_MODEL_PATHS" in finding.detail


def test_missing_devices_are_notes(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = Device("no camera", "", False, "this machine has no camera", "Plug one in.")
    monkeypatch.setattr(devices, "list_cameras", lambda: [absent])
    monkeypatch.setattr(devices, "list_microphones", lambda: [Device("USB", "3", True)])
    camera, microphone, *_ = only(checkup.hardware)
    assert (camera.level, camera.detail) == (Level.NOTE, "this machine has no camera")
    assert camera.remedy == "Plug one in."
    assert (microphone.level, microphone.detail) == (Level.OK, "USB (3)")


def test_a_settings_file_with_a_mistake_names_the_key(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("[agent]\nseeed = 1\n")
    monkeypatch.setenv("SENSORIUM_SETTINGS", str(path))
    (finding,) = only(checkup.settings)
    assert finding.level is Level.PROBLEM
    assert "seeed" in finding.detail
    monkeypatch.setenv("SENSORIUM_SETTINGS", str(tmp_path / "absent.toml"))
    (finding,) = only(checkup.settings)
    assert "does not exist" in finding.detail


def test_a_failed_plugin_is_a_note_and_a_failed_bundled_one_a_problem(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loaded = [
        SimpleNamespace(name="thermal", origin="thermal 1.0", error="boom"),
        SimpleNamespace(name="bundled", origin="sensorium 0.1.0", error="boom"),
    ]
    monkeypatch.setattr(checkup, "load_plugins", lambda: SimpleNamespace(loaded=loaded))
    assert [f.level for f in checkup.plugins()] == [Level.NOTE, Level.PROBLEM]


def test_little_disk_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=5 << 20))
    assert [finding.level for finding in checkup.disk()] == [Level.NOTE, Level.NOTE]


def test_torch_without_cuda_is_told_from_its_files(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def find(name: str) -> SimpleNamespace:
        return SimpleNamespace(origin=str(tmp_path / "__init__.py"))

    monkeypatch.setattr(checkup, "find_spec", find)
    version = tmp_path / "version.py"
    version.write_text("__version__ = '2.13.0+cpu'\ncuda: Optional[str] = None\n")
    assert not checkup._torch_has_cuda()
    version.write_text("__version__ = '2.13.0'\ncuda: Optional[str] = '13.0'\n")
    assert checkup._torch_has_cuda()
