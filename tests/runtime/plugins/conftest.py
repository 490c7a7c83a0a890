"""A healthy plugin, whose component must keep getting events whatever another one does."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

import pytest

from sensorium import Input, Output, Perceiver, Plugins, Session, Text, hookimpl, load_plugins
from sensorium.settings import load_settings


class Echo(Perceiver):
    """Says what it hears."""

    takes = {"text": Input("in/text", Text)}
    gives = {"text": Output("out/{name}/text", Text)}

    async def process(self, event: Any, emit: Any) -> None:
        await emit(Text(event.payload.text))


class Healthy:
    """A plugin with nothing wrong."""

    @hookimpl
    def sensorium_register_perceivers(self, registry: Any) -> None:
        registry.add("echo", Echo)


@pytest.fixture
def plugin_of() -> Callable[..., types.ModuleType]:
    """Makes a plugin module of functions: marked hooks, unless ``marked`` is false."""

    def make(*, marked: bool = True, **functions: Any) -> types.ModuleType:
        module = types.ModuleType("made_up_plugin")
        for name, function in functions.items():
            setattr(module, name, hookimpl(function) if marked else function)
        return module

    return make


@pytest.fixture
def load() -> Callable[..., Plugins]:
    """Loads the healthy plugin between two others, by ``(name, plugin)``."""

    def load_with(*extra: tuple[str, Any], modules: tuple[str, ...] = ()) -> Plugins:
        return load_plugins(
            installed=False, modules=modules, extra=[*extra[:1], ("healthy", Healthy()), *extra[1:]]
        )

    return load_with


@pytest.fixture
def session_of() -> Callable[..., Session]:
    """Makes a session of the named components; failures disable, and nothing takes real time."""

    def make(plugins: Plugins, *components: str, **on_error: Any) -> Session:
        tables = {name: {"on_error": {"action": "disable", **on_error}} for name in components}
        overrides = {"components": tables, "watchdog": {"enabled": False}}
        return Session(load_settings(environ={}, overrides=overrides), plugins)

    return make


@pytest.fixture
def echoes() -> Callable[..., Any]:
    """Sends texts through a running session; returns what the healthy component said."""

    async def send(session: Session, *texts: str) -> list[str]:
        heard = session.bus.subscribe("out/echo/text")
        for text in texts:
            await session.bus.publish("in/text", Text(text), source="test")
        await session.settled()
        said = []
        while (event := heard.get_nowait()) is not None:
            said.append(event.payload.text)
        heard.close()
        return said

    return send
