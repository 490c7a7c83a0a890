"""Every hook at work; test_docs.py checks that this page forgets none."""

from __future__ import annotations

from typing import Any

import click
import pytest
from click.testing import CliRunner
from starlette.responses import PlainTextResponse
from web_asks import ask

from sensorium import (
    Actuator,
    ErrorAction,
    Fuser,
    Model,
    Payload,
    Perceiver,
    Planner,
    Session,
    Sink,
    Source,
    load_settings,
    payload,
)
from sensorium.testing import run_component


@payload("hooks.touch")
class Touch(Payload):
    """How hard something is touched."""

    newtons: float


class Doubling(Model[float, float]):
    def load(self, device: str) -> None: ...

    def infer(self, batch: Any) -> Any:
        return [2 * request for request in batch]


def registers(load: Any, plugin_of: Any, hook: str, kind: str, base: type[Any]) -> None:
    """Check that ``hook`` adds a component, that a session can find under its plugin's name."""
    component = type("Some", (base,), {"__module__": __name__})
    plugin = plugin_of(**{hook: lambda registry: registry.add("some", component)})
    plugins = load(("toucher", plugin))
    assert plugins.failures == []
    assert plugins.component("some") is component
    assert plugins.kinds[kind].get("some") is component
    (held,) = [r for r in plugins.kinds[kind].registrations() if r.name == "some"]
    assert held.plugin == "toucher"
    assert plugins.loaded[0].hooks == (hook.removeprefix("sensorium_"),)


def test_sensorium_register_payloads(load: Any, plugin_of: Any) -> None:
    plugin = plugin_of(sensorium_register_payloads=lambda register: register(Touch))
    plugins = load(("toucher", plugin))
    assert plugins.payloads.get("hooks.touch") is Touch
    assert plugins.payloads.json_schema("hooks.touch")["properties"].keys() == {"newtons"}


def test_sensorium_register_sources(load: Any, plugin_of: Any) -> None:
    registers(load, plugin_of, "sensorium_register_sources", "source", Source)


def test_sensorium_register_perceivers(load: Any, plugin_of: Any) -> None:
    registers(load, plugin_of, "sensorium_register_perceivers", "perceiver", Perceiver)


def test_sensorium_register_fusers(load: Any, plugin_of: Any) -> None:
    registers(load, plugin_of, "sensorium_register_fusers", "fuser", Fuser)


def test_sensorium_register_planners(load: Any, plugin_of: Any) -> None:
    registers(load, plugin_of, "sensorium_register_planners", "planner", Planner)


def test_sensorium_register_actuators(load: Any, plugin_of: Any) -> None:
    registers(load, plugin_of, "sensorium_register_actuators", "actuator", Actuator)


def test_sensorium_register_sinks(load: Any, plugin_of: Any) -> None:
    registers(load, plugin_of, "sensorium_register_sinks", "sink", Sink)


async def test_sensorium_register_models(plugin_of: Any, load: Any) -> None:
    plugin = plugin_of(
        sensorium_register_models=lambda registry: registry.add("doubling", Doubling)
    )
    plugins = load(("toucher", plugin))
    assert plugins.models.get("doubling") is Doubling

    class Asks(Source):
        """Asks the model."""

        async def run(self, emit: Any) -> None:
            assert await self.model("doubling").infer(21) == 42

    async with run_component(Asks, plugins=[plugin]) as harness:
        await harness.finished(within=5)


def test_sensorium_register_environments(load: Any, plugin_of: Any) -> None:
    def maze(registry: Any) -> None:
        registry.add("lab/Maze-v0", "lab.maze:Maze", summary="A maze", options={"size": 9})

    plugins = load(("mazes", plugin_of(sensorium_register_environments=maze)))
    held = plugins.environments.find("lab/Maze-v0")
    assert (held.plugin, held.target, held.options) == ("mazes", "lab.maze:Maze", {"size": 9})
    assert plugins.loaded[0].hooks == ("register_environments",)


def test_sensorium_register_commands(load: Any, plugin_of: Any) -> None:
    @click.command()
    def touch() -> None:
        click.echo("touched")

    def broken(cli: Any) -> None:
        raise RuntimeError("no command")

    plugins = load(
        ("broken", plugin_of(sensorium_register_commands=broken)),
        ("toucher", plugin_of(sensorium_register_commands=lambda cli: cli.add_command(touch))),
    )
    group = click.Group()
    assert plugins.register_commands(group) == [("broken", "RuntimeError: no command")]
    assert CliRunner().invoke(group, ["touch"]).output == "touched\n"


async def test_sensorium_register_routes(load: Any, plugin_of: Any) -> None:
    async def touch(request: Any) -> Any:
        return PlainTextResponse(f"touched {request.path_params['what']}")

    plugin = plugin_of(sensorium_register_routes=lambda app: app.add_route("/touch/{what}", touch))
    plugins = load(("toucher", plugin))
    overrides = {"web": {"enabled": True, "port": 0}, "watchdog": {"enabled": False}}
    async with Session(load_settings(environ={}, overrides=overrides), plugins) as session:
        assert session.console is not None
        assert session.console.app.routes == {"GET /touch/{what}": "toucher"}
        assert (await ask(f"{session.console.url}/touch/wood")).body == "touched wood"


@pytest.mark.parametrize("answer", [None, *ErrorAction])
def test_sensorium_on_component_error(
    load: Any, plugin_of: Any, answer: ErrorAction | None
) -> None:
    plugin = plugin_of(sensorium_on_component_error=lambda error: answer)
    plugins = load(("decider", plugin))
    assert plugins.on_component_error("some", None, ValueError()) is answer
