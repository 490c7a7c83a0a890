"""check_payload and check_plugin."""

from __future__ import annotations

import types
from typing import Any

import numpy as np
import pytest

from sensorium import Array, Input, Model, Output, Payload, Perceiver, Text, hookimpl, payload
from sensorium.testing import check_payload, check_plugin


@payload("kit.reading")
class Reading(Payload):
    """One reading."""

    values: Array
    unit: str = "m"
    nested: tuple[tuple[int, ...], ...] = ()


class Meter(Perceiver):
    """Reads."""

    takes = {"text": Input("in", Text)}
    gives = {"reading": Output("out", Reading)}

    async def process(self, event: Any, emit: Any) -> None: ...


def plugin(name: str = "kit", **hooks: Any) -> types.ModuleType:
    module = types.ModuleType(name)
    vars(module).update(hooks)
    return module


@hookimpl
def sensorium_register_payloads(register: Any) -> None:
    register(Reading)


@hookimpl
def sensorium_register_perceivers(registry: Any) -> None:
    registry.add("meter", Meter)


@hookimpl
def sensorium_register_models(registry: Any) -> None:
    registry.add("lost", "no_such_package.models:Lost")


def said(problems: list[Any]) -> str:
    return "\n".join(map(str, problems))


def test_a_sound_payload() -> None:
    example = Reading(np.array([[np.nan, 1.5]], np.float32), "s", ((1, 2), ()))
    assert check_payload(Reading, example) == []


def test_payload_types_with_faults() -> None:
    class Bare(Payload):
        pass

    @payload("kit.undocumented")
    class Undocumented(Payload):
        value: int

    @payload("image")
    class Image(Payload):
        """Takes a built-in name."""

    @payload("kit.opaque")
    class Opaque(Payload):
        """Holds what no schema describes."""

        value: slice

    assert "not a payload type" in said(check_payload(int, Text("x")))
    assert "lacks the @payload decorator" in said(check_payload(Bare, Text("x")))
    assert "no docstring" in said(check_payload(Undocumented, Undocumented(1)))
    assert "name of a built-in payload" in said(check_payload(Image, Text("x")))
    assert "has no JSON schema" in said(check_payload(Opaque, Text("x")))
    assert "the example is of type Text" in said(check_payload(Reading, Text("x")))


@pytest.mark.parametrize(
    ("example", "what"),
    [
        (Reading(np.array([1 + 2j])), "cannot travel as"),
        (Reading(np.zeros(1), nested=((1, 2), [3])), "'nested' changes on the way through wire"),  # type: ignore[arg-type]
        (Reading(np.zeros(1), unit=3), "cannot travel as wire"),  # type: ignore[arg-type]
    ],
)
def test_examples_that_do_not_survive(example: Reading, what: str) -> None:
    assert what in said(check_payload(Reading, example))


def test_a_sound_plugin() -> None:
    sound = plugin(
        sensorium_register_payloads=sensorium_register_payloads,
        sensorium_register_perceivers=sensorium_register_perceivers,
    )
    assert check_plugin(sound) == []


def test_payloads_that_another_plugin_registers() -> None:
    payloads = plugin("payloads", sensorium_register_payloads=sensorium_register_payloads)
    rest = plugin("rest", sensorium_register_perceivers=sensorium_register_perceivers)
    assert "Reading, which no plugin registers" in said(check_plugin(rest))
    assert check_plugin(rest, alongside=[payloads]) == []


def test_plugins_with_faults() -> None:
    def helper(registry: Any) -> None: ...

    marked = hookimpl(lambda registry: None)
    faults = {
        "implements no hook": plugin(),
        "Is it meant to be sensorium_register_sources?": plugin(register_sources=helper),
        "Is it meant to be sensorium_register_sinks?": plugin(sensorum_register_sinks=helper),
        "Did you mean 'sensorium_register_sources'": plugin(sensorium_register_sorces=marked),
        "lacks the @hookimpl decorator": plugin(sensorium_register_sources=helper),
        "model 'lost': model 'lost' cannot be imported": plugin(
            sensorium_register_models=sensorium_register_models
        ),
    }
    for what, faulty in faults.items():
        assert what in said(check_plugin(faulty)), what


def test_a_component_and_its_model_are_looked_at() -> None:
    class Undocumented(Meter):
        __doc__ = None

    class Fine(Model[Any, Any]):
        def load(self, device: str) -> None: ...
        def infer(self, batch: Any) -> Any: ...

    class Faulty:
        @hookimpl
        def sensorium_register_perceivers(self, registry: Any) -> None:
            registry.add("meter", Undocumented)

        @hookimpl
        def sensorium_register_models(self, registry: Any) -> None:
            registry.add("fine", Fine)

    assert [str(problem) for problem in check_plugin(Faulty())] == [
        "Undocumented: has no docstring. Say in one line what it takes and what it makes."
    ]
