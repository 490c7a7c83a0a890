"""Making an environment: any that Gymnasium knows, or a plugin registered."""

from __future__ import annotations

import importlib
from contextvars import ContextVar
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from sensorium.errors import EnvironmentFailed, MissingDependency, PluginError, UnknownName

try:
    import gymnasium
    from gymnasium.error import Error as GymnasiumError
    from gymnasium.error import UnregisteredEnv
except ModuleNotFoundError as error:
    raise MissingDependency(
        "simulation", "gymnasium", 'Run: pip install "sensorium[sim]"'
    ) from error

from sensorium_sims import register

if TYPE_CHECKING:
    from sensorium.plugins.environments import EnvironmentRegistry, RegisteredEnvironment

AnyEnv = gymnasium.Env[Any, Any]
register()

in_use: ContextVar[EnvironmentRegistry] = ContextVar("environments in use")
"""Where components look ids up; unset, in what the installed plugins registered."""


def make(
    environment: str, registry: EnvironmentRegistry | None = None, **options: Any
) -> tuple[AnyEnv, RegisteredEnvironment | None]:
    """Make an environment by its id; returns it, and its entry if a plugin registered it.

    ``options`` go to its class. Also takes any id that Gymnasium knows, and Gymnasium's own
    ``"package.module:Id-v0"``. Raises :class:`UnknownName` with ids like it,
    :class:`MissingDependency` for what the machine lacks, and :class:`EnvironmentFailed` when it
    cannot be made.
    """
    entry = registry.find(environment) if registry is not None else None
    if entry is not None:
        _introduce(entry, environment)
    try:
        return gymnasium.make(environment, disable_env_checker=True, **options), entry
    except UnregisteredEnv as error:
        raise _unknown(environment, registry) from error
    except ModuleNotFoundError as error:
        raise UnknownName(
            "module of an environment", str(error.name), [], f"{environment} names it."
        ) from error
    except GymnasiumError as error:
        raise EnvironmentFailed(environment, f"cannot be made: {error}") from error
    except MissingDependency:
        raise
    except Exception as error:
        raise EnvironmentFailed(
            environment, f"cannot be made: {type(error).__name__}: {error}"
        ) from error


def known(registry: EnvironmentRegistry) -> dict[str, RegisteredEnvironment | str]:
    """Every id of every entry, families spelt out, or why a family cannot be."""
    found: dict[str, RegisteredEnvironment | str] = {}
    for entry in registry.registrations():
        if not entry.is_family:
            found[entry.id] = entry
            continue
        try:
            _introduce(entry, entry.id)
        except MissingDependency as error:
            found[entry.id] = str(error)
            continue
        found |= {id_: entry for id_ in gymnasium.registry if registry.find(id_) is entry}
    return dict(sorted(found.items()))


def load(reference: str) -> Any:
    """What ``"package.module:name"`` names."""
    module, _, name = reference.partition(":")
    return getattr(importlib.import_module(module), name)


def _introduce(entry: RegisteredEnvironment, environment: str) -> None:
    """Have Gymnasium know the id."""
    target = entry.target
    module = target.partition(":")[0] if isinstance(target, str) else ""
    if module:
        try:
            importlib.import_module(module)
        except ModuleNotFoundError as error:
            remedy = f"Is plugin {entry.plugin!r} installed in full?"
            if entry.extra:
                remedy = f'Run: pip install "sensorium[{entry.extra}]"'
            raise MissingDependency(environment, str(error.name), remedy) from error
        except ImportError as error:
            raise PluginError(entry.plugin, f"{environment} cannot be imported: {error}") from error
    if entry.check:
        load(entry.check)(environment)
    if module != target and environment == entry.id and environment not in gymnasium.registry:
        gymnasium.register(
            environment, entry_point=target, kwargs=dict(entry.options),
            max_episode_steps=entry.max_episode_steps,
        )  # fmt: skip


def _unknown(environment: str, registry: EnvironmentRegistry | None) -> UnknownName:
    """Names a few that are alike: Gymnasium knows hundreds."""
    ids = {*gymnasium.registry, *(registry or ())}
    alike = get_close_matches(environment, ids, n=5, cutoff=0.4) or sorted(registry or ())
    adding = (
        "`sensorium sim list` shows all. A plugin adds one in its hook"
        " sensorium_register_environments(registry)."
    )
    return UnknownName("environment", environment, alike, adding)
