"""What is wrong with a plugin as a whole: its hooks, what they register, and each component."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Any

from sensorium.errors import PluginError
from sensorium.payloads.base import Payload
from sensorium.plugins import hookspecs
from sensorium.plugins.manager import Plugins, load_plugins
from sensorium.testing.declaration import check_component
from sensorium.testing.problem import Problem

HOOKS = tuple(hook for hook in vars(hookspecs) if hook.startswith("sensorium_"))
NAME = "plugin-under-test"


def check_plugin(plugin: Any, *, alongside: Iterable[Any] = ()) -> list[Problem]:
    """What is wrong with a plugin (a module, or an object with hooks).

    Loads it by itself (``alongside`` names plugins that it builds on), resolves every class it
    registers and checks each component. An empty list when nothing is wrong.
    """
    where = getattr(plugin, "__name__", type(plugin).__name__)
    problems = list(_near_hooks(plugin, where))
    extra = [(f"alongside-{index}", other) for index, other in enumerate(alongside)]
    loaded = load_plugins(installed=False, extra=[*extra, (NAME, plugin)])
    for failed in loaded.failures:
        remedy = "The runtime leaves such a plugin out"
        problems.append(Problem(where, _without_name(failed.error), remedy))
    if loaded.failures:
        return problems
    if not loaded.loaded[-1].hooks:
        remedy = f"Mark one of these with @hookimpl: {', '.join(HOOKS)}"
        problems.append(Problem(where, "implements no hook", remedy))
    problems += _models(loaded)
    problems += _components(loaded)
    return problems


def _near_hooks(plugin: Any, where: str) -> Iterator[Problem]:
    """Functions whose name is nearly a hook's: the loader cannot tell them from helpers."""
    for name in dir(plugin):
        if name.startswith(("_", "sensorium_")) or not callable(getattr(plugin, name)):
            continue
        close = get_close_matches(name, HOOKS, n=1, cutoff=0.8)
        bare = [hook for hook in HOOKS if hook.removeprefix("sensorium_") == name]
        if guess := (close or bare):
            yield Problem(where, f"{name} is not a hook", f"Is it meant to be {guess[0]}?")


def _models(loaded: Plugins) -> Iterator[Problem]:
    for held in tuple(loaded.models.registrations()):
        if held.plugin == NAME:
            try:
                loaded.models.get(held.name)
            except Exception as error:  # noqa: BLE001 - importing a plugin's class may raise anything
                yield _unresolved("model", held.name, error)


def _components(loaded: Plugins) -> Iterator[Problem]:
    for kind, registry in loaded.kinds.items():
        for held in tuple(registry.registrations()):
            if held.plugin != NAME:
                continue
            try:
                component = registry.get(held.name)
            except Exception as error:  # noqa: BLE001 - importing a plugin's class may raise anything
                yield _unresolved(kind, held.name, error)
                continue
            problems = check_component(component)
            yield from problems
            if not problems:
                yield from _unregistered(component, loaded)


def _unregistered(component: Any, loaded: Plugins) -> Iterator[Problem]:
    for edge in (*component.takes.values(), *component.gives.values()):
        payload_type = edge.payload_type
        name = payload_type.type_name
        if payload_type is Payload:
            continue
        if name not in loaded.payloads or loaded.payloads.get(name) is not payload_type:
            what = f"uses the payload {payload_type.__name__}, which no plugin registers"
            remedy = f"Call register({payload_type.__name__}) in sensorium_register_payloads"
            yield Problem(component.__name__, what, remedy)


def _unresolved(kind: str, name: str, error: Exception) -> Problem:
    said = _without_name(str(error)) if isinstance(error, PluginError) else repr(error)
    remedy = "Register the class, or 'package.module:Class' that can be imported"
    return Problem(f"{kind} {name!r}", said, remedy)


def _without_name(said: str) -> str:
    return said.removeprefix(f"plugin {NAME!r}: ")
