"""Loading plugins and collecting what they register.

Nothing is loaded on import: :func:`load_plugins` is called by the command line, by workers and by
tests, each choosing what to load.
"""

from __future__ import annotations

import logging
import types
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import pluggy

from sensorium.components import Actuator, Component, Fuser, Perceiver, Planner, Sink, Source
from sensorium.errors import DuplicateName, PluginError, SensoriumError, UnknownName
from sensorium.payloads.registry import PayloadRegistry
from sensorium.plugins import files, hookspecs
from sensorium.plugins.environments import EnvironmentRegistry
from sensorium.plugins.hookspecs import ErrorAction
from sensorium.plugins.registry import Registry
from sensorium.workers.model import Model

log = logging.getLogger("sensorium.plugins")

GROUP = "sensorium"
BUNDLED = ("bundled", "agents")


@dataclass(frozen=True, slots=True)
class LoadedPlugin:
    """One plugin as it stands after loading."""

    name: str
    origin: str
    """Distribution and version, or the module."""
    hooks: tuple[str, ...]
    """Hooks it implements, without the prefix."""
    error: str = ""
    """Why it is not in use; empty when it is."""


@dataclass
class Plugins:
    """The loaded plugins and everything they registered."""

    payloads: PayloadRegistry = field(default_factory=PayloadRegistry)
    models: Registry[Model[Any, Any]] = field(
        default_factory=lambda: Registry("model", "sensorium_register_models", Model)
    )
    environments: EnvironmentRegistry = field(default_factory=EnvironmentRegistry)
    _kinds: dict[str, Registry[Any]] = field(
        default_factory=lambda: {
            "source": Registry("source", "sensorium_register_sources", Source),
            "perceiver": Registry("perceiver", "sensorium_register_perceivers", Perceiver),
            "fuser": Registry("fuser", "sensorium_register_fusers", Fuser),
            "planner": Registry("planner", "sensorium_register_planners", Planner),
            "actuator": Registry("actuator", "sensorium_register_actuators", Actuator),
            "sink": Registry("sink", "sensorium_register_sinks", Sink),
        }
    )
    manager: pluggy.PluginManager = field(default_factory=lambda: pluggy.PluginManager(GROUP))
    loaded: list[LoadedPlugin] = field(default_factory=list)

    @property
    def kinds(self) -> dict[str, Registry[Any]]:
        """Component registries by kind: source, perceiver, fuser, planner, actuator, sink."""
        return self._kinds

    def component(self, name: str) -> type[Component]:
        """The component class registered as ``name``, of whatever kind.

        Raises :class:`UnknownName` with every name there is.
        """
        for registry in self._kinds.values():
            if name in registry:
                component: type[Component] = registry.get(name)
                return component
        known = [known for registry in self._kinds.values() for known in registry]
        hint = "Is its plugin installed? `sensorium plugins` lists them."
        for plugin in self.failures:
            hint += f" Plugin {plugin.name!r} ({plugin.origin}) is not in use: {plugin.error}"
        raise UnknownName("component", name, known, hint)

    def owner(self, component: str) -> str:
        """Name of the plugin that registered that component; "" when none did."""
        for registry in self._kinds.values():
            if component in registry:
                return registry.owner(component)
        return ""

    def has_component(self, name: str) -> bool:
        """Whether a component class of any kind is registered as ``name``."""
        return any(name in registry for registry in self._kinds.values())

    def on_component_error(
        self, name: str, component: Component | None, error: Exception
    ) -> ErrorAction | None:
        """Ask the plugins, the one loaded last first; one that fails to answer is passed over."""
        given = {"name": name, "component": component, "error": error}
        for implementation in reversed(
            self.manager.hook.sensorium_on_component_error.get_hookimpls()
        ):
            try:
                answer = implementation.function(*(given[a] for a in implementation.argnames))
            except Exception as failure:  # noqa: BLE001 - supervision goes on whatever a plugin does
                answer = f"raised {_say(failure)}"
            if isinstance(answer, ErrorAction):
                return answer
            if answer is not None:
                log.error(
                    "plugin %r, asked about component %r, answered %r: an ErrorAction or None"
                    " is wanted", implementation.plugin_name, name, answer,
                )  # fmt: skip
        return None

    def register_commands(self, cli: Any) -> list[tuple[str, str]]:
        """Let plugins add their subcommands; returns ``(plugin, error)`` of those that failed."""
        failed = []
        for name, plugin in self.manager.list_name_plugin():
            others = [p for _, p in self.manager.list_name_plugin() if p is not plugin]
            caller = self.manager.subset_hook_caller("sensorium_register_commands", others)
            try:
                caller(cli=cli)
            except Exception as error:  # noqa: BLE001 - a plugin's hook may raise anything
                failed.append((name, _say(error)))
        return failed

    def register_routes(self, app: Any) -> list[tuple[str, str]]:
        """Let plugins add their routes; returns ``(plugin, error)`` of those that failed."""
        failed = []
        for name, plugin in self.manager.list_name_plugin():
            others = [p for _, p in self.manager.list_name_plugin() if p is not plugin]
            caller = self.manager.subset_hook_caller("sensorium_register_routes", others)
            try:
                with app.on_behalf_of(name):
                    caller(app=app)
            except Exception as error:  # noqa: BLE001 - a plugin's hook may raise anything
                failed.append((name, _say(error)))
        return failed

    @property
    def failures(self) -> list[LoadedPlugin]:
        """Plugins that could not be used, each with its error."""
        return [plugin for plugin in self.loaded if plugin.error]


def load_plugins(
    *,
    installed: bool = True,
    modules: Iterable[str] = (),
    extra: Iterable[tuple[str, Any]] = (),
    disabled: Iterable[str] = (),
) -> Plugins:
    """Load plugins and let them register what they bring.

    ``installed`` takes those of the entry-point group ``sensorium``; ``modules`` adds importable
    modules and paths of ``.py`` files (``[plugins] modules`` of the settings); ``extra`` adds
    ``(name, module or object)`` pairs, which tests use. A plugin that cannot be imported, has a
    misspelt hook or raises in one is left out and reported in :attr:`Plugins.loaded`; no other
    plugin notices.
    """
    plugins = Plugins()
    plugins.manager.add_hookspecs(hookspecs)
    off = set(disabled)
    found: list[tuple[str, str, Callable[[], Any]]] = []
    if installed:
        for point in _entry_points():
            found.append((point.name, _origin(point), point.load))
    for reference in modules:
        name = files.plugin_name(reference)
        found.append((name, reference, partial(files.load_module, reference)))
    for name, module in extra:
        found.append(
            (name, getattr(module, "__name__", type(module).__name__), partial(_same, module))
        )
    for name, origin, load in found:
        if name not in off:
            plugins.loaded.append(_load_one(plugins, name, origin, load))
    return plugins


def _same(module: Any) -> Any:
    return module


def _entry_points() -> list[EntryPoint]:
    """Bundled plugins first, then the others by name: a stranger cannot take a bundled name."""
    points = list(entry_points(group=GROUP))
    order = {name: position for position, name in enumerate(BUNDLED)}
    return sorted(points, key=lambda point: (order.get(point.name, len(order)), point.name))


def _origin(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value


def _load_one(plugins: Plugins, name: str, origin: str, load: Callable[[], Any]) -> LoadedPlugin:
    if name == GROUP or plugins.manager.has_plugin(name):
        taken = DuplicateName(name, f"another plugin has this name; rename the one from {origin}")
        return LoadedPlugin(name, origin, (), _say(taken))
    try:
        plugin = load()
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin's import may raise anything
        return LoadedPlugin(name, origin, (), f"cannot be imported: {_say(error)}")
    hooks: tuple[str, ...] = ()
    try:
        hooks = _register(plugins, name, plugin)
        _collect(plugins, name, plugin)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - its hooks may raise anything
        _forget(plugins, name)
        return LoadedPlugin(name, origin, hooks, _say(error))
    return LoadedPlugin(name, origin, hooks)


def _register(plugins: Plugins, name: str, plugin: Any) -> tuple[str, ...]:
    manager = plugins.manager
    _check_spelling(name, plugin)
    try:
        manager.register(plugin, name)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise PluginError(name, str(error)) from error
    callers = manager.get_hookcallers(plugin) or []
    return tuple(sorted(caller.name.removeprefix("sensorium_") for caller in callers))


def _check_spelling(name: str, plugin: Any) -> None:
    """A function that looks like a hook and is none is a mistake, marked ``@hookimpl`` or not."""
    known = {hook for hook in vars(hookspecs) if hook.startswith("sensorium_")}
    for attribute in dir(plugin):
        if not attribute.startswith("sensorium_"):
            continue
        value = getattr(plugin, attribute)
        if isinstance(value, types.ModuleType):
            continue
        if attribute not in known:
            raise UnknownName("hook", attribute, known, f"Plugin {name!r} defines it.")
        if not hasattr(value, "sensorium_impl"):
            raise PluginError(name, f"{attribute} lacks the @hookimpl decorator")


def _collect(plugins: Plugins, name: str, plugin: Any) -> None:
    """Call this one plugin's registration hooks, so that its names carry its name."""
    only_this = plugins.manager.subset_hook_caller
    others = [p for n, p in plugins.manager.list_name_plugin() if n != name and p is not None]

    def register(payload_type: Any) -> None:
        plugins.payloads.register(payload_type, plugin=name)

    only_this("sensorium_register_payloads", others)(register=register)
    for registry in _registries(plugins):
        registry.on_behalf_of(name, only_this(registry.hook, others))
    _check_names(plugins, name)


def _registries(plugins: Plugins) -> list[Registry[Any] | EnvironmentRegistry]:
    return [*plugins.kinds.values(), plugins.models, plugins.environments]


def _check_names(plugins: Plugins, name: str) -> None:
    """Settings ask for a component by name alone, so no two kinds may share one."""
    seen: dict[str, str] = {}
    for kind, registry in plugins.kinds.items():
        for held in registry.registrations():
            if held.name in seen:
                raise DuplicateName(
                    name, f"{kind} {held.name!r} has the name of a {seen[held.name]}; rename one"
                )
            seen[held.name] = kind


def _forget(plugins: Plugins, name: str) -> None:
    if plugins.manager.has_plugin(name):
        plugins.manager.unregister(name=name)
    plugins.payloads.remove_plugin(name)
    for registry in _registries(plugins):
        registry.remove_plugin(name)


def _say(error: BaseException) -> str:
    if isinstance(error, SensoriumError):
        return str(error)
    return f"{type(error).__name__}: {error}"
