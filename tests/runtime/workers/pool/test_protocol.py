"""Messages between pool and workers: what goes in comes out, and nonsense does no harm."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorium import errors
from sensorium.errors import BadInput, ModelError, ModelUnavailable, PayloadError, UnknownName
from sensorium.workers.pool import packing, protocol
from sensorium.workers.pool.faults import describe, rebuild

# --- nonsense -----------------------------------------------------------------------------------

SMALL = packing.Values(
    packing.pack([np.zeros((2, 2), np.uint8), "x"]).tree, [("uint8", [2, 2], 1)], bytes(4)
)
LARGE = packing.Values(
    packing.pack([np.zeros(9000, np.uint8)]).tree, [("uint8", [9000], 1)], b"", [(0, -1)]
)
MESSAGES = [
    protocol.Batch(1, [1, 2], SMALL, [64]),
    protocol.Batch(1, [1], LARGE),
    protocol.Stream(1, 1, 5, LARGE, 32),
    protocol.Load(1, "a", "b", {"x": [1, {"y": None}]}, "cpu"),
    protocol.Credit(1, 2),
    protocol.Results(1, SMALL, [0]),
    protocol.Part(1, LARGE),
    protocol.End(1, 2, {"type": "ModelError"}),
    protocol.Hello(1, ["a"]),
    protocol.Heartbeat(1, 2),
]


def read_all(frames: list[bytes]) -> None:
    """Either a message or a PayloadError, on both sides, down to its values."""
    for decode in (protocol.decode_to_worker, protocol.decode_from_worker):
        try:
            message = decode(frames)  # type: ignore[operator]
            values = getattr(message, "values", None)
            if values is not None:
                parcel = packing.Parcel(frames[1:], None)
                packing.open_each(values, parcel, 2)
                packing.open_tree(values, parcel)
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


def test_another_version_is_refused() -> None:
    frame = b"\x09" + bytes(protocol.encode(MESSAGES[0])[0])[1:]
    with pytest.raises(PayloadError, match="version 9"):
        protocol.decode_to_worker([frame])


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
