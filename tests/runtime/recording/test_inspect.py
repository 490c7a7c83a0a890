"""``sensorium inspect``: what it says of a recording."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from recorded import MS, START, a_bit_of_everything, event, sound

from sensorium.cli.inspect import inspect
from sensorium.events import Event
from sensorium.payloads import Text
from sensorium.recording.records import DropCounts, EdgeCounts
from sensorium.recording.summary import BINS
from sensorium.recording.writer import RecordingWriter

Record = Callable[..., Path]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(inspect, [str(one) for one in arguments])


def channel(found: dict[str, Any], topic: str) -> dict[str, Any]:
    (one,) = (one for one in found["channels"] if one["topic"] == topic)
    return dict(one)


def test_rates_ages_and_gaps(record: Record) -> None:
    times = [0, 10, 20, 30, 40, 90]
    events = [
        Event("chat/text", Text("a"), START + at * MS - age * MS, START + at * MS, "test", number)
        for number, (at, age) in enumerate(zip(times, (1, 2, 3, 4, 5, 100), strict=True))
    ]
    found = json.loads(run(record(events), "--json").output)
    one = channel(found, "chat/text")
    assert (one["messages"], one["type"], one["schema"]) == (6, "text", "sensorium.text")
    assert one["rate_hz"] == pytest.approx(5 / 0.09)
    assert one["age_ms_p50"] == pytest.approx(3.5)
    assert 90 < one["age_ms_p99"] <= 100
    assert one["longest_gap_s"] == pytest.approx(0.05)
    assert sum(one["timeline"]) == 6
    assert len(one["timeline"]) == BINS
    assert (found["start"], found["seconds"]) == (START, pytest.approx(0.09))
    assert found["state"] == "whole"


def test_drops_of_subscriptions_and_of_the_recorder(record: Record) -> None:
    edges = (
        EdgeCounts("faces.image", "camera/#", "latest", 9, 4, {"superseded": 5}, 0, 0),
        EdgeCounts("chat.text", "chat/#", "block(64)", 9, 9, {}, 0, 0),
    )
    path = record([DropCounts(START, edges, {}), DropCounts(START, edges, {"camera": 7})])
    found = json.loads(run(path, "--json").output)
    assert found["dropped"] == {"faces.image": {"superseded": 5}}
    assert found["given_up"] == {"camera": 7}
    text = run(path).output
    assert "dropped by faces.image: 5 superseded" in text
    assert "not recorded 7 of camera" in text


def test_a_table_for_people(record: Record) -> None:
    result = run(record(a_bit_of_everything(40)))
    assert result.exit_code == 0
    (line,) = (line for line in result.output.splitlines() if "camera/front/image" in line)
    assert line.split()[:3] == ["camera/front/image", "image", "10"]
    assert "40 messages in 0.0 s from 2023-11-14 22:13:20 UTC, whole" in result.output
    assert "drops: not counted in this file" in result.output


def test_versions_and_settings(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    with RecordingWriter(path) as recording:
        recording.add_metadata("sensorium.session", {"sensorium": "1.2.3", "seed": "7"})
        recording.add_metadata("sensorium.settings", {"json": '{"agent": {"seed": 7}}'})
        recording.add_metadata("sensorium.plugin.mine", {"origin": "mine 1.0"})
        recording.write(event(sound()))
    assert "sensorium 1.2.3, seed 7" in run(path).output
    assert "plugin: mine  mine 1.0" in run(path).output
    found = json.loads(run(path, "--json").output)
    assert found["metadata"]["sensorium.settings"]["json"] == {"agent": {"seed": 7}}


def test_a_file_that_was_cut_off(record: Record) -> None:
    path = record(a_bit_of_everything(40), chunk_bytes=3000)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    result = run(path)
    assert result.exit_code == 0
    assert "cut off" in result.output
    assert "are no whole record" in result.output


def test_a_file_that_is_damaged(record: Record) -> None:
    path = record(a_bit_of_everything(40), chunk_bytes=3000)
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 0xFF
    path.write_bytes(data)
    result = run(path, "--json")
    assert result.exit_code == 1
    found = json.loads(result.output)
    assert found["state"] == "damaged"
    assert "byte " in found["damage"]
    assert 0 < found["messages"] < 40


def test_an_empty_recording(record: Record) -> None:
    result = run(record([]))
    assert result.exit_code == 0
    assert "0 messages" in result.output


def test_nothing_in_a_file_commands_the_terminal(record: Record) -> None:
    topic = "a\x1b[31m\x07[bold]x"
    edges = (EdgeCounts("e\x1b]0;b", "#", "latest", 2, 1, {"superseded": 1}, 0, 0),)
    result = run(record([event(Text("a"), 0, topic), DropCounts(START, edges, {topic: 1})]))
    assert result.exit_code == 0
    assert "\x1b" not in result.output
    assert "\x07" not in result.output
    assert "a\ufffd[31m\ufffd[bold]x" in result.output
    assert "e\ufffd]0;b" in result.output
