"""From settings to the parts of an agent: which class each component is, and its final topics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sensorium.components import Component, Input, Output
from sensorium.delivery import DeliveryPolicy
from sensorium.errors import PluginError, SettingsError
from sensorium.plugins.manager import Plugins
from sensorium.settings import ComponentSettings, ErrorSettings, Settings, check_options


@dataclass(frozen=True, slots=True)
class Part:
    """One component before it runs: checked, with the topics and policies that settings give it."""

    name: str
    plugin: str
    """The plugin that registered its class."""
    component_class: type[Component]
    options: Any
    inputs: Mapping[str, Input]
    outputs: Mapping[str, Output]
    on_error: ErrorSettings


def parts_of(
    settings: Settings, plugins: Plugins
) -> tuple[dict[str, Part], dict[str, PluginError]]:
    """The enabled parts by name, and those whose plugin is broken, with the reason.

    Disabled ones are checked, too, unless their plugin is not installed: a mistake is a mistake.
    Raises :class:`SettingsError` or :class:`UnknownName`.
    """
    parts: dict[str, Part] = {}
    broken: dict[str, PluginError] = {}
    for name, spec in settings.components.items():
        if not spec.enabled and not plugins.has_component(spec.use or name):
            continue
        try:
            part = part_of(name, spec, plugins)
        except PluginError as error:
            broken |= {name: error} if spec.enabled else {}
        else:
            parts |= {name: part} if spec.enabled else {}
    return parts, broken


def part_of(name: str, spec: ComponentSettings, plugins: Plugins) -> Part:
    """One part. Raises as :func:`parts_of` does, and :class:`PluginError`."""
    use = spec.use or name
    component_class = plugins.component(use)
    options = check_options(component_class.Options, spec.options, f"components.{name}.options")
    takes = component_class.inputs(options)
    gives = component_class.outputs(options)
    _check_keys(f"components.{name}.takes", spec.takes, takes)
    _check_keys(f"components.{name}.gives", spec.gives, gives)
    return Part(
        name=name,
        plugin=plugins.owner(use),
        component_class=component_class,
        options=options,
        inputs={key: _input(name, key, declared, spec) for key, declared in takes.items()},
        outputs={
            key: Output(_named(spec.gives.get(key, declared.topic), name), declared.payload_type)
            for key, declared in gives.items()
        },
        on_error=spec.on_error,
    )


def _input(name: str, key: str, declared: Input, spec: ComponentSettings) -> Input:
    changed = spec.takes.get(key)
    pattern, policy = declared.pattern, declared.policy
    if changed is not None:
        pattern = changed.topic or pattern
        policy = DeliveryPolicy.parse(changed.policy) if changed.policy else policy
    return Input(_named(pattern, name), declared.payload_type, policy)


def _named(topic: str, name: str) -> str:
    return topic.replace("{name}", name)


def _check_keys(table: str, given: Mapping[str, Any], declared: Mapping[str, Any]) -> None:
    for key in given:
        if key not in declared:
            allowed = ", ".join(declared) or "nothing"
            raise SettingsError(
                f"{table}.{key}: unknown key. Allowed here: {allowed}", key=f"{table}.{key}"
            )
