"""A component whose class cannot be imported is named; the rest of the session runs."""

from __future__ import annotations

from typing import Any

import pytest

from sensorium import ComponentOptions, Emit, Event, Input, Session, Sink, Text, load_plugins
from sensorium.errors import SettingsError
from sensorium.payloads import ComponentFailed
from sensorium.plugins import hookimpl
from sensorium.settings import load_settings


class Listener(Sink):
    """Keeps what it hears."""

    heard: list[str] = []
    takes = {"text": Input("chat/text", Text)}

    async def process(self, event: Event[Text], emit: Emit) -> None:
        self.heard.append(event.payload.text)


class Picky(Sink):
    """Has an option."""

    class Options(ComponentOptions):
        loud: bool = False

    async def process(self, event: Any, emit: Emit) -> None: ...


class Strange:
    """A plugin one of whose classes is not where it says."""

    @hookimpl
    def sensorium_register_sinks(self, registry: Any) -> None:
        registry.add("listener", Listener)
        registry.add("picky", Picky)
        registry.add("absent", "package_that_is_not_there.module:Sink")


PLUGIN = Strange()


async def test_a_class_that_cannot_be_imported_is_an_event_and_the_others_run(
    no_tasks: None,
) -> None:
    plugins = load_plugins(installed=False, extra=[("strange", PLUGIN)])
    settings = load_settings(overrides={"components": {"listener": {}, "absent": {}}}, environ={})
    session = Session(settings, plugins)
    events = session.bus.subscribe("system/component_failed")
    async with session:
        failed = (await events.get()).payload
        assert isinstance(failed, ComponentFailed)
        assert (failed.component, failed.plugin, failed.during) == ("absent", "strange", "import")
        assert "package_that_is_not_there" in failed.error
        await session.bus.publish("chat/text", Text("still here"))
        await session.settled()
    assert Listener.heard == ["still here"]


async def test_a_mistake_in_a_disabled_component_is_still_a_mistake() -> None:
    plugins = load_plugins(installed=False, extra=[("strange", PLUGIN)])
    off = {"picky": {"enabled": False, "options": {"lowd": True}}, "elsewhere": {"enabled": False}}
    session = Session(load_settings(overrides={"components": off}, environ={}), plugins)
    with pytest.raises(SettingsError, match=r"picky\.options\.lowd.*did you mean 'loud'"):
        await session.__aenter__()
