"""Values as bytes: what goes in comes out, nonsense does no harm, and one harms no other."""

from __future__ import annotations

import dataclasses

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sensorium.errors import PayloadError
from sensorium.payloads.arrays import DTYPES
from sensorium.workers.pool import packing, protocol
from sensorium.workers.pool.arena import Outbox, Region, create_file

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


def as_plain(tree: object) -> object:
    """Arrays as their type, shape and numbers."""
    if isinstance(tree, np.ndarray):
        return [tree.dtype.name, list(tree.shape), repr(tree.tolist())]
    if isinstance(tree, dict):
        return {key: as_plain(value) for key, value in tree.items()}
    return [as_plain(item) for item in tree] if isinstance(tree, list) else tree


def carried(trees: list[object]) -> list[object]:
    """What a batch becomes on its way."""
    shipment = packing.Shipment(Outbox(None))
    values = shipment.lay_out(packing.pack(trees))
    batch = protocol.Batch(3, list(range(len(trees))), values)
    frames = [bytes(f) for f in protocol.encode(batch, shipment.inline)]
    message = protocol.decode_to_worker(frames)
    assert isinstance(message, protocol.Batch)
    return packing.open_each(message.values, packing.Parcel(frames[1:], None), len(trees))


def round_trip(tree: object, *, copies: bool = False, size: int = SIZE) -> object:
    region = Region(create_file(size), size, writable=True) if size else None
    outbox = Outbox(region)
    shipment = packing.Shipment(outbox)
    values = shipment.lay_out(packing.pack([tree, "another"]))
    batch = protocol.Batch(3, [7, 8], values)
    frames = [bytes(f) for f in protocol.encode(batch, shipment.inline)]
    message = protocol.decode_to_worker(frames)
    assert isinstance(message, protocol.Batch)
    parcel = packing.Parcel(frames[1:], region, copies=copies)
    back, another = packing.open_each(message.values, parcel, 2)
    assert another == "another"
    return back


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


@pytest.mark.parametrize("size", [100, packing.BESIDE_FROM, packing.SHARED_FROM, 300_000])
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


@given(st.lists(arrays, min_size=1, max_size=20), st.sampled_from(["bare", "named", "beside"]))
def test_a_batch_of_arrays_of_any_kinds_arrives_in_order(batch: list[np.ndarray], how: str) -> None:
    trees = {
        "bare": batch,
        "named": [{"image": array, "n": n} for n, array in enumerate(batch)],
        "beside": [[array, array.T, "x"] for array in batch],
    }[how]
    back = carried(trees)
    for ours, theirs in zip(trees, back, strict=True):
        assert msgspec.to_builtins(as_plain(ours)) == msgspec.to_builtins(as_plain(theirs))


def test_hundreds_of_arrays_arrive_in_order() -> None:
    batch = [np.full(n % 3 + 1, n, np.int32) for n in range(700)]
    for trees in (batch, [{"x": array} for array in batch]):
        assert as_plain(carried(trees)) == as_plain(trees)


def test_the_rows_of_an_array_count_as_results() -> None:
    rows = np.arange(12, dtype=np.float32).reshape(3, 4)
    values = packing.Shipment(Outbox(None)).lay_out(packing.pack(list(rows)))
    back = packing.open_each(values, packing.Parcel([], None), 3)
    np.testing.assert_array_equal(back, rows)


def test_who_cannot_be_read_harms_no_other() -> None:
    @dataclasses.dataclass(frozen=True)
    class Key:
        x: int

    array = np.arange(3)
    back = carried([array, {Key(1): "packs, but cannot be a key over there"}, {"a": array}])
    np.testing.assert_array_equal(back[0], array)
    assert isinstance(back[1], PayloadError)
    np.testing.assert_array_equal(back[2]["a"], array)


def test_sizes_are_told_at_a_glance() -> None:
    image = np.zeros((10, 10), np.float64)
    assert packing.size_of(image) == 800
    assert packing.size_of({"image": image, "more": [image, (image, "four", b"four")]}) == 2408
    assert packing.size_of([1.0] * 1000) == 8000
    assert packing.size_of(None) == 8


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
        packing.pack(tree)


# --- nonsense -----------------------------------------------------------------------------------

run = st.tuples(
    st.sampled_from(["uint8", "float64", "object", "", "V8"]),
    st.lists(st.integers(-2, 2**62), max_size=3) | st.lists(st.integers(0, 3), max_size=3),
    st.integers(0, 2**53) | st.integers(0, 3),
)


@given(
    references=st.lists(st.integers(0, 5), max_size=4),
    runs=st.lists(run, max_size=3),
    small=st.binary(max_size=64),
    places=st.lists(st.tuples(st.integers(-(2**63), 2**63), st.integers(-(2**63), 2**63))),
    count=st.integers(0, 4),
)
@settings(max_examples=300)
def test_arrays_that_are_not_where_they_are_said_to_be_are_a_payload_error(
    references: list[int], runs: list[packing.Run], small: bytes,
    places: list[packing.Place], count: int,
) -> None:  # fmt: skip
    extensions = [msgspec.msgpack.Ext(1, n.to_bytes(4, "little")) for n in references]
    tree = msgspec.Raw(msgspec.msgpack.encode(extensions))
    region = Region(create_file(4096), 4096, writable=False)
    values = packing.Values(tree, runs, small, places)
    try:
        opened = packing.open_each(values, packing.Parcel([bytes(9000)], region), count)
    except PayloadError:
        pass
    else:
        assert len(opened) == len(references) == count
    del region


@pytest.mark.parametrize("array", [np.zeros(100), np.zeros(packing.BESIDE_FROM)])
def test_an_array_that_is_cut_off_is_a_payload_error(array: np.ndarray) -> None:
    shipment = packing.Shipment(Outbox(None))
    values = shipment.lay_out(packing.pack([array]))
    values.small = values.small[:-1]
    frames = [bytes(frame)[:-1] for frame in shipment.inline]
    with pytest.raises(PayloadError):
        packing.open_each(values, packing.Parcel(frames, None), 1)


def test_a_long_run_of_empty_arrays_takes_no_memory() -> None:
    tree = packing.pack([1, 2]).tree
    for kind in ([0], [0, 2**31 - 1]):
        with pytest.raises(PayloadError):
            packing.open_tree(
                packing.Values(tree, [("uint8", kind, 2**40)]), packing.Parcel([], None)
            )


def test_a_reference_to_no_array_is_a_payload_error() -> None:
    tree = packing.pack([np.zeros(3), np.zeros(3)]).tree
    with pytest.raises(PayloadError):
        packing.open_tree(packing.Values(tree), packing.Parcel([], None))


def test_deep_nesting_does_no_harm() -> None:
    deep = packing.Values(msgspec.Raw(b"\x91" * 100_000 + b"\xc0"))
    for read in (packing.open_tree, lambda v, p: packing.open_each(v, p, 1)):
        with pytest.raises(PayloadError):
            read(deep, packing.Parcel([], None))
