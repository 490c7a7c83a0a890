"""Recorders that fail, that are two, and that come and go while the session runs."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import strict_mcap
from recorded import event, picture
from session_parts import Counting, Shouting

from sensorium import Session, load_settings
from sensorium.errors import RecordingFailed
from sensorium.events import Event
from sensorium.payloads import PayloadRegistry, Text
from sensorium.plugins import load_plugins
from sensorium.recording import file as file_module
from sensorium.recording.queue import RecordQueue
from sensorium.recording.reader import open_recording
from sensorium.recording.recorder import Recorder
from sensorium.recording.writer import RecordingWriter
from sensorium.recording.writing import WritingThread
from sensorium.settings import ComponentSettings
from sensorium.trace import ClockRead

REGISTRY = PayloadRegistry()
LARGE = picture(1, 300, 300)


def session(recorders: dict[str, str]) -> Session:
    plugins = load_plugins(installed=False)
    plugins.kinds["source"].add("counting", Counting)
    plugins.kinds["perceiver"].add("shouting", Shouting)
    plugins.kinds["sink"].add("recorder", Recorder)
    components: dict[str, Any] = {
        name: {"use": "recorder", "options": {"path": path}} for name, path in recorders.items()
    }
    components |= {"counting": {"options": {"count": 4}}, "shouting": {}}
    settings = load_settings(environ={}, overrides={"components": components})
    return Session(settings, plugins)


def topics(path: Path) -> Counter[str]:
    with open_recording(path, payloads=REGISTRY) as recording:
        assert recording.whole
        found = Counter(one.topic for one in recording.events())
    strict_mcap.check(path.read_bytes())
    return found


async def test_two_record_the_same_session(tmp_path: Path, no_leaks: None) -> None:
    one, two = tmp_path / "one.mcap", tmp_path / "two.mcap"
    async with session({"first": str(one), "second": str(two)}) as running:
        await running.wait()
    assert topics(one)["text/counting"] == topics(two)["text/counting"] == 4
    assert topics(one)["loud/shouting"] == 4


async def test_two_that_begin_in_one_second(tmp_path: Path, no_leaks: None) -> None:
    path = str(tmp_path / "{time}.mcap")
    recorders = {"first": path, "second": path, "third": path}
    async with session(recorders) as running:
        await running.wait()
        assert [running.runners[name].failure for name in recorders] == [None] * 3
    files = sorted(tmp_path.iterdir())
    assert len(files) == 3
    assert all(topics(file)["text/counting"] == 4 for file in files)


async def test_stopped_before_the_session_and_begun_after_it(tmp_path: Path) -> None:
    one, two = tmp_path / "one.mcap", tmp_path / "two.mcap"
    async with session({"first": str(one)}) as running:
        await running.settled()
        await running.stop_component("first")
        assert topics(one)["text/counting"] == 4
        size = one.stat().st_size
        options = {"path": str(two)}
        await running.start_component("again", ComponentSettings(use="recorder", options=options))
        await running.bus.publish("text/later", Text("hello"), source="test")
        await running.settled()
    assert one.stat().st_size == size
    assert topics(two)["text/later"] == 1
    assert topics(two)["text/counting"] == 0


@pytest.mark.parametrize(
    ("place", "what"),
    [
        ("notes.txt/a.mcap", "the folder .*notes.txt cannot be made"),
        ("folder", "exists already"),
        ("a\0b.mcap", "null"),
        ("x" * 300 + ".mcap", "too long"),
        ("link.mcap", "exists already"),
    ],
)
async def test_a_path_that_is_none(tmp_path: Path, place: str, what: str) -> None:
    (tmp_path / "notes.txt").write_text("precious")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link.mcap").symlink_to(tmp_path / "nowhere")
    with pytest.raises(RecordingFailed, match=what):
        RecordingWriter(tmp_path / place)
    assert (tmp_path / "notes.txt").read_text() == "precious"
    assert not (tmp_path / "nowhere").exists()


class Full:
    """A disk on which the writes from number ``after`` on find no room."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
        self.failed = 0
        real, left = file_module.os.writev, [after]  # type: ignore[attr-defined]

        def writev(file: int, parts: Any) -> int:
            left[0] -= 1
            if left[0] >= 0:
                return int(real(file, parts))
            self.failed += 1
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(file_module.os, "writev", writev)  # type: ignore[attr-defined]


@pytest.mark.parametrize("after", range(2, 12))
def test_what_a_full_disk_takes_is_counted_to_the_last_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    """Pictures that have chunks of their own, clock reads that share messages, several channels."""
    queue = RecordQueue(1 << 30, 10_000)
    put: Counter[str] = Counter()
    for number in range(40):
        for _ in range(number % 3):
            queue.put(ClockRead("a", number), "$trace/clock")
            put["$trace/clock"] += 1
        payload = (LARGE, Text("a"), picture(number))[number % 3]
        topic = ("camera", "both", "both")[number % 3]
        queue.put_event(event(payload, number, topic))
        put[topic] += 1
    queue.close()
    full = Full(monkeypatch, after)
    path, failures = tmp_path / "a.mcap", list[RecordingFailed]()
    writer = RecordingWriter(path, chunk_bytes=3000)
    options = Recorder.Options()
    thread = WritingThread(writer, queue, None, options, _log(), failures.append)
    thread.stop()
    thread.start()
    thread.join(20)
    assert full.failed >= 1
    assert ["No space left" in str(one) for one in failures] == [True]
    with open_recording(path, payloads=REGISTRY) as recording:
        kept = Counter(
            one.topic if isinstance(one, Event) else "$trace/clock" for one in recording.records()
        )
    counts = queue.statistics()
    assert counts.given_up == put - kept
    assert counts.written == kept.total()
    assert counts.published == put.total()
    assert counts.pending == 0


async def test_the_end_says_what_was_given_up(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    async with session({"first": str(path)}) as running:
        await running.bus.publish("text/odd", Text("a"), source="\ud800")
        await running.wait()
    with open_recording(path, payloads=REGISTRY) as recording:
        end = recording.metadata["sensorium.end"]
        records = sum(1 for _ in recording.records())
    odd = {"text/odd": 1, "$trace/taken": 1, "loud/shouting": 1}  # all that names its source
    assert json.loads(end["given_up"]) == odd
    assert int(end["published"]) == int(end["written"]) + 3
    assert int(end["written"]) == records


def _log() -> Any:
    import logging

    return logging.LoggerAdapter(logging.getLogger("test"), {})
