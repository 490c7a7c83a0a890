"""An agent, by a planner's name or from its settings file, put into an environment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sensorium.errors import BadInput
from sensorium.plugins import Plugins, load_plugins
from sensorium.settings import Layer, Settings, load_settings, merge


def compose_for(
    agent: str, asked: dict[str, Any], unplugged: tuple[str, ...] = (), *layers: Layer
) -> tuple[Settings, Plugins]:
    """The agent with the environment in place of its sensors and as what it acts in.

    ``agent`` is a planner's name or a settings file; ``asked`` are options of the environment,
    ``unplugged`` sensors that it goes without; ``layers`` lie over all of it.
    """
    from sensorium_agents.embodied import compose, wants
    from sensorium_plugins.embodied.payloads import Senses

    if not agent.endswith(".toml"):
        plugins = load_plugins()
        if unplugged and not wants(plugins, agent, Senses):
            raise BadInput(f"--unplug is for planners that take senses; {agent} does not")
        return compose(agent, asked, plugins, *layers, unplugged=unplugged), plugins
    path = Path(agent)
    held = load_settings(path)
    plugins = load_plugins(modules=held.plugins.modules, disabled=held.plugins.disabled)
    overrides = _in_world(held, plugins, asked, unplugged)
    for layer in layers:
        overrides = merge(overrides, layer)
    return load_settings(path, overrides=overrides), plugins


def _in_world(
    held: Settings, plugins: Plugins, asked: dict[str, Any], unplugged: tuple[str, ...]
) -> Layer:
    """What lies over an agent's settings to put it into an environment."""
    from sensorium_agents.embodied import senses_for, wants
    from sensorium_plugins.embodied.payloads import Senses
    from sensorium_sims.bridge.payloads import Advice
    from sensorium_sims.suite import ENVIRONMENT

    used = {name: component.use or name for name, component in held.components.items()}
    layer: Layer = {
        name: {"enabled": False}
        for name, use in used.items()
        if plugins.component(use).kind == "source"
    }
    advice = any(wants(plugins, use, Advice) for use in used.values())
    layer[ENVIRONMENT] = {"use": "environment", "options": asked | {"advice": advice}}
    if "environment_actuator" not in used.values():
        act = {"use": "environment_actuator", "options": {"environment": ENVIRONMENT}}
        layer["environment_actuator"] = act
    joined = any(wants(plugins, use, Senses) for use in used.values())
    if joined and "senses" not in used.values():
        layer |= senses_for(ENVIRONMENT, asked["count"], unplugged)
    elif unplugged:
        raise BadInput(
            "--unplug is for agents that take senses and do not say in their settings how these"
            " are joined (the option `unplugged` of `senses`)"
        )
    return {"components": layer}
