"""Our files, opened with the ``mcap`` package alone: nothing of ours reads them here."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import PIL.Image
import pytest
from mcap.reader import SeekingReader, make_reader
from mcap.records import Chunk, MessageIndex
from mcap.stream_reader import StreamReader
from recorded import MS, START, a_bit_of_everything, event, picture, sound

from sensorium.payloads import SpeechStarted
from sensorium.recording.records import DropCounts, EdgeCounts
from sensorium.recording.writer import RecordingWriter
from sensorium.trace import ClockRead, ModelCall, ModelPart, Sleep, Taken

Record = Callable[..., Path]

TRACES = (
    ClockRead("a", START), Taken("a", 0, "test#1", START), Sleep("a", START, START, True),
    ModelCall("a", "m", 0, "00", START, START, (ModelPart(START, [1.5]),), "done"),
    DropCounts(START, (EdgeCounts("a.b", "#", "latest", 1, 1, {}, 0, 0),), {}),
)  # fmt: skip


def read(path: Path) -> list[tuple[str, str, dict[str, Any], dict[str, Any]]]:
    """Topic, schema name, schema and message of everything in a file, by log time."""
    with path.open("rb") as file:
        return [
            (channel.topic, schema.name, json.loads(schema.data), json.loads(message.data))
            for schema, channel, message in make_reader(file, validate_crcs=True).iter_messages()
            if schema is not None
        ]


@pytest.mark.parametrize("compression", ["zstd", "lz4", "none"])
@pytest.mark.parametrize("images", ["raw", "png", "jpeg"])
def test_every_channel_decodes_and_is_what_its_schema_says(
    record: Record, compression: str, images: str
) -> None:
    events = [*a_bit_of_everything(16), event(SpeechStarted(), 17)]
    path = record([*TRACES, *events], compression=compression, images=images, chunk_bytes=4000)
    found = read(path)
    assert len(found) == len(TRACES) + len(events)
    assert {topic for topic, *_ in found} == {
        "camera/front/image", "microphone/audio", "vision/objects", "chat/text", "speech_started",
        "$trace/clock", "$trace/taken", "$trace/sleep", "$trace/model", "$recorder/counts",
    }  # fmt: skip
    for _, _, schema, message in found:
        assert schema["type"] == "object"
        jsonschema.Draft202012Validator.check_schema(schema)
        jsonschema.validate(message, schema)


def test_a_picture_is_a_raw_image(record: Record) -> None:
    ((_, name, _, message),) = read(record([event(picture(1), 7)]))
    assert name == "foxglove.RawImage"
    assert message["timestamp"] == {"sec": START // 10**9, "nsec": 7 * MS}
    assert (message["width"], message["height"], message["step"]) == (16, 12, 48)
    pixels = np.frombuffer(base64.b64decode(message["data"]), np.uint8)
    assert message["encoding"] == "rgb8"
    assert np.array_equal(pixels.reshape(12, 16, 3), picture(1).data)


def test_a_picture_is_a_png(record: Record) -> None:
    ((_, name, _, message),) = read(record([event(picture(1))], images="png"))
    assert (name, message["format"]) == ("foxglove.CompressedImage", "png")
    opened = PIL.Image.open(io.BytesIO(base64.b64decode(message["data"])))
    assert np.array_equal(np.asarray(opened), picture(1).data)


def test_sound_is_pcm_of_16_bits_where_that_loses_nothing(record: Record) -> None:
    whole, fine = sound(1), sound(2)
    finer = type(fine)(fine.samples * np.float32(0.3), 16_000)
    found = read(record([event(whole, 0), event(finer, 1)]))
    assert [name for _, name, *_ in found] == ["foxglove.RawAudio"] * 2
    (first, second) = (message for *_, message in found)
    assert (first["format"], first["sample_rate"], first["number_of_channels"]) == (
        "pcm-s16", 16_000, 1,
    )  # fmt: skip
    samples = np.frombuffer(base64.b64decode(first["data"]), "<i2")
    assert np.array_equal(samples / np.float32(32768), whole.samples)
    assert second["format"] == "pcm-f32"
    assert np.array_equal(np.frombuffer(base64.b64decode(second["data"]), "<f4"), finer.samples)


def test_times_and_envelope(record: Record) -> None:
    path = record([event(sound(), 3, root="camera#1", parents=("camera#1",))])
    with path.open("rb") as file:
        ((_, _, message),) = make_reader(file).iter_messages()
    assert (message.log_time, message.publish_time) == (START + 8 * MS, START + 3 * MS)
    assert json.loads(message.data)["_event"] == {
        "type": "audio", "source": "test", "sequence": 3, "root": "camera#1",
        "parents": ["camera#1"], "originating_time": START + 3 * MS,
        "creation_time": START + 8 * MS,
    }  # fmt: skip


def test_the_summary_is_right(record: Record) -> None:
    path = record(a_bit_of_everything(40), chunk_bytes=3000)
    with path.open("rb") as file:
        reader = make_reader(file, validate_crcs=True)
        assert isinstance(reader, SeekingReader)
        summary = reader.get_summary()
        assert reader.get_header().profile == "sensorium"
        span = {"starting_at": START + 15 * MS, "ending_before": START + 30 * MS}
        middle = list(reader.iter_messages(**span))
    assert summary is not None
    assert summary.statistics is not None
    counts = summary.statistics.channel_message_counts
    topics = {summary.channels[number].topic: count for number, count in counts.items()}
    assert topics == {
        "camera/front/image": 10, "microphone/audio": 10, "vision/objects": 10, "chat/text": 10,
    }  # fmt: skip
    assert summary.statistics.message_start_time == START + 5 * MS
    assert summary.statistics.message_end_time == START + 44 * MS
    assert len(summary.chunk_indexes) == summary.statistics.chunk_count > 3
    assert len(middle) == 15


def test_message_indexes_point_at_messages(record: Record) -> None:
    path = record(a_bit_of_everything(20), chunk_bytes=3000, compression="none")
    chunks, pointed = 0, 0
    with path.open("rb") as file:
        for one in StreamReader(file, emit_chunks=True, validate_crcs=True).records:
            if isinstance(one, Chunk):
                chunks, chunk = chunks + 1, one.data
            elif isinstance(one, MessageIndex):
                for log_time, offset in one.records:
                    assert chunk[offset] == 0x05
                    assert int.from_bytes(chunk[offset + 15 : offset + 23], "little") == log_time
                    pointed += 1
    assert pointed == 20
    assert chunks > 1


def test_metadata(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    with RecordingWriter(path) as recording:
        recording.add_metadata("first", {"a": "b"})
        recording.write(event(sound()))
        recording.add_metadata("second", {"ü": "“”"})
    with path.open("rb") as file:
        found = {one.name: one.metadata for one in make_reader(file).iter_metadata()}
    assert found == {"first": {"a": "b"}, "second": {"ü": "“”"}}


def test_an_empty_recording_opens(record: Record) -> None:
    assert read(record([])) == []
