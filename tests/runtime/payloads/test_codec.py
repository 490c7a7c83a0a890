"""Payloads on the wire and as JSON: the way there and back, and whatever a stranger sends."""

from __future__ import annotations

import json
import typing
from dataclasses import FrozenInstanceError, fields
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from jsonschema import Draft202012Validator

from sensorium.errors import PayloadError
from sensorium.events import AnyEvent, Event
from sensorium.payloads import (
    Action,
    Audio,
    Embedding,
    Image,
    Payload,
    PayloadRegistry,
    State,
)
from sensorium.payloads.arrays import DTYPES, Array
from sensorium.payloads.codec import (
    decode,
    encode,
    event_from_json,
    event_to_json,
    payload_from_json,
    payload_to_json,
)

REGISTRY = PayloadRegistry()
TYPES = [REGISTRY.get(name) for name in REGISTRY]

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
number = st.floats(allow_nan=False, allow_infinity=False)
whole = st.integers(-(2**63), 2**64 - 1)
plain = st.recursive(
    st.none() | st.booleans() | whole | number | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=6,
)
any_array = st.sampled_from(sorted(DTYPES)).flatmap(
    lambda dtype: arrays.arrays(dtype, arrays.array_shapes(min_dims=0, max_dims=4, min_side=0))
)
FIELDS: dict[tuple[str, str], st.SearchStrategy[Any]] = {
    ("image", "data"): arrays.arrays(
        np.uint8, st.tuples(st.integers(1, 5), st.integers(1, 5), st.just(3))
    ),
    ("audio", "samples"): arrays.arrays(np.float32, st.integers(0, 9)),
    ("audio", "sample_rate"): st.integers(1, 10**6),
}


def strategy(kind: Any) -> st.SearchStrategy[Any]:
    """Values of a field's type."""
    if kind is Array:
        return any_array
    if isinstance(kind, type) and issubclass(kind, Payload):
        return payloads(kind)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple and arguments[-1] is Ellipsis:
        return st.lists(strategy(arguments[0]), max_size=3).map(tuple)
    if origin is tuple:
        return st.tuples(*map(strategy, arguments))
    if origin is dict:
        return st.dictionaries(strategy(arguments[0]), strategy(arguments[1]), max_size=3)
    if origin is typing.Literal:
        return st.sampled_from(arguments)
    if arguments:  # a union
        return st.one_of(*map(strategy, arguments))
    simple = {
        Any: plain,
        str: text,
        int: whole,
        float: number,
        bool: st.booleans(),
        type(None): st.none(),
    }
    return simple[kind]


def payloads(kind: type[Payload]) -> st.SearchStrategy[Payload]:
    hints = typing.get_type_hints(kind, include_extras=True)
    drawn = {
        field.name: FIELDS.get((kind.type_name, field.name), strategy(hints[field.name]))
        for field in fields(kind)  # type: ignore[arg-type]
    }
    return st.builds(kind, **drawn)


@st.composite
def events(draw: st.DrawFn, kind: type[Payload]) -> AnyEvent:
    times = st.integers(0, 2**63)
    return Event(
        draw(st.sampled_from(["a", "camera/front/image", "ü/漢"])),
        draw(payloads(kind)),
        draw(times),
        draw(times),
        draw(text),
        draw(st.integers(0, 2**63)),
        draw(text),
        tuple(draw(st.lists(text, max_size=3))),
    )


def assert_same(one: Any, two: Any) -> None:
    assert type(one) is type(two)
    if isinstance(one, np.ndarray):
        assert one.dtype == two.dtype
        np.testing.assert_array_equal(one, two)
        assert one.shape == two.shape
    elif isinstance(one, Payload):
        for field in fields(one):  # type: ignore[arg-type]
            assert_same(getattr(one, field.name), getattr(two, field.name))
    elif isinstance(one, list | tuple):
        assert len(one) == len(two)
        for left, right in zip(one, two, strict=True):
            assert_same(left, right)
    elif isinstance(one, dict):
        assert one.keys() == two.keys()
        for key in one:
            assert_same(one[key], two[key])
    else:
        assert one == two


def assert_same_event(one: AnyEvent, two: AnyEvent) -> None:
    for name in Event.__struct_fields__:
        assert_same(getattr(one, name), getattr(two, name))


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.type_name)
@settings(max_examples=15)
@given(data=st.data())
def test_every_payload_survives_the_wire_and_json(kind: type[Payload], data: st.DataObject) -> None:
    event = data.draw(events(kind))
    frames = encode(event)
    joined = [memoryview(bytes(frame)) for frame in frames]  # as another process reads them
    assert_same_event(decode(joined, REGISTRY), event)
    as_json = event_to_json(event)
    assert_same_event(event_from_json(as_json, REGISTRY), event)
    assert_same_event(event_from_json(json.dumps(as_json, allow_nan=False), REGISTRY), event)
    assert_same(payload_from_json(kind, json.dumps(payload_to_json(event.payload))), event.payload)
    schema = REGISTRY.json_schema(kind.type_name)
    Draft202012Validator(schema).validate(json.loads(json.dumps(payload_to_json(event.payload))))


@pytest.mark.parametrize("name", list(REGISTRY))
def test_schemas_are_valid_and_refuse_what_is_no_payload(name: str) -> None:
    schema = REGISTRY.json_schema(name)
    Draft202012Validator.check_schema(schema)
    assert schema["title"]
    validator = Draft202012Validator(schema)
    assert not validator.is_valid([])
    if schema.get("required"):
        assert not validator.is_valid({})


# --- arrays ---------------------------------------------------------------------------------


def test_arrays_are_wrapped_where_they_lie() -> None:
    event = Event("a", Image(np.arange(12, dtype=np.uint8).reshape(2, 2, 3)), 1, 1, "s", 0)
    frames = encode(event)
    assert np.shares_memory(np.frombuffer(frames[1], np.uint8), event.payload.data)
    received = bytes(frames[1])
    decoded = decode([frames[0], received], REGISTRY).payload.data
    assert np.shares_memory(decoded, np.frombuffer(received, np.uint8))
    assert not decoded.flags.writeable


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.type_name)
@settings(max_examples=5)
@given(data=st.data())
def test_payloads_and_their_arrays_are_frozen(kind: type[Payload], data: st.DataObject) -> None:
    made = data.draw(payloads(kind))
    for field in fields(made):  # type: ignore[arg-type]
        value = getattr(made, field.name)
        with pytest.raises(FrozenInstanceError):
            setattr(made, field.name, value)
        if isinstance(value, np.ndarray):
            assert not value.flags.writeable
    with pytest.raises((AttributeError, TypeError)):
        made.anything = 1  # type: ignore[attr-defined]


def test_a_payload_shares_the_array_it_was_made_of() -> None:
    mine = np.ones(3, np.float32)
    made = Embedding(mine, "space")
    assert np.shares_memory(made.vector, mine)
    with pytest.raises(ValueError, match="read-only"):
        made.vector[0] = 2
    mine[0] = 5  # its maker's own view is left alone


@pytest.mark.parametrize("layout", [">f4", "<f4", "strided", "fortran", "scalar"])
def test_whatever_the_layout_the_values_arrive(layout: str) -> None:
    array: Any = np.arange(12, dtype=np.float32).reshape(3, 4)
    match layout:
        case "strided":
            array = array[::-1, ::2]
        case "fortran":
            array = np.asfortranarray(array)
        case "scalar":
            array = np.array(3, np.float32)
        case _:
            array = array.astype(layout)
    event = Event("a", Embedding(array, ""), 1, 1, "s", 0)
    for back in (decode(encode(event), REGISTRY), event_from_json(event_to_json(event), REGISTRY)):
        assert back.payload.vector.dtype == np.float32
        assert back.payload.vector.shape == array.shape
        np.testing.assert_array_equal(back.payload.vector, array)


@pytest.mark.parametrize(
    "made",
    [
        Embedding(np.array([None, {}]), "objects"),
        Embedding(np.array([1j]), "complex"),
        Embedding(np.array(["a"]), "text"),
        Embedding(np.array(["2020-01-01"], "datetime64[D]"), "dates"),
    ],
    ids=lambda made: type(made).__name__,
)
def test_what_nothing_can_carry_is_refused_by_name(made: Payload) -> None:
    event = Event("a/b", made, 1, 1, "s", 0)
    with pytest.raises(PayloadError, match="cannot be put on the wire"):
        encode(event)
    with pytest.raises(PayloadError, match="no JSON form"):
        event_to_json(event)


@pytest.mark.parametrize("value", [2**64, {1, 2}, object(), 1j, "\udfff"])
def test_an_argument_that_nothing_can_carry_is_refused(value: Any) -> None:
    event = Event("a", Action("1", "do", {"x": value}), 1, 1, "s", 0)
    with pytest.raises(PayloadError, match="cannot be put on the wire"):
        encode(event)


def test_numbers_keep_their_type_in_a_state() -> None:
    made = State({"a": 1, "b": 1.0, "c": True, "d": "1"})
    back = payload_from_json(State, json.dumps(payload_to_json(made)))
    assert_same(back, made)
    assert_same(decode(encode(Event("a", made, 0, 0, "", 0)), REGISTRY).payload, made)


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [((4, 4), np.uint8), ((4, 4, 4), np.uint8), ((4, 4, 3), np.float32), ((0, 4, 3), np.uint8)],
)
def test_an_image_of_another_shape_or_type_is_refused(shape: tuple[int, ...], dtype: Any) -> None:
    with pytest.raises(PayloadError, match=r"an Image is \(height, width, 3\) uint8 RGB"):
        Image(np.zeros(shape, dtype))


def test_an_image_knows_its_size() -> None:
    made = Image(np.zeros((2, 5, 3), np.uint8))
    assert (made.width, made.height) == (5, 2)


def test_audio_that_is_none_is_refused() -> None:
    with pytest.raises(PayloadError, match=r"Audio is \(T,\) float32"):
        Audio(np.zeros((2, 2), np.float32), 16000)
    with pytest.raises(PayloadError, match=r"Audio is \(T,\) float32"):
        Audio(np.zeros(2, np.int16), 16000)
    for rate in (0, -1):
        with pytest.raises(PayloadError, match="positive number of Hz"):
            Audio(np.zeros(2, np.float32), rate)
    assert Audio(np.zeros(441, np.float32), 44100).duration * 100 == 1
