"""Plugins: the hooks, the registries, and loading."""

from sensorium.plugins.hookspecs import ErrorAction, hookimpl, hookspec
from sensorium.plugins.manager import LoadedPlugin, Plugins, load_plugins
from sensorium.plugins.registry import Registration, Registry

__all__ = [
    "ErrorAction",
    "LoadedPlugin",
    "Plugins",
    "Registration",
    "Registry",
    "hookimpl",
    "hookspec",
    "load_plugins",
]
