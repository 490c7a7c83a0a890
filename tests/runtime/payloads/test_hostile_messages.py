"""Whatever a stranger sends is an event or a PayloadError."""

from __future__ import annotations

import math
from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorium.errors import PayloadError
from sensorium.events import AnyEvent, Event
from sensorium.payloads import (
    Action,
    Audio,
    Embedding,
    Image,
    PayloadRegistry,
)
from sensorium.payloads.codec import (
    decode,
    encode,
    event_from_json,
    payload_from_json,
)

REGISTRY = PayloadRegistry()

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
number = st.floats(allow_nan=False, allow_infinity=False)
whole = st.integers(-(2**63), 2**64 - 1)
plain = st.recursive(
    st.none() | st.booleans() | whole | number | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=6,
)


def only_payload_errors(frames: list[Any]) -> AnyEvent | None:
    try:
        return decode(frames, REGISTRY)
    except PayloadError:
        return None


@given(st.lists(st.binary(max_size=60), max_size=3))
@settings(max_examples=300)
def test_random_bytes_are_a_payload_error(frames: list[bytes]) -> None:
    only_payload_errors(frames)


odd = st.one_of(
    plain,
    st.binary(max_size=4),
    st.sampled_from([math.nan, math.inf, -1, 2**63, "a/+", "", "\0", [[]], {"": 0}, True]),
    st.builds(
        lambda place: msgpack.ExtType(1, msgpack.packb(place)),
        st.tuples(
            st.sampled_from([0, 1, -1, "0", None, True]),
            st.sampled_from(["uint8", "float32", "object", "O", 7, None, "U1", ">f4"]),
            st.sampled_from(
                [[], [0], [3], [4], [2, 2], [-1], [2**62, 0], [2**64 - 1, 0], [1] * 40, "ab", 3]
                + [None, [1.0], [True, 4], ["4"]]
            ),
        )
        | st.just(None)
        | st.binary(max_size=3).map(lambda raw: [raw]),
    ),
    st.builds(msgpack.ExtType, st.integers(0, 127), st.binary(max_size=8)),
)
SAMPLES = [
    Event("a/b", Image(np.zeros((1, 1, 3), np.uint8)), 1, 2, "s", 3, "r", ("p#1",)),
    Event("a/b", Audio(np.zeros(1, np.float32), 8000), 1, 2, "s", 3),
    Event("a/b", Action("1", "lamp/on", {"x": [1, {"y": None}]}), 1, 2, "s", 3),
    Event("a/b", Embedding(np.zeros((2, 2), np.uint8), "space"), 1, 2, "s", 3),
]
KEYS = ["v", "topic", "type", "ot", "ct", "source", "seq", "root", "parents", "fields"]


def unpacked(event: AnyEvent) -> tuple[dict[str, Any], list[Any]]:
    frames = encode(event)
    return msgpack.unpackb(frames[0], ext_hook=msgpack.ExtType), [bytes(f) for f in frames[1:]]


@given(data=st.data())
@settings(max_examples=400)
def test_a_header_with_anything_changed_is_an_event_or_a_payload_error(
    data: st.DataObject,
) -> None:
    header, buffers = unpacked(data.draw(st.sampled_from(SAMPLES)))
    for _ in range(data.draw(st.integers(1, 2))):
        match data.draw(st.sampled_from(["replace", "remove", "field", "add", "buffer"])):
            case "replace":
                header[data.draw(st.sampled_from(KEYS))] = data.draw(odd)
            case "remove":
                header.pop(data.draw(st.sampled_from(KEYS)), None)
            case "field" if isinstance(header.get("fields"), dict) and header["fields"]:
                name = data.draw(st.sampled_from(sorted(header["fields"], key=str)))
                header["fields"][name] = data.draw(odd)
            case "add":
                header[data.draw(st.text(max_size=3))] = data.draw(odd)
            case _:
                buffers = data.draw(st.lists(st.binary(max_size=5), max_size=2))
    try:
        frame = msgpack.packb(header)
    except ValueError:  # half a surrogate: no header at all
        return
    event = only_payload_errors([frame, *buffers])
    if event is not None:
        encode(event)


@given(data=st.data())
@settings(max_examples=300)
def test_a_header_with_bytes_changed_is_an_event_or_a_payload_error(data: st.DataObject) -> None:
    frames = encode(data.draw(st.sampled_from(SAMPLES)))
    broken = bytearray(frames[0])
    for _ in range(data.draw(st.integers(1, 4))):
        broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(broken)))
    for header in (bytes(broken), bytes(broken[:cut])):
        only_payload_errors([header, *frames[1:]])


@given(st.text(max_size=40) | st.binary(max_size=40) | st.dictionaries(text, plain))
def test_json_of_any_kind_is_a_payload_error(found: Any) -> None:
    with pytest.raises(PayloadError):
        event_from_json(found, REGISTRY)
    with pytest.raises(PayloadError):
        payload_from_json(Image, found)


@pytest.mark.parametrize(
    "array",
    [
        {"dtype": "uint8", "shape": [2**70, 0], "data": ""},
        {"dtype": "uint8", "shape": [2**31, 2**31, 0], "data": ""},
        {"dtype": "object", "shape": [1], "data": "AAAAAAAAAAA="},
        {"dtype": "uint8", "shape": [1], "data": "not base64"},
        {"dtype": "uint8", "shape": [1], "data": "\udfff"},
        {"dtype": "uint8", "shape": [1], "data": 7},
        {"dtype": "uint8", "shape": [True], "data": "AA=="},
        {"dtype": "uint8", "shape": "1", "data": "AA=="},
        {"dtype": "uint8", "shape": [2], "data": "AA=="},
        {"dtype": "uint8", "shape": [1]},
        [1, 2, 3],
        None,
    ],
)
def test_an_array_in_json_that_is_none_is_a_payload_error(array: Any) -> None:
    with pytest.raises(PayloadError, match="not a embedding: vector"):
        payload_from_json(Embedding, {"vector": array, "space": ""})


def test_a_header_that_is_too_long_is_not_even_read() -> None:
    with pytest.raises(PayloadError, match="over the limit"):
        decode([b"\xc1" * (16 * 1024 * 1024 + 1)], REGISTRY)


def test_errors_say_what_was_wrong() -> None:
    header, _ = unpacked(SAMPLES[2])
    for change, words in (
        ({"v": 2}, "version 2"),
        ({"v": True}, "version True"),
        ({"v": msgpack.ExtType(1, msgpack.packb([0, "uint8", [4]]))}, "version array"),
        ({"type": "imag"}, "Did you mean 'image'"),
        ({"topic": "a/#"}, "bad topic 'a/#'"),
        ({"ot": "1"}, "wrong type"),
        ({"fields": {"action_id": "1", "name": "x"}}, "arguments: Field required"),
    ):
        with pytest.raises(PayloadError, match=words):
            decode([msgpack.packb(header | change), b"four"], REGISTRY)
