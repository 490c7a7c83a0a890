"""Our files against the specification, offset by offset (``support/strict_mcap.py``)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import strict_mcap
from hypothesis import given
from hypothesis import strategies as st
from recorded import START, a_bit_of_everything, event, picture

from sensorium.errors import RecordingFailed
from sensorium.payloads import Text
from sensorium.recording import file as file_module
from sensorium.recording.reader import open_recording
from sensorium.recording.recover import recover
from sensorium.recording.writer import RecordingWriter
from sensorium.trace import ClockRead, ModelCall, ModelPart, Taken

Record = Callable[..., Path]
TRACES = (
    ClockRead("a", START), ClockRead("b", START - 5), Taken("a", 0, "test#1", START),
    ModelCall("a", "m", 0, "00", START, START, (ModelPart(START, [1.5]),), "done"),
)  # fmt: skip


@pytest.mark.parametrize("compression", ["zstd", "lz4", "none"])
@pytest.mark.parametrize("chunk_bytes", [1024, 5000, 1 << 20])
def test_all_is_where_the_file_says(record: Record, compression: str, chunk_bytes: int) -> None:
    mixed = [*TRACES, *a_bit_of_everything(40), event(picture(1, 400, 400), 50), *TRACES]
    path = record(mixed, compression=compression, chunk_bytes=chunk_bytes)
    found = strict_mcap.check(path.read_bytes())
    assert found.counts.total() == len(mixed) - 2  # clock reads in a row are one message


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b/ü", "$c"]),
            st.sampled_from([0, 40, 300, 256 * 1024]),
            st.sampled_from([-1, 0, START, 2**64 - 1, 2**70]),
            st.sampled_from(["", "flush", "metadata"]),
        ),
        max_size=12,
    )
)
def test_whatever_is_written(tmp_path: Path, steps: list[tuple[str, int, int, str]]) -> None:
    path = tmp_path / "strict.mcap"
    with RecordingWriter(path, compression="none", chunk_bytes=500) as writer:
        for number, (topic, size, at, then) in enumerate(steps):
            fields: dict[str, Any] = {"creation_time": at, "source": topic, "sequence": number}
            made = event(Text("x" * size), number, topic)
            writer.write(type(made)(topic, made.payload, at, **fields))
            if then == "flush":
                writer.flush()
            elif then == "metadata":
                writer.add_metadata("m", {"n": str(number)})
    found = strict_mcap.check(path.read_bytes())
    assert found.counts.total() == len(steps)
    path.unlink()


def test_empty(record: Record) -> None:
    assert strict_mcap.check(record([]).read_bytes()).chunks == []


def test_recovered(record: Record, tmp_path: Path) -> None:
    path = record([*TRACES, *a_bit_of_everything(40), event(picture(1, 400, 400), 50)])
    path.write_bytes(path.read_bytes()[:-400])
    out = tmp_path / "out.mcap"
    with open_recording(path) as recording:
        assert not recording.whole
        count, _ = recover(recording, out)
    assert strict_mcap.check(out.read_bytes()).counts.total() == count == 44


def test_after_a_failure_that_leaves_room_for_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the chunk that failed brought, a schema and a channel, is not in the summary either."""
    writer = RecordingWriter(tmp_path / "a.mcap")
    writer.write(event(Text("a"), 0))
    writer.flush()
    writer.write(event(picture(1), 1))
    real, failures = file_module.os.writev, iter([OSError(28, "No space left on device")])

    def full(file: int, parts: Any) -> int:
        for failure in failures:
            real(file, [b"half of it"])
            raise failure
        return real(file, parts)

    monkeypatch.setattr(file_module.os, "writev", full)
    with pytest.raises(RecordingFailed, match="No space left"):
        writer.flush()
    writer.close()
    found = strict_mcap.check((tmp_path / "a.mcap").read_bytes())
    assert len(found.channels) == len(found.schemas) == 1
    with open_recording(tmp_path / "a.mcap") as recording:
        assert recording.whole
