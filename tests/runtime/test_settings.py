"""Settings: where they come from, and errors a person can act on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensorium.components import ComponentOptions
from sensorium.errors import SettingsError
from sensorium.plugins import ErrorAction
from sensorium.settings import ComponentSettings, check_options, load_settings, merge

TOML = """
[agent]
name = "desk"
seed = 3

[components.camera]
use = "webcam"
options = { device = 0, size = [640, 480] }

[components.camera.takes]
tick = "clock/+"
frame = { topic = "camera/#", policy = "latest+max_age(200)" }

[components.camera.on_error]
action = "stop"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "settings.toml"
    path.write_text(TOML)
    return path


def refused(path: Path | None = None, **kwargs: Any) -> SettingsError:
    kwargs.setdefault("environ", {})
    with pytest.raises(SettingsError) as raised:
        load_settings(path, **kwargs)
    return raised.value


def test_a_file_is_read(file: Path) -> None:
    settings = load_settings(file, environ={})
    camera = settings.components["camera"]
    assert (settings.agent.name, settings.agent.seed) == ("desk", 3)
    assert camera.options == {"device": 0, "size": [640, 480]}
    assert camera.takes["tick"].topic == "clock/+"
    assert camera.takes["frame"].policy == "latest+max_age(200)"
    assert camera.on_error.action is ErrorAction.STOP
    assert settings.log.level == "warning"


def test_without_a_file_the_defaults_hold() -> None:
    assert load_settings(environ={"OTHER": "1", "SENSORIUM_X": "2"}).components == {}


# --- layers ---------------------------------------------------------------------------------


def test_the_environment_goes_over_the_file_and_the_command_line_over_both(file: Path) -> None:
    environ = {
        "SENSORIUM__AGENT__SEED": "4",
        "SENSORIUM__AGENT__NAME": "from the environment",
        "SENSORIUM__COMPONENTS__CAMERA__OPTIONS__DEVICE": "1",
        "SENSORIUM__COMPONENTS__CAMERA__OPTIONS__URL": "http://x",
        "SENSORIUM__COMPONENTS__EAR": '{"use": "microphone", "options": {"rate": 8000}}',
        "SENSORIUM__COMPONENTS__EAR__OPTIONS__GAIN": "1.5",
        "SENSORIUM__COMPONENTS__EAR__ENABLED": "false",
    }
    settings = load_settings(file, environ=environ, overrides={"agent": {"seed": 5}})
    assert (settings.agent.name, settings.agent.seed) == ("from the environment", 5)
    assert settings.components["camera"].options == {
        "device": 1,
        "size": [640, 480],
        "url": "http://x",
    }
    ear = settings.components["ear"]
    assert (ear.use, ear.options, ear.enabled) == ("microphone", {"rate": 8000, "gain": 1.5}, False)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1), ("1.5", 1.5), ("true", True), ("null", None), ('"1"', "1"), ("[1, 2]", [1, 2]),
        ('{"a": {"b": 2}}', {"a": {"b": 2}}), ("a b", "a b"), ("", ""), ("01", "01"), ("{", "{"),
        ("[" * 100_000, "[" * 100_000), ("9" * 5000, "9" * 5000),
    ],
    ids=str,
)  # fmt: skip
def test_a_value_is_json_where_it_is_json(text: str, value: Any) -> None:
    settings = load_settings(environ={"SENSORIUM__COMPONENTS__C__OPTIONS__X": text})
    assert settings.components["c"].options == {"x": value}


layers = st.recursive(
    st.integers() | st.text(max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
).filter(lambda value: isinstance(value, dict))


def paths(layer: dict[str, Any], before: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    found: dict[tuple[str, ...], Any] = {}
    for key, value in layer.items():
        if isinstance(value, dict) and value:
            found |= paths(value, (*before, key))
        else:
            found[(*before, key)] = value
    return found


@given(layers, layers, layers)
def test_merging_keeps_all_of_the_upper_and_what_it_does_not_cover(
    low: dict[str, Any], high: dict[str, Any], top: dict[str, Any]
) -> None:
    before = json.dumps([low, high])
    merged = paths(merge(low, high))
    assert json.dumps([low, high]) == before
    for path, value in paths(high).items():
        assert merged.get(path) == value or value == {}
    for path, value in paths(low).items():
        covered = any(path[: len(upper)] == upper[: len(path)] for upper in paths(high))
        assert covered or merged[path] == value
    assert merge(low, {}) == low
    assert merge({}, high) == high
    assert merge(low, low) == low
    assert paths(merge(merge(low, high), high)) == merged
    assert paths(merge(high, top)).keys() <= paths(high).keys() | paths(top).keys()


# --- errors ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "key", "words"),
    [
        ({"agnet": {}}, "agnet", "unknown key (did you mean 'agent'?). Allowed here: agent, "),
        ({"zzz": 1}, "zzz", "unknown key. Allowed here: agent, components, "),
        ({"agent": {"sed": 1}}, "agent.sed", "did you mean 'seed'?). Allowed here: name, seed"),
        ({"log": {"level": "loud"}}, "log.level", "'warning' or 'error', not 'loud'"),
        ({"log": "loud"}, "log", "not 'loud'"),
        ({"agent": {"seed": "x"}}, "agent.seed", "integer"),
        ({"components": {"c": {"option": {}}}}, "components.c.option", "'options'"),
        (
            {"components": {"c": {"takes": {"i": {"polcy": "latest"}}}}},
            "components.c.takes.i.polcy",
            "(did you mean 'policy'?). Allowed here: policy, topic",
        ),
        (
            {"components": {"c": {"takes": {"i": {"policy": "latst"}}}}},
            "components.c.takes.i.policy",
            "delivery policy 'latst': 'latst' is not one of block(n)",
        ),
        (
            {"components": {"c": {"takes": {"i": "a/#/b"}}}},
            "components.c.takes.i.topic",
            "bad topic 'a/#/b': '#' stands alone",
        ),
        (
            {"components": {"c": {"gives": {"o": "a/+"}}}},
            "components.c.gives.o",
            "bad topic 'a/+': wildcards belong in subscriptions",
        ),
        (
            {"components": {"c": {"on_error": {"action": "retry"}}}},
            "components.c.on_error.action",
            "'skip', 'restart', 'disable' or 'stop', not 'retry'",
        ),
        (
            {"components": {"c": {"on_error": {"window_s": float("inf")}}}},
            "components.c.on_error.window_s",
            "finite number, not inf",
        ),
        ({"shutdown": {"cancel_s": 0}}, "shutdown.cancel_s", "greater than 0, not 0"),
        ({"shutdown": {"drain_s": float("nan")}}, "shutdown.drain_s", "finite number, not nan"),
        (
            {"models": {"m": {"placement": "moon"}}},
            "models.m.placement",
            "'inline', 'thread', 'worker' or 'ray'",
        ),
        ({"models": {"m": {"devise": "cpu"}}}, "models.m.devise", "'device'"),
    ],
)
def test_an_error_names_the_key_where_it_is_and_what_is_allowed(
    layer: dict[str, Any], key: str, words: str
) -> None:
    error = refused(overrides=layer)
    assert (error.key, error.origin) == (key, "the command line")
    assert str(error).startswith(f"the command line: {key}: ")
    assert words in str(error)
    assert "Value error" not in str(error)


def test_an_error_names_the_file_or_variable_it_came_from(file: Path) -> None:
    file.write_text(TOML + "\n[log]\nlevel = 'loud'\n")
    error = refused(file, environ={"SENSORIUM__AGENT__SEED": "1"})
    assert (error.key, error.origin) == ("log.level", str(file))
    variable = "SENSORIUM__LOG__LEVEL"
    assert refused(file, environ={variable: "louder"}).origin == variable
    over = refused(file, environ={variable: "louder"}, overrides={"log": {"level": "x"}})
    assert over.origin == "the command line"


def test_an_error_inside_a_short_form_names_its_layer_too(file: Path) -> None:
    file.write_text(TOML.replace("clock/+", "clock/#/x"))
    error = refused(file, environ={"SENSORIUM__AGENT__SEED": "1"}, overrides={"log": {}})
    assert (error.key, error.origin) == ("components.camera.takes.tick.topic", str(file))


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    missing = tmp_path / "none.toml"
    error = refused(missing)
    assert "none.toml does not exist" in str(error)
    assert error.origin == str(missing)


@pytest.mark.parametrize("content", [b"[agent\n", b"a = \xff", b"a = 1\na = 2\n", None])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "broken.toml"
    path.mkdir() if content is None else path.write_bytes(content)
    assert str(refused(path)).startswith(f"settings file {path}: ")


@pytest.mark.parametrize("name", ["SENSORIUM__", "SENSORIUM__A____B", "SENSORIUM__A__"])
def test_a_variable_that_names_no_key_is_refused(name: str) -> None:
    error = refused(environ={name: "1"})
    assert error.origin == name
    assert "SENSORIUM__TABLE__KEY" in str(error)


class Options(ComponentOptions):
    device: int
    size: tuple[int, int] = (1, 1)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "components.cam.options.device: is required and missing"),
        ({"device": 0, "sise": 1}, "options.sise: unknown key (did you mean 'size'?)."),
        ({"device": "x"}, "options.device: Input should be a valid integer"),
        ({"device": 0, "size": [1]}, "options.size.1: is required and missing"),
    ],
)
def test_options_name_the_whole_key(options: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError) as raised:
        check_options(Options, options, "components.cam.options")
    assert words in str(raised.value)
    assert raised.value.key.startswith("components.cam.options.")


def test_settings_are_frozen() -> None:
    settings = load_settings(environ={})
    with pytest.raises(ValueError, match="frozen"):
        settings.agent = None  # type: ignore[assignment,misc]
    assert ComponentSettings().on_error.max_restarts == 5


@given(st.dictionaries(st.from_regex(r"SENSORIUM__[A-Z_]{0,12}", fullmatch=True), st.text()))
def test_any_environment_is_settings_or_a_settings_error(environ: dict[str, str]) -> None:
    try:
        load_settings(environ=environ)
    except SettingsError as error:
        origin = error.origin
    else:
        return
    assert origin in environ
