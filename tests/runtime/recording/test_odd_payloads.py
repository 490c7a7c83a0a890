"""Payloads that no bundled plugin has: recorded exactly, or refused, and never the recording."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import strict_mcap
from recorded import MS, START, event

from sensorium.errors import PayloadError
from sensorium.events import Event
from sensorium.payloads import Audio, Payload, PayloadRegistry, Text, payload
from sensorium.recording.digest import event_digest
from sensorium.recording.queue import RecordQueue, payload_bytes
from sensorium.recording.reader import open_recording
from sensorium.recording.summary import BINS, summarise
from sensorium.recording.writer import RecordingWriter


class Strange:
    def __repr__(self) -> str:
        raise ZeroDivisionError


@payload("test.anything")
class Anything(Payload):
    any: Any = None
    large: int = 2**80
    nothing: float = math.nan
    least: float = -math.inf


@payload("test.taken")
class Taken(Payload):
    _event: str = "mine"


REGISTRY = PayloadRegistry()
REGISTRY.register(Anything)


def deep(levels: int) -> Any:
    tree: Any = 1
    for _ in range(levels):
        tree = [tree]
    return tree


def cycle() -> Any:
    ring: list[Any] = []
    ring.append(ring)
    return ring


@pytest.mark.parametrize(
    "value",
    [
        10**400, -(2**64), math.nan, math.inf, -0.0, "\ud800", "ü\x00\x1b", {1: 2, (1, (2, 3)): 4},
        {"$": 1, "_event": 2}, '"data":"', b"\xff", np.arange(6).reshape(2, 3)[:, ::-1], deep(50),
    ],
    ids=repr,
)  # fmt: skip
def test_is_read_as_it_was_written(tmp_path: Path, value: Any) -> None:
    made = event(Anything(value), 1, "ü/$x", source="quelle ü")
    with RecordingWriter(tmp_path / "a.mcap") as writer:
        writer.write(made)
    with open_recording(tmp_path / "a.mcap", payloads=REGISTRY) as recording:
        (found,) = recording.events()
    assert event_digest(found) == event_digest(made)
    assert found.source == made.source
    strict_mcap.check((tmp_path / "a.mcap").read_bytes())


@pytest.mark.parametrize(
    "held",
    [
        Anything(Strange()), Anything(cycle()), Anything(deep(5000)), Anything({"\ud800": 1}),
        Anything(np.array(["a"])), Anything(type), Taken(),
    ],
)  # fmt: skip
def test_is_refused_and_the_rest_goes_on(tmp_path: Path, held: Payload) -> None:
    payload_bytes(held)
    path = tmp_path / "a.mcap"
    with RecordingWriter(path) as writer:
        writer.write(event(Text("before"), 0))
        with pytest.raises(PayloadError, match=r"test\.(anything|taken)"):
            writer.write(event(held, 1, "a"))
        writer.write(event(Text("after"), 2))
    with open_recording(path, payloads=REGISTRY) as recording:
        assert [one.payload.text for one in recording.events()] == ["before", "after"]
    assert len(strict_mcap.check(path.read_bytes()).channels) == 1


def test_an_envelope_that_cannot_be_written(tmp_path: Path) -> None:
    with RecordingWriter(tmp_path / "a.mcap") as writer:
        for odd in (
            event(Text("a"), source="\ud800"), event(Text("a"), topic="\ud800"),
            event(Text("a"), parents=("\ud800",)), event(Text("a"), sequence=object()),
        ):  # fmt: skip
            with pytest.raises(PayloadError, match="cannot be written"):
                writer.write(odd)
        numbers = Event("a", Text("a"), -(2**70), 2**70, "s", 2**70)
        writer.write(numbers)
    with open_recording(tmp_path / "a.mcap", payloads=REGISTRY) as recording:
        assert list(map(event_digest, recording.events())) == [event_digest(numbers)]


def test_what_is_within_counts_as_held() -> None:
    megabyte = np.zeros(1_000_000, np.uint8)
    assert payload_bytes(Anything({"a": [megabyte, {"b": "x" * 1000}]})) > 1_001_000
    assert payload_bytes(Anything(Text("x" * 500))) >= 500
    assert payload_bytes(Anything((1.5,) * 1000)) >= 8000
    queue = RecordQueue(10_000_000, 1000)
    for number in range(50):
        queue.put_event(event(Anything({"depth": megabyte}), number, "depth"))
    counts = queue.statistics()
    assert counts.pending_bytes <= 10_000_000
    assert counts.given_up == {"depth": 50 - counts.pending}
    assert 5 < counts.pending < 11


def test_times_from_one_end_to_the_other_are_summed_up(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    with RecordingWriter(path) as writer:
        for number, at in enumerate((START, -1, 0, START - MS, 2**64, 2**63)):
            writer.write(Event("a", Text("a"), START, at, "s", number))
    with open_recording(path, payloads=REGISTRY) as recording:
        summary = summarise(recording)
    (channel,) = summary.channels
    assert sum(channel.timeline) == channel.messages == 6
    assert (channel.timeline[0], channel.timeline[BINS - 1]) == (2, 1)
    assert (channel.first, channel.last) == (0, 2**64 - 1)
    assert channel.longest_gap_s == pytest.approx(2**63 / 1e9)


@pytest.mark.parametrize("sample", [math.nan, math.inf, -0.0, 1e38, 1.0, -1.0, 1e-40])
def test_sound_of_any_size(tmp_path: Path, sample: float) -> None:
    made = event(Audio(np.array([0.5, sample], np.float32), 16_000), 0)
    with RecordingWriter(tmp_path / "a.mcap") as writer:
        writer.write(made)
    with open_recording(tmp_path / "a.mcap", payloads=REGISTRY) as recording:
        (found,) = recording.events()
    assert found.payload.samples.tobytes() == made.payload.samples.tobytes()
