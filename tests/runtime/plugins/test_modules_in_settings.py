"""Plugins named in the settings: a file, or an importable module."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from sensorium import Session, Text, load_settings
from sensorium.errors import SettingsError, UnknownName

PLUGIN = '''
from dataclasses import fields
from sensorium import Input, Output, Payload, Perceiver, Text, hookimpl, payload

@payload("shouting.shout")
class Shout(Payload):
    """Something loud."""
    text: str

class Shouter(Perceiver):
    """Says it louder."""
    takes = {"text": Input("in/text", Text)}
    gives = {"shout": Output("out/shout", Shout)}

    async def process(self, event, emit):
        await emit(Shout(event.payload.text.upper()))

@hookimpl
def sensorium_register_payloads(register):
    register(Shout)

@hookimpl
def sensorium_register_perceivers(registry):
    registry.add("shouter", Shouter)
'''
BUNDLED_OFF = 'disabled = ["bundled", "agents", "thermal"]'


def settings_file(folder: Path, modules: str) -> Path:
    path = folder / "settings.toml"
    path.write_text(
        f"[plugins]\nmodules = {modules}\n{BUNDLED_OFF}\n[components.shouter]\n", encoding="utf-8"
    )
    return path


async def test_a_file_beside_the_settings_is_a_plugin(tmp_path: Path) -> None:
    (tmp_path / "shouting.py").write_text(PLUGIN, encoding="utf-8")
    settings = load_settings(settings_file(tmp_path, '["shouting.py"]'), environ={})
    async with Session(settings) as session:
        heard = session.bus.subscribe("out/shout")
        await session.bus.publish("in/text", Text("hello"))
        event = await heard.get()
    assert event.payload.text == "HELLO"
    (loaded,) = session.plugins.loaded
    assert (loaded.name, loaded.error) == ("shouting", "")
    assert loaded.origin == str(tmp_path / "shouting.py")
    assert "shouting" not in sys.modules  # a file may be called as a library is


def test_an_importable_module_is_a_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "importable_shouting.py").write_text(PLUGIN, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    settings = load_settings(settings_file(tmp_path, '["importable_shouting"]'), environ={})
    assert "shouter" in Session(settings).plugins.kinds["perceiver"]


def test_the_environment_names_files_relative_to_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shouting.py").write_text(PLUGIN, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    environ = {"SENSORIUM__PLUGINS__MODULES": '["shouting.py"]'}
    assert load_settings(environ=environ).plugins.modules == ("shouting.py",)


async def test_what_is_wrong_with_the_file_is_said_where_its_component_is_missed(
    tmp_path: Path,
) -> None:
    (tmp_path / "shouting.py").write_text("raise OSError('no microphone')", encoding="utf-8")
    settings = load_settings(settings_file(tmp_path, '["shouting.py"]'), environ={})
    with pytest.raises(UnknownName) as caught:
        async with Session(settings):
            pytest.fail("the component does not exist")
    assert str(tmp_path / "shouting.py") in str(caught.value)
    assert "cannot be imported: OSError: no microphone" in str(caught.value)


def test_a_list_is_wanted(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"plugins\.modules"):
        load_settings(settings_file(tmp_path, '"shouting.py"'), environ={})
