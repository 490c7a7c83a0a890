"""What a payload type must be, and the round trips an example of it must survive."""

from __future__ import annotations

import dataclasses
import json
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from sensorium.errors import SensoriumError
from sensorium.events import AnyEvent, Event
from sensorium.payloads.base import Payload
from sensorium.payloads.codec import decode, encode, event_from_json, event_to_json
from sensorium.payloads.registry import PayloadRegistry
from sensorium.testing.problem import Problem


def check_payload(cls: Any, example: Payload) -> list[Problem]:
    """What is wrong with a payload type; ``example`` is sent over the wire and through JSON.

    An empty list when nothing is wrong.
    """
    name = getattr(cls, "__name__", repr(cls))
    problems = list(type_problems(cls, name))
    if problems:
        return problems
    if not (cls.__doc__ or "").strip() or (cls.__doc__ or "").startswith(f"{name}("):
        remedy = "Say in one line what it is; shapes and units stand under the fields"
        problems.append(Problem(name, "has no docstring", remedy))
    if type(example) is cls:
        problems += value_problems(example)
    else:
        what = f"the example is of type {type(example).__name__}"
        problems.append(Problem(name, what, f"Give an example of {name}"))
    return problems


def type_problems(cls: Any, where: str) -> Iterator[Problem]:
    """Why ``cls`` cannot be the payload of an event, if it cannot."""
    if not (isinstance(cls, type) and issubclass(cls, Payload)):
        remedy = "Subclass sensorium.Payload and decorate the class with @payload(name)"
        yield Problem(where, f"{getattr(cls, '__name__', cls)!r} is not a payload type", remedy)
        return
    decorated: bool = bool(cls.__dict__.get("type_name")) and dataclasses.is_dataclass(cls)
    if not decorated:
        remedy = f'Put @payload("your_plugin.name") above class {cls.__name__}(Payload)'
        yield Problem(where, f"{cls.__name__} lacks the @payload decorator", remedy)
        return
    built_in = PayloadRegistry()
    if cls.type_name in built_in and built_in.get(cls.type_name) is not cls:
        remedy = "Put your plugin's name before it: @payload('thermal.frame')"
        yield Problem(where, f"{cls.type_name!r} is the name of a built-in payload", remedy)
        return
    try:
        _registry_with(cls).json_schema(cls.type_name)
    except Exception as error:  # noqa: BLE001 - pydantic has many ways to refuse a type
        what = f"{cls.__name__} has no JSON schema ({_first_line(error)})"
        remedy = "Use numbers, text, tuples, dicts, other payloads, and Array for arrays"
        yield Problem(where, what, remedy)


def value_problems(example: Payload) -> list[Problem]:
    """What is lost when ``example`` travels as wire frames and as JSON."""
    cls = type(example)
    registry = _registry_with(cls)
    event: AnyEvent = Event("check/payload", example, 1, 2, "check", 0)
    remedy = "Each field must hold exactly what its annotation says: tuple, not list; float32"
    problems = []
    for form in ("wire", "JSON"):
        try:
            back = _there_and_back(event, registry, form)
        except (SensoriumError, TypeError, ValueError, OverflowError) as error:
            what = f"an example cannot travel as {form} ({_first_line(error)})"
            problems.append(Problem(cls.__name__, what, remedy))
            continue
        for field in dataclasses.fields(cls):  # type: ignore[arg-type]
            before, after = getattr(example, field.name), getattr(back, field.name)
            if not same(before, after):
                what = f"field {field.name!r} changes on the way through {form}"
                what += f": {_brief(before)} becomes {_brief(after)}"
                problems.append(Problem(cls.__name__, what, remedy))
    return problems


def same(one: Any, other: Any) -> bool:
    """Whether two field values are equal in type, shape and content; NaN equals NaN."""
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        both = isinstance(one, np.ndarray) and isinstance(other, np.ndarray)
        return (
            both
            and one.dtype == other.dtype
            and one.shape == other.shape
            and one.tobytes() == other.tobytes()
        )
    if type(one) is not type(other):
        return False
    if isinstance(one, Payload):
        names = [field.name for field in dataclasses.fields(one)]  # type: ignore[arg-type]
        return all(same(getattr(one, name), getattr(other, name)) for name in names)
    if isinstance(one, tuple | list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return bool(one == other or (one != one and other != other))


def frames_of(event: AnyEvent) -> list[bytes]:
    """The event's wire frames. What pydantic would only warn of shows in the comparison."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return [bytes(frame) for frame in encode(event)]


def _there_and_back(event: AnyEvent, registry: PayloadRegistry, form: str) -> Payload:
    if form == "wire":
        back = decode(frames_of(event), registry)
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            text = json.dumps(event_to_json(event))
        back = event_from_json(text, registry)
    payload: Payload = back.payload
    return payload


def _registry_with(cls: type[Payload]) -> PayloadRegistry:
    registry = PayloadRegistry()
    registry.register(cls)
    return registry


def _brief(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.dtype.name} array of shape {value.shape}"
    text = f"{type(value).__name__} {value!r}"
    return text if len(text) <= 80 else text[:79] + "…"


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
