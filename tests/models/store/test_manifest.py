"""The manifest: the bundled one is whole, and a wrong one is refused with the fault named."""

from __future__ import annotations

import re

import pytest

from sensorium.errors import SettingsError
from sensorium_models.store import parse_manifest
from sensorium_models.store.manifest import CarrierEntry, bundled_manifest


def test_bundled_manifest_names_the_models_the_project_uses() -> None:
    names = {entry.name for entry in bundled_manifest().models}
    assert names >= {
        "smollm2-135m-instruct",
        "whisper-tiny.en",
        "whisper-base",
        "silero-vad",
        "minilm-l6-v2",
        "mobilenet-v2",
        "blazeface-short-range",
        "centernet-coco",
        "hibari-tts",
        "rapidocr",
    }


def test_optional_models_stay_out_of_the_default_set() -> None:
    entries = {entry.name: entry for entry in bundled_manifest().models}
    assert not entries["whisper-base"].default
    assert entries["whisper-tiny.en"].default


def test_a_file_of_two_parts_names_both_carriers_in_order() -> None:
    entries = {entry.name: entry for entry in bundled_manifest().models}
    base = entries["whisper-base"]
    assert isinstance(base, CarrierEntry)
    model = next(file for file in base.files if file.name == "model.bin")
    assert [part.member[-5:] for part in model.parts] == ["part1", "part2"]


@pytest.mark.parametrize(
    "name", ["../up", "/abs", "a/../../b", "a\\b", "c:x", ".", "", "a//b", "./a"]
)
def test_file_name_that_could_leave_the_folder_is_refused(
    tiny_manifest_text: str, name: str
) -> None:
    text = tiny_manifest_text.replace('name = "weights.bin"', f"name = '{name}'")
    with pytest.raises(SettingsError, match=r"plain relative path"):
        parse_manifest(text)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('task = "language"', 'task = "dreaming"', "task"),
        ('licence = "MIT"', 'licence = "MIT"\ncolour = "red"', "colour"),
        ('source = "carrier"', 'source = "moon"', "moon"),
        ('version = "1.0"', 'version = "--index-url=x"', "version"),
        ('name = "tiny"', 'name = "../tiny"', "name"),
        (
            '[[models.carriers]]\npackage = "tiny-carrier"',
            '[[models.carriers]]\npackage = "x"',
            "x",
        ),
        ("version = 1\n", "version = 2\n", "version"),
        ("size = 10240", "size = -1", "size"),
        ("version = 1\n", "version = = 1\n", "TOML|Invalid"),
    ],
)
def test_wrong_manifest_is_refused_with_its_fault(
    tiny_manifest_text: str, old: str, new: str, fault: str
) -> None:
    assert old in tiny_manifest_text
    with pytest.raises(SettingsError) as caught:
        parse_manifest(tiny_manifest_text.replace(old, new, 1), "mine.toml")
    assert "mine.toml" in str(caught.value)
    assert re.search(fault, str(caught.value))


def test_two_models_of_one_name_are_refused(tiny_manifest_text: str) -> None:
    second = tiny_manifest_text.split("version = 1\n", 1)[1]
    with pytest.raises(SettingsError, match="named twice: tiny"):
        parse_manifest(tiny_manifest_text + second)
