"""The embodied agent: a world, its senses joined, a planner, hands. Composition only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sensorium.plugins import Plugins
from sensorium.settings import Layer, Settings, merge
from sensorium_plugins.embodied.payloads import Senses
from sensorium_sims.bridge.payloads import Advice
from sensorium_sims.suite import ENVIRONMENT, settings_for

PLANNER = "planner"
"""Name of the planner's component."""

SMALL = ("babyai_policy", "avworld_policy", "doom_policy")
"""Policies whose decision takes no longer than a step of the world. In lockstep the world waits
for them anyway, so they run on the event loop: a thread would only add two changes of thread."""


def compose(
    planner: str,
    environment: dict[str, Any],
    plugins: Plugins,
    *layers: Layer,
    unplugged: Sequence[str] = (),
) -> Settings:
    """An agent in an environment: these options' environment, a planner, the actuator.

    Where the planner takes :class:`Senses`, a ``senses`` component joins them for each of the
    environments, less the ``unplugged`` sensors; where it takes the expert's advice, that is
    asked for. In real time (``mode = "free"``) with one environment, a planner that is slow gets
    the newest senses; in lockstep the :data:`SMALL` policies run on the event loop. ``layers`` lie
    over all of it. Raises :class:`SettingsError`, and :class:`UnknownName` for a planner that no
    plugin registered.
    """
    composed: Layer = {"components": {}}
    if environment.get("mode", "lockstep") == "lockstep":
        composed["models"] = {name: {"placement": "inline"} for name in SMALL}
    components = composed["components"]
    if wants(plugins, planner, Advice):
        components[ENVIRONMENT] = {"options": {"advice": True}}
    if (taken := _input_for(plugins, planner, Senses)) is not None:
        components |= senses_for(ENVIRONMENT, environment.get("count", 1), unplugged)
        if environment.get("mode") == "free" and environment.get("count", 1) == 1:
            components[PLANNER] = {"takes": {taken: {"policy": "latest"}}}
    for layer in layers:
        composed = merge(composed, layer)
    return settings_for(planner, environment, composed)


def senses_for(environment: str, count: int, unplugged: Sequence[str] = ()) -> Layer:
    """The tables of the components that join the senses of ``count`` environments."""
    options: dict[str, Any] = {"environment": environment, "unplugged": list(unplugged)}
    if count == 1:
        return {"senses": {"options": options}}
    return {
        f"senses-{index}": {"use": "senses", "options": options | {"index": index}}
        for index in range(count)
    }


def wants(plugins: Plugins, component: str, payload: type[Any]) -> bool:
    """Whether the component registered by that name takes events of that payload."""
    return _input_for(plugins, component, payload) is not None


def _input_for(plugins: Plugins, component: str, payload: type[Any]) -> str | None:
    for name, taken in plugins.component(component).takes.items():
        if taken.payload_type is payload:
            return name
    return None
