"""Agents: compositions of plugins, and the commands that run them."""

from __future__ import annotations

from typing import Any

from sensorium.plugins.hookspecs import hookimpl

_COMMANDS = {
    "run": ("run:run", "Run the agent on live sensors, or on the bundled scene without any."),
    "chat": ("chat:chat", "Talk with the agent in the terminal; show it pictures and sounds."),
    "ask": ("ask:ask", "One question, one answer; with pictures and recordings; as JSON."),
    "generate": ("generate:generate", "A picture from a prompt, or a part of one drawn anew."),
    "sim": ("sim:sim", "Environments, and agents in them."),
    "train": ("train:train", "Teach a system: policies, fusion networks and others."),
    "evaluate": ("evaluate:evaluate", "Say how well a system does, beside its controls."),
}


@hookimpl
def sensorium_register_commands(cli: Any) -> None:
    """``run``, ``chat``, ``ask``, ``sim``, ``train`` and ``evaluate``."""
    for name, (target, summary) in _COMMANDS.items():
        cli.add_lazy(name, f"sensorium_agents.commands.{target}", summary)
