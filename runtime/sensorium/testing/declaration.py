"""What a component declares: found out without running it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic.errors import PydanticInvalidForJsonSchema, PydanticSchemaGenerationError

from sensorium.components import Component, ComponentOptions, Input, Output, Source
from sensorium.errors import TopicError
from sensorium.payloads.base import Payload
from sensorium.testing.payload import type_problems
from sensorium.testing.problem import Problem
from sensorium.topics import check_pattern

KINDS = "Source, Perceiver, Fuser, Planner, Actuator or Sink"
GIVERS = ("source", "perceiver", "fuser", "planner")


def check_component(cls: Any) -> list[Problem]:
    """What is wrong with the declaration of a component; an empty list when nothing is.

    Looks at its kind, docstrings, options, topics, payload types and methods, without making an
    object of it. :func:`~sensorium.testing.assert_conforms` also runs it.
    """
    if not (isinstance(cls, type) and issubclass(cls, Component)):
        return [Problem(repr(cls), "is not a component class", f"Subclass {KINDS}")]
    if not cls.kind:
        return [Problem(cls.__name__, "has no kind", f"Subclass {KINDS}, not Component")]
    return [
        *_documentation(cls),
        *_options(cls),
        *_wiring(cls, "takes", Input),
        *_wiring(cls, "gives", Output),
        *_edges(cls),
        *_methods(cls),
    ]


def _documentation(cls: type[Component]) -> Iterator[Problem]:
    if not (cls.__doc__ or "").strip():
        yield Problem(
            cls.__name__, "has no docstring", "Say in one line what it takes and what it makes"
        )


def _options(cls: type[Component]) -> Iterator[Problem]:
    where = f"{cls.__name__}.Options"
    options: Any = cls.Options
    if not (isinstance(options, type) and issubclass(options, ComponentOptions)):
        remedy = "Write `class Options(ComponentOptions):` so that unknown keys are refused"
        yield Problem(where, "is not a ComponentOptions", remedy)
        return
    if options.model_config.get("extra") != "forbid":
        remedy = "Keep the configuration of ComponentOptions: a misspelt option must be an error"
        yield Problem(where, "accepts keys it does not know", remedy)
    try:
        options.model_json_schema()
    except (PydanticInvalidForJsonSchema, PydanticSchemaGenerationError) as error:
        remedy = "Use types that TOML can write: numbers, strings, lists, tables"
        yield Problem(where, f"has no JSON schema ({error.message})", remedy)


def _wiring(cls: type[Component], table: str, entry: type[Any]) -> Iterator[Problem]:
    declared = getattr(cls, table)
    if not isinstance(declared, Mapping):
        remedy = f'Write {table} = {{"name": {entry.__name__}("some/topic", SomePayload)}}'
        yield Problem(f"{cls.__name__}.{table}", "is not a mapping of names", remedy)
        return
    for key, held in declared.items():
        where = f"{cls.__name__}.{table}[{key!r}]"
        if not isinstance(held, entry):
            remedy = f"Write {entry.__name__}(topic, PayloadType)"
            yield Problem(where, f"is {held!r}, not an {entry.__name__}", remedy)
            continue
        topic = held.pattern if isinstance(held, Input) else held.topic
        yield from _topic(where, topic, publishes=entry is Output)
        if held.payload_type is not Payload:  # the base itself means: any payload
            yield from type_problems(held.payload_type, where)


def _topic(where: str, topic: Any, *, publishes: bool) -> Iterator[Problem]:
    if not isinstance(topic, str):
        yield Problem(where, f"has the topic {topic!r}", "A topic is text: 'thermal/front/frame'")
        return
    named = topic.replace("{name}", "name")
    if stray := re.findall(r"\{[^}]*\}?|\}", named):
        remedy = "Only {name} is filled in, with the component's name"
        yield Problem(where, f"has {stray[0]!r} in its topic {topic!r}", remedy)
        return
    try:
        check_pattern(named)
    except TopicError as error:
        yield Problem(where, f"has a {error}", "Join levels with '/': 'thermal/front/frame'")
        return
    if "" in named.split("/"):
        remedy = "Leave out doubled, leading and trailing slashes"
        yield Problem(where, f"has an empty level in its topic {topic!r}", remedy)
    if publishes and named.split("/")[0] == "system":
        remedy = "Topics under system/ belong to the runtime: use self.context.announce"
        yield Problem(where, f"publishes on {topic!r}", remedy)


def _edges(cls: type[Component]) -> Iterator[Problem]:
    """Which tables a kind must fill. Components that compute their topics are left alone."""
    source = issubclass(cls, Source)
    if source and cls.takes:
        remedy = "A source makes events by itself: make it a Perceiver or drop takes"
        yield Problem(cls.__name__, "is a source and takes events", remedy)
    if not source and not cls.takes and not _overrides(cls, "inputs"):
        remedy = 'Declare takes = {"name": Input("some/topic", SomePayload)}'
        yield Problem(cls.__name__, "takes nothing, so it is never called", remedy)
    if cls.kind in GIVERS and not cls.gives and not _overrides(cls, "outputs"):
        remedy = 'Declare gives = {"name": Output("some/{name}/topic", SomePayload)}'
        yield Problem(cls.__name__, "gives nothing, so nobody hears of its work", remedy)


def _methods(cls: type[Component]) -> Iterator[Problem]:
    work, arguments = ("run", "emit") if issubclass(cls, Source) else ("process", "event, emit")
    if work in getattr(cls, "__abstractmethods__", ()):
        remedy = f"Write `async def {work}(self, {arguments}) -> None:`"
        yield Problem(cls.__name__, f"has no method {work}", remedy)
    else:
        yield from _is_async(cls, work, arguments)
        yield from _accepts(cls, work, 2 + arguments.count(","), f"self, {arguments}")
    for method in ("setup", "close"):
        yield from _is_async(cls, method, "")
        yield from _accepts(cls, method, 1, "self")
    if inspect.iscoroutinefunction(cls.__init__):
        remedy = "Keep __init__ plain and do what takes time in `async def setup`"
        yield Problem(f"{cls.__name__}.__init__", "is async", remedy)
    yield from _accepts(cls, "__init__", 3, "self, options, context")


def _is_async(cls: type[Component], method: str, arguments: str) -> Iterator[Problem]:
    function = getattr(cls, method)
    where = f"{cls.__name__}.{method}"
    signature = f"`async def {method}({', '.join(filter(None, ('self', arguments)))})`"
    if inspect.isasyncgenfunction(function):
        yield Problem(where, "yields", "Call `await emit(payload)` for each result instead")
    elif not inspect.iscoroutinefunction(function):
        yield Problem(where, "is not async", f"Write {signature}")


def _accepts(cls: type[Component], method: str, count: int, wanted: str) -> Iterator[Problem]:
    signature = inspect.signature(getattr(cls, method))
    try:
        signature.bind(*range(count))
    except TypeError as error:
        where = f"{cls.__name__}.{method}"
        remedy = f"The runtime calls it with ({wanted})"
        yield Problem(where, f"has the wrong arguments ({error})", remedy)


def _overrides(cls: type[Component], method: str) -> bool:
    return getattr(cls, method).__func__ is not getattr(Component, method).__func__
