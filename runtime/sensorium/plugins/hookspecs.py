"""Every hook a plugin can implement. This page is all a plugin author needs to import from.

Hooks are called while a session is being put together, never per event, except
``sensorium_on_component_error``. They are called in this file's order; among plugins, in the
order of loading: bundled ones first, then the installed ones by name. An exception in one
plugin's hook disables that plugin for the session, with its name in the message; others go on.

Implement a hook as a function of a module (or a method of an object) marked ``@hookimpl``, and
name the module in the entry-point group ``sensorium``. You may leave out arguments you do not
need.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol

import pluggy

if TYPE_CHECKING:
    import click

    from sensorium.components import Actuator, Component, Fuser, Perceiver, Planner, Sink, Source
    from sensorium.payloads import Payload
    from sensorium.plugins.environments import EnvironmentRegistry
    from sensorium.plugins.registry import Registry
    from sensorium.web.app import WebApp
    from sensorium.workers.model import Model

hookspec = pluggy.HookspecMarker("sensorium")
hookimpl = pluggy.HookimplMarker("sensorium")


class ErrorAction(Enum):
    """What happens to a component that raised."""

    SKIP = "skip"
    """Leave the event out and go on."""
    RESTART = "restart"
    """Close it, wait (longer each time), set it up again."""
    DISABLE = "disable"
    """Close it for the rest of the session."""
    STOP = "stop"
    """End the session."""


class RegisterPayload(Protocol):
    """``register(PayloadType)``: raises DuplicateName when the type's name is taken."""

    def __call__(self, payload_type: type[Payload]) -> None:
        """Add one payload type."""


@hookspec
def sensorium_register_payloads(register: RegisterPayload) -> None:
    """Add event payloads: call ``register(MyPayload)``. Called first of all."""


@hookspec
def sensorium_register_sources(registry: Registry[Source]) -> None:
    """Add sources: ``registry.add("thermal_camera", ThermalCamera)``."""


@hookspec
def sensorium_register_perceivers(registry: Registry[Perceiver]) -> None:
    """Add perceivers: what turns signals into percepts."""


@hookspec
def sensorium_register_fusers(registry: Registry[Fuser]) -> None:
    """Add fusers: what joins percepts in time."""


@hookspec
def sensorium_register_planners(registry: Registry[Planner]) -> None:
    """Add planners: what decides."""


@hookspec
def sensorium_register_actuators(registry: Registry[Actuator]) -> None:
    """Add actuators: what changes the world."""


@hookspec
def sensorium_register_sinks(registry: Registry[Sink]) -> None:
    """Add sinks: what takes events out of the session (bridges, recorders, displays)."""


@hookspec
def sensorium_register_models(registry: Registry[Model[Any, Any]]) -> None:
    """Add models that executors may host. Called in worker processes too: import lazily."""


@hookspec
def sensorium_register_environments(registry: EnvironmentRegistry) -> None:
    """Add Gymnasium environments: ``registry.add("lab/Maze-v0", "my_package.maze:Maze")``."""


@hookspec
def sensorium_register_commands(cli: click.Group) -> None:
    """Add subcommands to ``sensorium``. Called at each start of the command line: be quick."""


@hookspec
def sensorium_register_routes(app: WebApp) -> None:
    """Add pages to the session's web server: ``app.add_route("/lamps", handler)``.

    ``handler`` is an async function that takes a Starlette request and returns a response;
    ``app.session`` is the session. Called when a session with a web server starts.
    """


@hookspec(firstresult=True)
def sensorium_on_component_error(
    name: str, component: Component | None, error: Exception
) -> ErrorAction | None:
    """Say what happens to the component ``name``, which raised ``error``; None leaves it to others.

    ``component`` is the object itself, or None when it could not even be made.

    Called whenever a component raises, on the event loop: be quick. The plugin loaded last is
    asked first, so that yours can overrule a bundled one. The first answer counts; without one,
    the component's ``on_error`` settings decide.
    """
