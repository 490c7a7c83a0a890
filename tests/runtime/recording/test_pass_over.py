"""Passing over what is not wanted: never anything else, whatever the file's indexes say."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pybase64
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recorded import START, event, picture, sound

from sensorium.errors import PayloadError, RecordingError
from sensorium.events import Event
from sensorium.payloads import Audio, Image, PayloadRegistry, Text
from sensorium.recording import (
    format,  # noqa: A004 - the format of the file
    media,
    parse,
)
from sensorium.recording.digest import event_digest
from sensorium.recording.layout import read_layout
from sensorium.recording.messages import Messages, decode_event
from sensorium.recording.parse import BEGINNING
from sensorium.recording.reader import PassedOver, open_recording
from sensorium.recording.writer import ALONE, RecordingWriter
from sensorium.trace import ClockRead, Taken

REGISTRY = PayloadRegistry()
Record = Callable[..., Path]
BIG = picture(1, 270, 330)  # 267,300 bytes, before they are base64
assert BIG.data.nbytes > ALONE


def mine(record: Any) -> Any:
    """A record as it can be compared."""
    return event_digest(record) if isinstance(record, Event) else record


def agree(path: Path, *topics: str) -> int:
    """Everything but ``topics`` is the same by both ways; returns how many were passed over."""
    with open_recording(path, payloads=REGISTRY) as recording:
        whole = list(recording.records())
        some = list(recording.records_but(lambda channel: channel.topic in topics))
    place = passed = 0
    for one in some:
        if not isinstance(one, PassedOver):
            assert mine(one) == mine(whole[place])
            place += 1
            continue
        over = whole[place : place + one.count]
        assert [it.topic in topics for it in over if isinstance(it, Event)] == [True] * one.count
        times = [it.creation_time for it in over if isinstance(it, Event)]
        assert (one.began, one.ended) == (times[0], times[-1])
        place += one.count
        passed += one.count
    assert place == len(whole)
    assert passed == sum(isinstance(it, Event) and it.topic in topics for it in whole)
    return passed


def unpacked(path: Path, topic: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many chunks are unpacked when a topic is passed over."""
    held: list[bytes] = []
    real = parse.chunk

    def counted(content: bytes) -> bytes:
        held.append(real(content))
        return held[-1]

    with monkeypatch.context() as patch, open_recording(path, payloads=REGISTRY) as recording:
        patch.setattr(parse, "chunk", counted)
        list(recording.records_but(lambda channel: channel.topic == topic))
    return len(held)


@pytest.mark.parametrize("compression", ["zstd", "lz4", "none"])
def test_large_pictures_are_not_unpacked(
    record: Record, compression: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = [event(BIG, n, "camera") for n in range(6)]
    path = record(events, compression=compression)
    assert agree(path, "camera") == 6
    assert unpacked(path, "camera", monkeypatch) == 1  # the first, which says what the channel is
    assert unpacked(path, "other", monkeypatch) == 6


@pytest.mark.parametrize("compression", ["zstd", "lz4", "none"])
def test_pictures_that_do_not_compress_and_those_that_do(record: Record, compression: str) -> None:
    noise = np.random.default_rng(0).integers(32, 127, ALONE * 2, np.uint8).tobytes().decode()
    dark = Image(np.zeros((400, 400, 3), np.uint8))
    text = [event(Text(noise.replace("\\", "/").replace('"', "'")), n, "a") for n in range(3)]
    path = record([*text, *(event(dark, n, "b") for n in range(3))], compression=compression)
    assert agree(path, "a", "b") == 6
    assert agree(path, "b") == 3
    assert BEGINNING < ALONE  # so it is only the beginning that is read of these


steps = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from(["camera", "other", "text"]),
            st.sampled_from(["big", "small", "sound", "limit", "under"]),
        ),
        st.just(("", "clock")),
        st.just(("", "taken")),
        st.just(("", "flush")),
    ),
    max_size=14,
)


@given(steps, st.sets(st.sampled_from(["camera", "other", "text"])), st.integers(0, 3))
def test_random_recordings(
    tmp_path: Path, steps: list[tuple[str, str]], topics: set[str], jump: int
) -> None:
    path = tmp_path / "random.mcap"
    payloads = {
        "big": BIG, "small": picture(2), "sound": sound(1), "limit": of_size(ALONE),
        "under": of_size(ALONE - 1),
    }  # fmt: skip
    with RecordingWriter(path, compression="none") as recording:
        for number, (topic, what) in enumerate(steps):
            if what == "flush":
                recording.flush()
            elif what == "clock":
                recording.write(ClockRead("a", START + number))
            elif what == "taken":
                recording.write(Taken("a", 0, "b#1", START + number))
            else:
                at = number if number % 4 >= jump else -number  # the clock is set back, too
                recording.write(event(payloads[what], at, topic))
    agree(path, *topics)
    path.unlink()


def of_size(size: int) -> Text:
    """A text whose message has exactly that many bytes, with the events of these tests."""
    empty = sum(map(len, Messages().encode(event(Text(""), 10, "text"))))
    return Text("x" * (size - empty))


@pytest.mark.parametrize(("size", "chunks"), [(ALONE, 3), (ALONE - 1, 1)])
def test_exactly_at_the_limit(record: Record, size: int, chunks: int) -> None:
    middle = event(of_size(size), 10, "text")
    path = record([event(Text("a"), 10, "text"), middle, event(Text("b"), 10, "text")])
    with path.open("rb") as file:
        assert len(read_layout(file.fileno(), path).chunks) == chunks
    assert agree(path, "text") == 3


def test_a_channel_that_is_new_in_a_chunk_passed_over(tmp_path: Path) -> None:
    """The chunk before a large picture says nothing of its channel: that could be passed over."""
    path = tmp_path / "a.mcap"
    with RecordingWriter(path) as recording:
        recording.write(event(picture(1), 0, "small"))
        recording.flush()
        recording.write(event(picture(2), 1, "small"))
        recording.write(event(BIG, 2, "big"))
        recording.write(event(Text("a"), 3, "text"))
    with path.open("rb") as file:
        chunks = read_layout(file.fileno(), path).chunks
    assert all(one.messages for one in chunks), "every chunk is for its messages"
    assert agree(path, "small", "big") == 3
    assert agree(path, "small") == 2


def foreign(path: Path, *chunks: tuple[bytes, list[tuple[int, list[int]]]]) -> Path:
    """A recording that nobody closed: chunks of records and their (channel, entries) indexes."""
    whole = format.MAGIC + format.header("sensorium", "x")
    for records, indexes in chunks:
        whole += format.chunk_head(0, 0, len(records), 0, "", len(records)) + records
        for channel, entries in indexes:
            whole += format.message_index(channel, entries)
    path.write_bytes(whole)
    return path


def message(channel: int, number: int, topic: str) -> bytes:
    held = event(Text(f"{number}"), number, topic)
    envelope = {
        "type": "text", "source": "s", "sequence": number, "root": "", "parents": [],
        "originating_time": held.originating_time, "creation_time": held.creation_time,
    }  # fmt: skip
    data = json.dumps({"_event": envelope, "text": str(number), "final": True}).encode()
    head = format.MESSAGE_HEAD.pack(
        5, format.MESSAGE_FIXED + len(data), channel, number,
        held.creation_time, held.originating_time,
    )  # fmt: skip
    return head + data


SCHEMA = format.schema(1, "sensorium.text", "jsonschema", b"{}")


def channel(number: int, topic: str) -> bytes:
    return format.channel(number, 1, topic, "json", {"kind": "event", "type": "text"})


A = SCHEMA + channel(1, "a") + message(1, 0, "a")
ONE = [(1, [START, 0])]


@pytest.mark.parametrize(
    ("second", "index"),
    [
        (message(1, 1, "a"), ONE),
        (message(1, 1, "a"), []),
        (message(2, 1, "b"), ONE),  # the index says another channel
        (message(1, 1, "a") + message(2, 2, "b"), ONE),  # … and that there is one message
        (message(1, 1, "a") + message(1, 2, "a"), ONE),
        (message(1, 1, "a") + message(1, 2, "a"), [(1, [START, 0] * 7)]),
        (message(2, 1, "b") + message(1, 2, "a"), [*ONE, *ONE]),
        (channel(3, "c") + message(1, 1, "a"), ONE),  # what follows has a channel from here
        (message(1, 1, "a") + channel(3, "c"), ONE),
    ],
)
def test_an_index_that_lies(tmp_path: Path, second: bytes, index: Any) -> None:
    first = A + channel(2, "b")
    third = (b"" if channel(3, "c") in second else channel(3, "c")) + message(3, 9, "c")
    path = foreign(tmp_path / "a.mcap", (first, ONE), (second, index), (third, []))
    for topics in ((), ("a",), ("b",), ("a", "b", "c")):
        agree(path, *topics)


def test_cut_off_between_a_chunk_and_its_indexes(record: Record, tmp_path: Path) -> None:
    """A chunk whose second index is missing is not one of its first channel alone."""
    events = [event(Text("a"), 0, "a"), event(picture(1), 1, "b")]
    path = record([*events, *events], chunk_bytes=2200, compression="none")
    whole = path.read_bytes()
    with path.open("rb") as file:
        layout = read_layout(file.fileno(), path)
    last = layout.chunks[-1]
    assert last.messages.keys() == {1, 2}
    for length in range(last.start + last.length, layout.end):
        cut = tmp_path / "cut.mcap"
        cut.write_bytes(whole[:length])
        assert agree(cut, "a") == 2
        assert agree(cut, "b") == 2


@given(st.floats(0, 1, exclude_max=True), st.integers(1, 255))
def test_one_wrong_byte(tmp_path: Path, place: float, change: int) -> None:
    """What both ways give is the same up to where the first of them finds the damage."""
    path = tmp_path / "a.mcap"
    if not path.exists():
        with RecordingWriter(path, compression="none") as recording:
            for number in range(4):
                recording.write(event(picture(number, 16, 16), number, "camera"))
                recording.write(event(of_size(ALONE), number, "text"))
    data = bytearray(path.read_bytes())
    data[int(place * len(data))] ^= change
    broken = tmp_path / "broken.mcap"
    broken.write_bytes(data)

    def read(topics: tuple[str, ...]) -> list[Any]:
        found: list[Any] = []
        with suppress(RecordingError), open_recording(broken, payloads=REGISTRY) as recording:
            for one in recording.records_but(lambda channel: channel.topic in topics):
                found.append(one)
        return found

    whole, some = read(()), read(("text",))
    kept = [event_digest(one) for one in some if isinstance(one, Event)]
    camera = [event_digest(one) for one in whole if one.topic == "camera"]
    assert kept[: len(camera)] == camera


def test_a_picture_with_data_in_other_places() -> None:
    """The data that is cut out is the message's own."""
    pixels = pybase64.b64encode(bytes(range(12))).decode()
    plain = {
        "_event": {"type": "image", "source": 'a"data":"b', "sequence": 0, "root": "",
                   "parents": ['"data":"'], "originating_time": 0, "creation_time": 0},
        "timestamp": {"sec": 0, "nsec": 0}, "frame_id": '"data":"', "width": 2, "height": 2,
        "encoding": "rgb8", "step": 6,
    }  # fmt: skip

    def pixels_of(text: str) -> bytes:
        found = decode_event("a", "foxglove.RawImage", text.encode(), REGISTRY.get)
        assert found.source == 'a"data":"b'
        return found.payload.data.tobytes()

    tight = (",", ":")
    own = json.dumps({**plain, "data": pixels}, separators=tight)
    nested = {"extra": {"data": "AAAA"}}
    last = json.dumps({**nested, **plain, "data": pixels}, separators=tight)
    first = json.dumps({"data": pixels, **plain, **nested}, separators=tight)
    spaced = json.dumps({**nested, **plain}, separators=tight)[:-1] + f',"data": "{pixels}"}}'
    odd = json.dumps({**plain, "data": "/+//" * 4}, separators=tight)
    for text in (own, last, first, spaced, odd.replace("/", "\\/"), odd.replace("/", "\\u002f")):
        wanted = pybase64.b64decode("/+//" * 4) if "+" in text else bytes(range(12))
        assert pixels_of(text) == wanted
    for bad in ("A A=", "AAA", "é" * 4, "%%%%", "AAAA\\n"):
        text = json.dumps({**plain, "data": "x"}, separators=tight, ensure_ascii=False)
        with pytest.raises(PayloadError, match=r"base64|bytes|no data"):
            pixels_of(text.replace('"data":"x"', f'"data":"{bad}"'))
    with pytest.raises(PayloadError, match="there is no data"):
        pixels_of(json.dumps({**plain, **nested}, separators=tight))


@given(st.binary(max_size=40), st.integers(0, 60))
def test_cut_out_of_anything(noise: bytes, place: int) -> None:
    mark = b'{"data":"QUJD","b":1}'
    text = mark[:place] + noise + mark[place:]
    rest, packed = media.cut_out(text)
    if packed is None:
        assert rest == text
    else:
        start = rest.find(b'"data":""') + 8
        assert rest[:start] + packed + rest[start:] == text
        assert b"\\" not in packed
        assert b'"' not in packed


def test_sound_that_is_alone_and_a_closed_file(record: Record) -> None:
    long = Audio(np.zeros(200_000, np.float32), 16_000)
    path = record([event(long, n, "a") for n in range(3)])
    assert agree(path, "a") == 3
    with open_recording(path, payloads=REGISTRY) as recording:
        left = recording.records_but(lambda channel: True)
        next(left)
        recording.close()
        with pytest.raises(RecordingError, match="was closed"):
            list(left)
