"""``sensorium recover``: what can be read, in a file that is whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from click.testing import CliRunner
from mcap.reader import make_reader
from recorded import START, a_bit_of_everything

from sensorium.cli.recover import recover
from sensorium.payloads import PayloadRegistry
from sensorium.recording.digest import event_digest
from sensorium.recording.layout import read_layout
from sensorium.recording.reader import open_recording
from sensorium.recording.writer import RecordingWriter
from sensorium.trace import Taken

EVENTS = a_bit_of_everything(24)


def broken(path: Path, keep: int, *, flip: bool = False) -> Path:
    """A recording with metadata whose chunk number ``keep`` is not whole."""
    with RecordingWriter(path, chunk_bytes=3000) as recording:
        recording.add_metadata("sensorium.session", {"seed": "7"})
        for one in EVENTS:
            recording.write(one)
            recording.write(Taken("a", 0, one.id, START))
    with path.open("rb") as file:
        start = read_layout(file.fileno(), path).chunks[keep].start
    data = bytearray(path.read_bytes())
    if flip:
        data[start + 24] ^= 0xFF
    else:
        del data[start + 30 :]
    path.write_bytes(data)
    return path


def check(cut: Path, whole: Path) -> int:
    with open_recording(cut, payloads=PayloadRegistry()) as recording:
        before = []
        for one in recording.messages():
            before.append((one.channel.topic, one.log_time, one.data))
            if len(before) == count_of(whole):
                break
    with open_recording(whole, payloads=PayloadRegistry()) as recording:
        assert recording.whole
        assert recording.metadata == {"sensorium.session": {"seed": "7"}}
        after = [(one.channel.topic, one.log_time, one.data) for one in recording.messages()]
        events = [event_digest(one) for one in recording.events()]
    assert after == before
    assert events == [event_digest(one) for one in EVENTS[: len(events)]]
    return len(after)


def count_of(path: Path) -> int:
    with path.open("rb") as file:
        summary = make_reader(file, validate_crcs=True).get_summary()
    assert summary is not None
    assert summary.statistics is not None
    return int(summary.statistics.message_count)


def test_a_file_that_was_cut_off(tmp_path: Path) -> None:
    cut, whole = broken(tmp_path / "cut.mcap", 3), tmp_path / "whole.mcap"
    result = CliRunner().invoke(recover, [str(cut), str(whole)])
    assert result.exit_code == 0
    count = check(cut, whole)
    assert 0 < count < 2 * len(EVENTS)
    assert result.output == f"{whole}  {count} messages\n"


def test_a_file_that_is_damaged(tmp_path: Path) -> None:
    cut, whole = broken(tmp_path / "cut.mcap", 3, flip=True), tmp_path / "whole.mcap"
    result = CliRunner().invoke(recover, [str(cut), str(whole)])
    assert check(cut, whole) > 0
    assert "what follows is lost" in result.stderr
    assert "checksum" in result.stderr


def test_nothing_is_overwritten(tmp_path: Path, record: Callable[..., Path]) -> None:
    path = record(EVENTS)
    result = CliRunner().invoke(recover, [str(path), str(path)])
    assert "overwrites nothing" in str(result.exception)
