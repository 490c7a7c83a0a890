"""Environments by id: what plugins register and simulations are made from.

Nothing of this imports Gymnasium: an entry says where an environment is found, and
:func:`sensorium_sims.environments.make` goes and gets it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Any, Literal

from sensorium.errors import DuplicateName, PluginError

HOOK = "sensorium_register_environments"


@dataclass(frozen=True, slots=True)
class RegisteredEnvironment:
    """One environment, or a family of them."""

    id: str
    """A Gymnasium id, or a pattern such as ``BabyAI-*`` for all that ``target`` brings."""
    plugin: str
    target: Any
    summary: str
    options: Mapping[str, Any]
    max_episode_steps: int | None
    success: Literal["info", "reward"]
    expert: str
    check: str
    extra: str

    @property
    def is_family(self) -> bool:
        """Whether the id is a pattern."""
        return "*" in self.id


class EnvironmentRegistry:
    """What ``sensorium_register_environments`` is given."""

    kind = "environment"
    hook = HOOK

    def __init__(self) -> None:
        self._held: dict[str, RegisteredEnvironment] = {}
        self._plugin = "sensorium"

    def add(
        self,
        id: str,  # noqa: A002 - Gymnasium's own word
        target: str | Callable[..., Any],
        *,
        summary: str = "",
        options: Mapping[str, Any] | None = None,
        max_episode_steps: int | None = None,
        success: Literal["info", "reward"] = "info",
        expert: str = "",
        check: str = "",
        extra: str = "",
    ) -> None:
        """Register an environment under a Gymnasium id (``lab/Maze-v0``).

        ``target`` is its class, ``"package.module:Class"``, or the ``"package.module"`` whose
        import makes the id known to Gymnasium; the id may then be a pattern (``BabyAI-*``) for a
        whole family. ``options`` go to the class. ``success`` says what counts as one:
        ``info["is_success"]``, or a last reward above zero. ``expert`` is the
        ``"package.module:Class"`` of a privileged agent, made from the environment at the start
        of each episode, with ``act(last_action)``. ``check`` is a ``"package.module:function"``
        called with the id before it is made, which raises :class:`MissingDependency` for what
        the machine lacks; ``extra`` is the extra of Sensorium that brings the libraries.

        Raises :class:`DuplicateName` for an id that is taken, :class:`PluginError` for a
        malformed entry.
        """
        if not id or id != id.strip() or " " in id or ":" in id:
            raise PluginError(self._plugin, f"environment id {id!r} may not hold ':' or spaces")
        if id in self._held:
            owner = self._held[id].plugin
            raise DuplicateName(
                self._plugin, f"environment {id!r} is already registered by plugin {owner!r}"
            )
        if "*" in id and not (isinstance(target, str) and ":" not in target):
            raise PluginError(self._plugin, f"a family ({id!r}) needs a module, not {target!r}")
        for name, reference in (("expert", expert), ("check", check)):
            if reference and reference.count(":") != 1:
                raise PluginError(
                    self._plugin, f"{name} of {id!r} is {reference!r}, not 'package.module:name'"
                )
        self._held[id] = RegisteredEnvironment(
            id, self._plugin, target, summary, MappingProxyType(dict(options or {})),
            max_episode_steps, success, expert, check, extra,
        )  # fmt: skip

    def find(self, id: str) -> RegisteredEnvironment | None:  # noqa: A002
        """The entry of an id: its own, or its family's; None when no plugin registered it."""
        if id in self._held:
            return self._held[id]
        families = (held for held in self._held.values() if held.is_family)
        return next((family for family in families if fnmatchcase(id, family.id)), None)

    def registrations(self) -> Iterator[RegisteredEnvironment]:
        """Every entry, by id."""
        for name in sorted(self._held):
            yield self._held[name]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.find(name) is not None

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
