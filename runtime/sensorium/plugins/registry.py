"""Names to classes: what plugins register and settings ask for.

A class may be registered as ``"package.module:Class"``; it is imported when first asked for, so
that listing plugins loads no heavy library.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sensorium.errors import DuplicateName, PluginError, UnknownName

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Registration:
    """One registered name: who registered it, and what."""

    name: str
    plugin: str
    target: Any
    """The class, or ``"package.module:Class"``."""


class Registry(Generic[T]):
    """Classes of one kind by name. ``hook`` names the hook through which plugins add them."""

    def __init__(self, kind: str, hook: str, base: type[Any] | None = None) -> None:
        self.kind = kind
        self.hook = hook
        self._base = base
        self._held: dict[str, Registration] = {}
        self._plugin = "sensorium"

    def add(self, name: str, target: type[T] | str) -> None:
        """Register ``target`` as ``name``. Raises :class:`DuplicateName` when it is taken."""
        if not name or "/" in name or "." in name or name != name.strip():
            raise PluginError(
                self._plugin, f"{self.kind} name {name!r} may not hold '/', '.' or spaces"
            )
        if name in self._held:
            owner = self._held[name].plugin
            raise DuplicateName(
                self._plugin, f"{self.kind} {name!r} is already registered by plugin {owner!r}"
            )
        if isinstance(target, str):
            if target.count(":") != 1:
                raise PluginError(self._plugin, f"{target!r} is not 'package.module:Class'")
        else:
            self._check(name, self._plugin, target)
        self._held[name] = Registration(name, self._plugin, target)

    def get(self, name: str) -> type[T]:
        """The class of that name, imported if need be.

        Raises :class:`UnknownName`, which lists the names there are, and :class:`PluginError`
        when the class cannot be imported.
        """
        held = self._held.get(name)
        if held is None:
            adding = f"A plugin adds one in its hook {self.hook}(registry)."
            raise UnknownName(self.kind, name, self._held, adding)
        target = held.target
        if isinstance(target, str):
            target = self._import(held)
            self._held[name] = Registration(name, held.plugin, target)
        return target  # type: ignore[no-any-return]

    def owner(self, name: str) -> str:
        """Name of the plugin that registered ``name``. Raises :class:`UnknownName`."""
        self.get(name)
        return self._held[name].plugin

    def registrations(self) -> Iterator[Registration]:
        """Every registration, by name."""
        for name in sorted(self._held):
            yield self._held[name]

    def __contains__(self, name: object) -> bool:
        return name in self._held

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._held))

    def on_behalf_of(self, plugin: str, hook: Callable[..., Any]) -> None:
        """Call a plugin's hook with this registry, so that what it adds carries its name."""
        self._plugin = plugin
        try:
            hook(registry=self)
        finally:
            self._plugin = "sensorium"

    def remove_plugin(self, plugin: str) -> None:
        """Forget what ``plugin`` registered: it failed half-way."""
        self._held = {n: held for n, held in self._held.items() if held.plugin != plugin}

    def _import(self, held: Registration) -> Any:
        module_name, _, attribute = held.target.partition(":")
        try:
            target = getattr(importlib.import_module(module_name), attribute)
        except ImportError as error:
            raise PluginError(
                held.plugin, f"{self.kind} {held.name!r} cannot be imported: {error}"
            ) from error
        except AttributeError as error:
            raise PluginError(held.plugin, f"{module_name} has no {attribute!r}") from error
        self._check(held.name, held.plugin, target)
        return target

    def _check(self, name: str, plugin: str, target: Any) -> None:
        if self._base is not None and not (
            isinstance(target, type) and issubclass(target, self._base)
        ):
            raise PluginError(
                plugin, f"{self.kind} {name!r} is {target!r}, not a {self._base.__name__} class"
            )
