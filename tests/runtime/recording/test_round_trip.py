"""Whatever is written is read: the same records, in the same order, to the last bit."""

from __future__ import annotations

import math
import types
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from recorded import START, a_bit_of_everything, event, picture

from sensorium.errors import PayloadError, RecordingError
from sensorium.events import Event
from sensorium.payloads import Action, Array, Audio, Image, Payload, PayloadRegistry, Text, payload
from sensorium.recording.digest import event_digest, tree_digest
from sensorium.recording.messages import Messages, decode_event
from sensorium.recording.reader import open_recording
from sensorium.recording.records import DropCounts, EdgeCounts
from sensorium.trace import ClockRead, ModelCall, ModelPart, Sleep, Taken

REGISTRY = PayloadRegistry()
Record = Callable[..., Path]

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
plain = st.none() | st.booleans() | st.integers() | st.floats() | texts | st.just({"$": "bytes"})


def values_of(hint: Any) -> st.SearchStrategy[Any]:
    """Values for a field of a payload."""
    if hint == Array:
        return hnp.arrays(np.float32, hnp.array_shapes(max_dims=3, max_side=3))
    if hint is Any:
        arrays = hnp.arrays(np.int16, 3)
        return st.recursive(plain | arrays, lambda inner: st.lists(inner, max_size=3))
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Literal:
        return st.sampled_from(inner)
    if origin is tuple and inner[-1] is ...:
        return st.lists(values_of(inner[0]), max_size=3).map(tuple)
    if origin is tuple:
        return st.tuples(*map(values_of, inner))
    if origin is dict:
        return st.dictionaries(texts | st.just("$"), values_of(inner[1]), max_size=3)
    if origin in (Union, types.UnionType):
        return st.one_of([values_of(one) for one in inner])
    if isinstance(hint, type) and issubclass(hint, Payload):
        return payloads(hint)
    known = {str: texts, int: st.integers(), float: st.floats(), bool: st.booleans()}
    return known.get(hint, st.none())


def payloads(kind: Any) -> st.SearchStrategy[Any]:
    """Payloads of a type, whatever its fields."""
    if kind is Image:
        shape = st.tuples(st.integers(1, 5), st.integers(1, 5), st.just(3))
        return hnp.arrays(np.uint8, shape).map(Image)
    if kind is Audio:
        samples = hnp.arrays(np.float32, st.integers(0, 9))
        whole = hnp.arrays(np.int16, 5).map(lambda one: one.astype(np.float32) / 32768)
        return st.builds(Audio, samples | whole, st.integers(1, 96_000))
    hints = get_type_hints(kind, include_extras=True)
    return st.builds(dict, **{one.name: values_of(hints[one.name]) for one in fields(kind)}).map(
        lambda values: _made(kind, values)
    )


def _made(kind: Any, values: dict[str, Any]) -> Any:
    try:
        return kind(**values)
    except (PayloadError, ValueError):
        assume(False)


@pytest.mark.parametrize("name", sorted(REGISTRY))
@settings(max_examples=10)  # of each of some thirty types
@given(data=st.data())
def test_every_payload_comes_back_as_it_was(name: str, data: st.DataObject) -> None:
    kind = REGISTRY.get(name)
    before = event(data.draw(payloads(kind)), root="a#1", parents=("a#1", "b#2"))
    messages = Messages()
    schema, _ = messages.schema(kind)
    after = decode_event(
        before.topic, schema, b"".join(map(bytes, messages.encode(before))), REGISTRY.get
    )
    assert event_digest(after) == event_digest(before)


@payload("test.odd")
class Odd(Payload):
    data: bytes
    names: frozenset[str]
    byte_counts: dict[int, float]


def test_fields_that_json_does_not_know() -> None:
    registry = PayloadRegistry()
    registry.register(Odd)
    before = event(Odd(b"\x00\xff", frozenset({"a", "b"}), {1: math.inf}))
    data = b"".join(map(bytes, Messages().encode(before)))
    after = decode_event("test.odd", "sensorium.test.odd", data, registry.get).payload
    assert isinstance(after, Odd)
    assert (after.data, after.names) == (b"\x00\xff", {"a", "b"})
    assert after.byte_counts == {1: math.inf}


@pytest.mark.parametrize("compression", ["zstd", "lz4", "none"])
@pytest.mark.parametrize("chunk_bytes", [1, 2000, 1 << 20])
def test_everything_in_order(record: Record, compression: str, chunk_bytes: int) -> None:
    answer = {"boxes": np.ones((2, 2), np.float32), "text": "hi", "score": math.nan}
    call = ModelCall(
        "asks", "model", 0, tree_digest("?"), START, START + 9, (ModelPart(START + 5, answer),),
        "failed", {"type": "BadInput", "facts": {"size": b"\x01"}},
    )  # fmt: skip
    edge = EdgeCounts("a.b", "x/#", "latest", 5, 3, {"superseded": 2}, 0, 0)
    events = a_bit_of_everything(12)
    written: list[Any] = [
        ClockRead("a", START), ClockRead("b", START + 1), *events[:5],
        Taken("a", 0, "test#1", START + 2), ClockRead("a", START + 3), call, *events[5:],
        Sleep("a", START + 9, START + 3, False), DropCounts(START, (edge,), {"camera": 3}),
        ClockRead("c", START + 7),
    ]  # fmt: skip
    path = record(written, compression=compression, chunk_bytes=chunk_bytes)
    with open_recording(path, payloads=REGISTRY) as recording:
        assert recording.whole
        found = list(recording.records())
    assert [_identity(one) for one in found] == [_identity(one) for one in written]


def _identity(record: Any) -> Any:
    if isinstance(record, Event):
        return event_digest(record)
    return tree_digest({name: _plain(getattr(record, name)) for name in record.__struct_fields__})


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if hasattr(value, "__struct_fields__"):
        return [_plain(getattr(value, name)) for name in value.__struct_fields__]
    return value


def test_times_that_mcap_cannot_hold_are_kept_all_the_same(record: Record) -> None:
    before = Event("text", Text("early"), -5, 2**70, "test", 2**40)
    with open_recording(record([before]), payloads=REGISTRY) as recording:
        (after,) = recording.events()
    assert event_digest(after) == event_digest(before)


def test_one_topic_may_carry_several_types(record: Record) -> None:
    events = [event(Text("a"), 0, "mixed"), event(Action("1", "b", {}), 1, "mixed")]
    with open_recording(record(events), payloads=REGISTRY) as recording:
        assert [type(one.payload) for one in recording.events()] == [Text, Action]
        assert [one.type for one in recording.channels] == ["text", "action"]


def test_png_loses_nothing_and_jpeg_little(record: Record, tmp_path: Path) -> None:
    smooth = np.add.outer(np.arange(48), np.arange(64)).astype(np.uint8)
    image = Image(np.stack([smooth, smooth, 255 - smooth], axis=2))
    found = {}
    for form in ("png", "jpeg"):
        path = record([event(image)], images=form, quality=95)
        with open_recording(path, payloads=REGISTRY) as recording:
            assert recording.channels[0].schema == "foxglove.CompressedImage"
            (found[form],) = recording.events()
        path.unlink()
    assert np.array_equal(found["png"].payload.data, image.data)
    off = np.abs(found["jpeg"].payload.data.astype(int) - image.data)
    assert 0 < off.mean() < 3


def test_a_picture_that_is_no_plain_block_of_memory(record: Record) -> None:
    turned = Image(np.asfortranarray(picture(1).data)[::-1])
    with open_recording(record([event(turned)]), payloads=REGISTRY) as recording:
        (after,) = recording.events()
    assert np.array_equal(after.payload.data, turned.data)


def test_what_has_no_json_form_leaves_nothing_behind(record: Record) -> None:
    broken = event(Action("1", "do", {"with": object()}), 1)
    with pytest.raises(PayloadError, match=r"has no JSON form|not part of a plain tree"):
        record([event(Text("a"), 0), broken])


def test_topics_choose(record: Record) -> None:
    events = a_bit_of_everything(8)
    path = record([*events, Taken("a", 0, "test#1", START)])
    with open_recording(path, payloads=REGISTRY) as recording:
        chosen = list(recording.events(["camera/#", "chat/+"]))
    assert [one.topic for one in chosen] == ["camera/front/image", "chat/text"] * 2


def test_a_type_that_no_plugin_brings(record: Record) -> None:
    path = record([event(Odd(b"", frozenset(), {}), 0), event(Text("a"), 1)])
    with open_recording(path, payloads=REGISTRY, unknown="skip") as recording:
        assert [one.topic for one in recording.events()] == ["text"]
        assert recording.skipped == {"test.odd": 1}
    with (
        open_recording(path, payloads=REGISTRY) as recording,
        pytest.raises(RecordingError, match=r"no plugin brings .*'test.odd'"),
    ):
        list(recording.events())
