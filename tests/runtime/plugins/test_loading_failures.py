"""A plugin that cannot be used is named, with the reason; no other plugin notices."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sensorium import Payload, Perceiver, payload
from sensorium.errors import PluginError, UnknownName


class Other(Perceiver):
    """Never run."""

    async def process(self, event: Any, emit: Any) -> None: ...


@payload("failures.reading")
class Reading(Payload):
    """One reading."""

    value: int


@payload("failures.reading")
class SameName(Payload):
    """Another reading."""

    value: str


def add_other(registry: Any) -> None:
    registry.add("other", Other)


def failing_hook(registry: Any) -> None:
    registry.add("other", Other)
    raise RuntimeError("half-way")


def the_only_failure(plugins: Any, name: str) -> str:
    """Check that ``name`` alone failed, left nothing, and that the healthy plugin is in use."""
    (failed,) = plugins.failures
    assert failed.name == name
    assert "echo" in plugins.kinds["perceiver"]
    assert not any(
        held.plugin == name
        for registry in (*plugins.kinds.values(), plugins.models)
        for held in registry.registrations()
    )
    return str(failed.error)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("raise RuntimeError('at import')", "cannot be imported: RuntimeError: at import"),
        ("import no_such_library", "cannot be imported: ModuleNotFoundError"),
        ("raise SystemExit(3)", "cannot be imported: SystemExit: 3"),
        ("def broken(:", "broken.py, line 1"),
    ],
)
def test_raises_at_import(load: Any, tmp_path: Path, code: str, said: str) -> None:
    file = tmp_path / "broken.py"
    file.write_text(code, encoding="utf-8")
    plugins = load(modules=(str(file),))
    assert said in the_only_failure(plugins, "broken")
    assert plugins.failures[0].origin == str(file)


def test_a_file_or_module_that_is_not_there(load: Any, tmp_path: Path) -> None:
    missing = tmp_path / "gone.py"
    assert f"there is no file {missing}" in the_only_failure(load(modules=(str(missing),)), "gone")
    said = the_only_failure(load(modules=("no_such_plugin",)), "no_such_plugin")
    assert "cannot be imported: ModuleNotFoundError: No module named 'no_such_plugin'" in said


def test_raises_at_registration_and_leaves_nothing_behind(load: Any, plugin_of: Any) -> None:
    def register_payloads(register: Any) -> None:
        register(Reading)

    broken = plugin_of(
        sensorium_register_payloads=register_payloads,
        sensorium_register_perceivers=failing_hook,
    )
    plugins = load(("broken", broken))
    assert the_only_failure(plugins, "broken") == "RuntimeError: half-way"
    assert "failures.reading" not in plugins.payloads
    assert not plugins.manager.has_plugin("broken")


def test_what_a_failed_plugin_registered_is_free_for_others(load: Any, plugin_of: Any) -> None:
    broken = plugin_of(sensorium_register_perceivers=failing_hook)
    sound = plugin_of(sensorium_register_perceivers=add_other)
    plugins = load(("broken", broken), ("sound", sound))
    the_only_failure(plugins, "broken")
    assert plugins.component("other") is Other


@pytest.mark.parametrize("marked", [True, False])
def test_a_misspelt_hook(load: Any, plugin_of: Any, marked: bool) -> None:
    broken = plugin_of(marked=marked, sensorium_register_perceiver=lambda registry: None)
    said = the_only_failure(load(("broken", broken)), "broken")
    assert "no hook named 'sensorium_register_perceiver'" in said
    assert "Did you mean 'sensorium_register_perceivers'?" in said
    assert "Plugin 'broken' defines it" in said


def test_a_missing_decorator(load: Any, plugin_of: Any) -> None:
    broken = plugin_of(marked=False, sensorium_register_perceivers=lambda registry: None)
    said = the_only_failure(load(("broken", broken)), "broken")
    assert said == "plugin 'broken': sensorium_register_perceivers lacks the @hookimpl decorator"


def test_a_hook_with_a_wrong_argument(load: Any, plugin_of: Any) -> None:
    broken = plugin_of(sensorium_register_perceivers=lambda registri: None)
    assert "registri" in the_only_failure(load(("broken", broken)), "broken")


def test_two_plugins_with_one_name(load: Any, plugin_of: Any) -> None:
    second = plugin_of(sensorium_register_perceivers=add_other)
    plugins = load(("unused", plugin_of()), ("healthy", second))
    (failed,) = plugins.failures
    assert failed.name == "healthy"
    assert failed.origin == "made_up_plugin"
    assert "another plugin has this name" in failed.error
    assert "rename the one from made_up_plugin" in failed.error
    assert list(plugins.kinds["perceiver"]) == ["echo"]
    assert plugins.manager.has_plugin("healthy")


def test_the_runtime_s_own_name_is_taken(load: Any, plugin_of: Any) -> None:
    plugins = load(("sensorium", plugin_of(sensorium_register_perceivers=failing_hook)))
    assert "another plugin has this name" in the_only_failure(plugins, "sensorium")
    assert "image" in plugins.payloads


def test_a_component_name_that_is_taken(load: Any, plugin_of: Any) -> None:
    def add_echo(registry: Any) -> None:
        registry.add("echo", Other)

    second = plugin_of(sensorium_register_perceivers=add_echo)
    plugins = load(("first", plugin_of()), ("second", second))
    said = the_only_failure(plugins, "second")
    assert said == "plugin 'second': perceiver 'echo' is already registered by plugin 'healthy'"
    assert plugins.component("echo").__name__ == "Echo"


def test_a_component_name_that_another_kind_has(load: Any, plugin_of: Any) -> None:
    def add_echo(registry: Any) -> None:
        registry.add("echo", "somewhere:Sink")

    second = plugin_of(sensorium_register_sinks=add_echo)
    plugins = load(("first", plugin_of()), ("second", second))
    said = the_only_failure(plugins, "second")
    assert said == "plugin 'second': sink 'echo' has the name of a perceiver; rename one"


def test_a_payload_name_that_is_taken(load: Any, plugin_of: Any) -> None:
    first = plugin_of(sensorium_register_payloads=lambda register: register(Reading))
    second = plugin_of(sensorium_register_payloads=lambda register: register(SameName))
    plugins = load(("first", first), ("second", second))
    said = the_only_failure(plugins, "second")
    assert said == "plugin 'second': payload 'failures.reading' is already registered by 'first'"
    assert plugins.payloads.get("failures.reading") is Reading


def test_what_is_registered_must_be_of_its_kind(load: Any, plugin_of: Any) -> None:
    broken = plugin_of(sensorium_register_sources=add_other)
    assert "not a Source class" in the_only_failure(load(("broken", broken)), "broken")


def test_an_unknown_component_lists_those_there_are_and_the_plugins_that_failed(
    load: Any, plugin_of: Any
) -> None:
    broken = plugin_of(sensorium_register_perceivers=failing_hook)
    with pytest.raises(UnknownName) as caught:
        load(("broken", broken)).component("ecco")
    assert caught.value.known == ("echo",)
    assert "Did you mean 'echo'?" in str(caught.value)
    assert "Plugin 'broken' (made_up_plugin) is not in use: RuntimeError: half" in str(caught.value)


def test_unknown_payloads_and_models_say_how_to_add_one(load: Any) -> None:
    plugins = load()
    with pytest.raises(UnknownName, match=r"Did you mean 'image'.*sensorium_register_payloads"):
        plugins.payloads.get("imag")
    with pytest.raises(UnknownName, match=r"none at all.*sensorium_register_models"):
        plugins.models.get("llama")


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("no_such_module:Thing", "perceiver 'lazy' cannot be imported: No module named"),
        ("sensorium.errors:NoSuchThing", "sensorium.errors has no 'NoSuchThing'"),
        ("sensorium.errors:PluginError", "not a Perceiver class"),
    ],
)
def test_a_class_that_is_imported_lazily_and_is_not_there(
    load: Any, plugin_of: Any, target: str, said: str
) -> None:
    def add_lazy(registry: Any) -> None:
        registry.add("lazy", target)

    plugins = load(("broken", plugin_of(sensorium_register_perceivers=add_lazy)))
    assert plugins.failures == []  # nothing is imported before it is asked for
    with pytest.raises(PluginError) as caught:
        plugins.component("lazy")
    assert caught.value.plugin == "broken"
    assert said in str(caught.value)
    assert plugins.component("echo").__name__ == "Echo"
