"""Messages between pool and workers: what goes in comes out, and nonsense does no harm."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sensorium import errors
from sensorium.errors import BadInput, ModelError, ModelUnavailable, PayloadError, UnknownName
from sensorium.payloads.arrays import DTYPES
from sensorium.workers.pool import protocol
from sensorium.workers.pool.arena import Outbox, Region, create_file
from sensorium.workers.pool.faults import describe, rebuild

SIZE = 1 << 20
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=10,
)  # fmt: skip
arrays = hnp.arrays(
    st.sampled_from(sorted(DTYPES)).map(np.dtype),
    hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5),
)


def round_trip(tree: object, *, copies: bool = False, size: int = SIZE) -> object:
    region = Region(create_file(size), size, writable=True) if size else None
    outbox = Outbox(region)
    packed = protocol.pack(tree)
    shipment = protocol.Shipment(outbox)
    places = shipment.place(packed)
    item = protocol.Item(7, -1, packed.tree, places)
    frames = [bytes(f) for f in protocol.encode(protocol.Batch(3, [item]), shipment.inline)]
    message = protocol.decode_to_worker(frames)
    assert isinstance(message, protocol.Batch)
    parcel = protocol.Parcel(frames[1:], region, copies=copies)
    return protocol.open_tree(message.items[0].tree, message.items[0].places, parcel)


@given(plain)
def test_plain_values_arrive_as_they_were(tree: object) -> None:
    assert round_trip(tree, size=0) == tree


@given(arrays, st.booleans())
def test_small_arrays_arrive_as_they_were(array: np.ndarray, inside: bool) -> None:
    back = round_trip({"x": [array]} if inside else array)
    back = back["x"][0] if inside else back  # type: ignore[index]
    assert isinstance(back, np.ndarray)
    assert (back.dtype, back.shape) == (array.dtype, array.shape)
    np.testing.assert_array_equal(back, array)


@pytest.mark.parametrize("size", [100, protocol.BESIDE_FROM, protocol.SHARED_FROM, 300_000])
@pytest.mark.parametrize("copies", [False, True])
@pytest.mark.parametrize("arena", [0, 100_000, SIZE])
def test_arrays_of_every_size_arrive_with_and_without_room(
    size: int, copies: bool, arena: int
) -> None:
    array = np.random.default_rng(size).integers(0, 255, (size // 4, 4), np.uint8)
    back = round_trip({"first": array, "again": array[::-1]}, copies=copies, size=arena)
    assert isinstance(back, dict)
    np.testing.assert_array_equal(back["first"], array)
    np.testing.assert_array_equal(back["again"], array[::-1])
    assert not back["first"].flags.writeable


def test_numpy_numbers_and_tuples_arrive_as_plain_ones() -> None:
    assert round_trip((np.float32(0.5), np.int64(3), np.bool_(1))) == [0.5, 3, True]
    assert round_trip({1: "x", "y": np.float64(2)}) == {1: "x", "y": 2.0}


@pytest.mark.parametrize(
    ("tree", "words"),
    [
        ({1j}, "complex"),
        (object(), "object"),
        (2**64, "range|big|64"),
        ("\udfff", "surrogates"),
        (np.array([None]), "dtype 'object'"),
        (np.array(["a"]), "not allowed"),
    ],
)
def test_what_cannot_travel_is_named(tree: object, words: str) -> None:
    with pytest.raises(PayloadError, match=words):
        protocol.pack(tree)


# --- nonsense -----------------------------------------------------------------------------------

PACKED = protocol.pack({"a": np.zeros((2, 2), np.uint8), "b": [1, "x"]})
LARGE = protocol.pack(np.zeros(protocol.BESIDE_FROM, np.uint8))
MESSAGES = [
    protocol.Batch(1, [protocol.Item(1, -1, PACKED.tree, [])], [64]),
    protocol.Stream(1, protocol.Item(1, 5, LARGE.tree, [(0, -1)]), 32),
    protocol.Load(1, "a", "b", {"x": [1, {"y": None}]}, "cpu"),
    protocol.Credit(1, 2),
    protocol.Results(1, LARGE.tree, [(0, 9000)], [0]),
    protocol.Part(1, PACKED.tree, []),
    protocol.End(1, 2, {"type": "ModelError"}),
    protocol.Hello(1, ["a"]),
    protocol.Heartbeat(1, 2),
]


def read_all(frames: list[bytes]) -> None:
    """Either a message or a PayloadError, on both sides, down to its values."""
    for decode in (protocol.decode_to_worker, protocol.decode_from_worker):
        try:
            message = decode(frames)  # type: ignore[operator]
            held = getattr(message, "items", [message])
            for one in held:
                if hasattr(one, "tree"):
                    protocol.open_tree(one.tree, one.places, protocol.Parcel(frames[1:], None))
        except PayloadError:
            continue


@given(st.lists(st.binary(max_size=60), max_size=3))
@settings(max_examples=300)
def test_random_bytes_are_a_payload_error(frames: list[bytes]) -> None:
    for decode in (protocol.decode_to_worker, protocol.decode_from_worker):
        with pytest.raises(PayloadError):
            decode(frames)  # type: ignore[operator]


@given(data=st.data())
@settings(max_examples=600)
def test_a_message_with_bytes_changed_is_a_message_or_a_payload_error(data: st.DataObject) -> None:
    frame = bytes(protocol.encode(data.draw(st.sampled_from(MESSAGES)))[0])
    broken = bytearray(frame)
    for _ in range(data.draw(st.integers(1, 4))):
        broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    read_all([bytes(broken[: data.draw(st.integers(0, len(broken)))])])
    read_all([bytes(broken), bytes(9000)])


@given(
    places=st.lists(st.tuples(st.integers(-(2**63), 2**63), st.integers(-(2**63), 2**63))),
    shape=st.lists(st.integers(-2, 2**62), max_size=3),
    index=st.integers(0, 3),
    kind=st.sampled_from(["uint8", "float64", "object", "", "V8"]),
)
def test_an_array_that_is_not_where_it_is_said_to_be_is_a_payload_error(
    places: list[tuple[int, int]], shape: list[int], index: int, kind: str
) -> None:
    place = msgspec.msgpack.encode((kind, shape, index))
    tree = msgspec.Raw(msgspec.msgpack.encode(msgspec.msgpack.Ext(1, place)))
    region = Region(create_file(4096), 4096, writable=False)
    try:
        protocol.open_tree(tree, places, protocol.Parcel([bytes(64)], region))
    except PayloadError:
        pass
    else:
        where, size = places[index]
        assert size == -1 or 0 <= where <= where + size <= 4096
    region.close()


def test_another_version_is_refused() -> None:
    frame = b"\x09" + bytes(protocol.encode(MESSAGES[0])[0])[1:]
    with pytest.raises(PayloadError, match="version 9"):
        protocol.decode_to_worker([frame])


def test_deep_nesting_does_no_harm() -> None:
    deep = msgspec.Raw(b"\x91" * 100_000 + b"\xc0")
    with pytest.raises(PayloadError):
        protocol.open_tree(deep, [], protocol.Parcel([], None))


# --- errors -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [
        BadInput("no image"),
        ModelUnavailable("m", "no weights"),
        UnknownName("model", "x", ["y"], "Add it."),
        errors.DeadlineExceeded("m", 2.5),
    ],
)
def test_an_error_arrives_as_what_it_was(error: Exception) -> None:
    back = rebuild("m", describe("m", error))
    assert type(back) is type(error)
    assert str(back) == str(error)
    for name in ("model", "name", "seconds"):
        assert getattr(back, name, None) == getattr(error, name, None)


def test_a_foreign_error_becomes_a_model_error() -> None:
    back = rebuild("m", describe("m", ZeroDivisionError("by \udc80")))
    assert type(back) is ModelError
    assert "ZeroDivisionError: by" in str(back)


@pytest.mark.parametrize(
    "described", [{}, {"type": "os"}, {"type": "annotations"}, {"type": 3, "facts": [1]}]
)
def test_a_description_that_makes_no_sense_is_a_model_error(described: dict[str, object]) -> None:
    assert type(rebuild("m", described)) is ModelError
