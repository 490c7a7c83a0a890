"""What the bridges need of the core: inputs and outputs that follow from a component's options."""

from __future__ import annotations

import pytest

from sensorium import Session, hookimpl, load_plugins
from sensorium.components import ComponentOptions, Emit, Output, Source
from sensorium.delivery import DeliveryPolicy
from sensorium.errors import SettingsError
from sensorium.payloads import Text
from sensorium.settings import load_settings


class Teller(Source):
    """Says its words on topics that its options name."""

    class Options(ComponentOptions):
        """Where it may speak, and where it tries to."""

        under: str = "told/{name}/#"
        topics: tuple[str, ...] = ()

    @classmethod
    def outputs(cls, options):
        """One output, with wildcards or without."""
        return {"words": Output(options.under, Text)}

    async def run(self, emit: Emit) -> None:
        """Speak once a topic; the empty topic stands for naming none."""
        for topic in self.options.topics:
            await emit(Text("hi"), topic=topic)


class Plugin:
    @hookimpl
    def sensorium_register_sources(self, registry):
        registry.add("teller", Teller)


def session(**table) -> Session:
    plugins = load_plugins(installed=False, extra=[("plugin", Plugin())])
    table = {"on_error": {"action": "disable"}} | table
    return Session(load_settings(environ={}, overrides={"components": {"teller": table}}), plugins)


async def spoken(**options):
    running = session(options=options)
    told = running.bus.subscribe("told/#", DeliveryPolicy.block(100))
    failed = running.bus.subscribe("system/component_failed", DeliveryPolicy.block(100))
    async with running:
        await running.runners["teller"].ended.wait()
        topics = [told.get_nowait().topic for _ in range(told.pending)]
        errors = [failed.get_nowait().payload.error for _ in range(failed.pending)]
    return topics, errors


async def test_an_output_with_wildcards_takes_any_topic_under_it():
    topics, errors = await spoken(topics=("told/teller/a", "told/teller/b/c"))
    assert topics == ["told/teller/a", "told/teller/b/c"]
    assert not errors


async def test_an_output_without_wildcards_needs_no_topic():
    assert await spoken(under="told/me", topics=("", "told/me")) == (["told/me"] * 2, [])


@pytest.mark.parametrize(
    ("topic", "complaint"),
    [("told/other/a", "not under 'told/teller/#'"), ("", "a published topic is exact")],
)
async def test_a_topic_that_was_not_declared_is_refused(topic, complaint):
    topics, errors = await spoken(topics=(topic,))
    assert not topics
    assert complaint in errors[0]


async def test_settings_may_rename_what_the_options_make_and_nothing_else():
    running = session(gives={"sentences": "x"})
    with pytest.raises(SettingsError, match="Allowed here: words"):
        await running.__aenter__()
