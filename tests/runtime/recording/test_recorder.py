"""The recorder in a session: everything, in order, and a disk that fails stops nobody."""

from __future__ import annotations

import asyncio
import json
import resource
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recorded import picture
from session_parts import Counting, Shouting

from sensorium import Session, load_settings
from sensorium.components import ComponentOptions, Input, Output, Perceiver, Source
from sensorium.events import Event
from sensorium.payloads import ComponentFailed, Image, PayloadRegistry, State, Text
from sensorium.plugins import load_plugins
from sensorium.recording import recorder as recorder_module
from sensorium.recording import writing
from sensorium.recording.reader import open_recording
from sensorium.recording.recorder import Recorder, recording_path
from sensorium.recording.records import DropCounts
from sensorium.recording.writer import RecordingWriter
from sensorium.trace import ModelCall, Taken
from sensorium.workers import Model, ModelOptions

REGISTRY = PayloadRegistry()


class Camera(Source):
    class Options(ComponentOptions):
        count: int = 20
        password: str = ""

    gives = {"image": Output("camera/{name}/image", Image)}

    async def run(self, emit: Any) -> None:
        for number in range(self.options.count):
            await emit(picture(number, 60, 80))
            await asyncio.sleep(0)


class Brightness(Model[Any, Any]):
    """The mean of a picture, and an array that the caller scribbles over."""

    class Options(ModelOptions):
        api_key: str = ""

    def load(self, device: str) -> None:
        pass

    def infer(self, batch: Any) -> Any:
        return [{"mean": float(one.mean()), "rows": one.mean(axis=(1, 2))} for one in batch]

    @classmethod
    def weights(cls, options: Any) -> dict[str, str]:
        return {"light.bin": "ab" * 32}


class Looks(Perceiver):
    takes = {"image": Input("camera/+/image", Image)}
    gives = {"text": Output("light/{name}", Text)}

    async def process(self, event: Any, emit: Any) -> None:
        answer = await self.model("brightness").infer(event.payload.data)
        await emit(Text(str(answer["mean"])))
        answer["rows"][:] = 0  # its own business: what is recorded is what the model said


class Wrong(Source):
    """Emits what no file can hold."""

    gives = {"state": Output("state/{name}", State)}

    async def run(self, emit: Any) -> None:
        await emit(State({"good": 1}))
        await emit(State({"bad": object()}))  # type: ignore[dict-item]


@asynccontextmanager
async def session(
    path: Path | str, components: dict[str, Any], options: Any = None, **tables: Any
) -> AsyncIterator[Session]:
    plugins = load_plugins(installed=False)
    for name, (component, _) in components.items():
        plugins.kinds[component.kind].add(name, component)
    plugins.kinds["sink"].add("recorder", Recorder)
    plugins.models.add("brightness", Brightness)
    layer = {
        "components": {
            **{name: {"options": given} for name, (_, given) in components.items()},
            "recorder": {"options": {"path": str(path), **(options or {})}},
        },
        "models": {"brightness": {"placement": "inline", "options": {"api_key": "s3cret"}}},
        "agent": {"name": "test", "seed": 7},
        **tables,
    }
    async with Session(load_settings(environ={}, overrides=layer), plugins) as running:
        yield running


def read(path: Path, **kinds: Any) -> list[Any]:
    with open_recording(path, payloads=REGISTRY, **kinds) as recording:
        assert recording.whole
        return list(recording.records())


async def test_all_that_happens_in_its_order(
    tmp_path: Path, no_leaks: None, no_tasks: None
) -> None:
    path = tmp_path / "sub" / "a.mcap"
    parts = {"counting": (Counting, {"count": 4}), "shouting": (Shouting, {})}
    async with session(path, parts) as running:
        heard: list[str] = []
        running.bus.tap(lambda event: heard.append(event.id), name="the test")
        await running.wait()
        tap = next(one for one in running.bus.statistics() if one.name == "recorder")
        assert tap.published == tap.delivered > 8
    records = read(path)
    ids = [one.id for one in records if isinstance(one, Event)]
    assert [one for one in heard if one in ids] == [one for one in ids if one in heard]
    assert set(heard) - set(ids) <= {"session#2"}  # that the recorder has ended
    assert ids[0] == "recorder#0"
    taken = [one for one in records if isinstance(one, Taken)]
    assert [one.event for one in taken] == [f"counting#{number}" for number in (1, 2, 3, 4)]
    for one in taken:  # an event before it is taken, what came of it after
        place = records.index(one)
        before = [other.id for other in records[:place] if isinstance(other, Event)]
        assert one.event in before
        assert one.event.replace("counting", "shouting") not in before
    counts = [one for one in records if isinstance(one, DropCounts)]
    assert "shouting.text" in {edge.name for edge in counts[-1].edges}


async def test_answers_of_models_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    async with session(path, {"camera": (Camera, {"count": 3}), "looks": (Looks, {})}) as running:
        await running.wait()
    records = read(path)
    images = [one.payload for one in records if isinstance(one, Event) and one.topic[:3] == "cam"]
    calls = [one for one in records if isinstance(one, ModelCall) and one.outcome != "begun"]
    first = [one for one in calls if one.number == 0]
    assert first[-1].outcome == "done"
    (answer,) = [part.value for one in first for part in one.parts]
    assert answer["mean"] == float(images[0].data.mean())
    assert np.array_equal(answer["rows"], images[0].data.mean(axis=(1, 2)))


async def test_says_what_ran_and_no_secrets(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    parts = {"camera": (Camera, {"count": 1, "password": "hunter2"}), "looks": (Looks, {})}
    async with session(path, parts) as running:
        await running.wait()
    with open_recording(path) as recording:
        facts = recording.metadata
        assert facts["sensorium.session"]["seed"] == "7"
        settings = json.loads(facts["sensorium.settings"]["json"])
        assert settings["components"]["camera"]["options"]["password"] == "(hidden)"
        model = facts["sensorium.model.brightness"]
        assert model["weights light.bin"] == "ab" * 32
        assert len(model["source_sha256"]) == 64
        assert json.loads(model["options"]) == {"api_key": "(hidden)"}
        end = facts["sensorium.end"]
        assert end["published"] == end["written"]
    for secret in (b"hunter2", b"s3cret"):
        assert secret not in path.read_bytes()


async def test_a_file_that_exists_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    path.write_text("precious")
    heard = []
    async with session(path, {"counting": (Counting, {})}) as running:
        running.bus.tap(heard.append, name="the test")
        await running.wait()
        assert "overwrites nothing" in str(running.runners["recorder"].failure)
    assert path.read_text() == "precious"
    assert sum(one.topic == "text/counting" for one in heard) == 3


def test_time_stands_for_the_time() -> None:
    path = recording_path("~/walk-{time}.mcap")
    assert path.name[:7] == "walk-20"
    assert path.is_absolute()


async def test_topics_that_are_wanted(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    parts = {"camera": (Camera, {"count": 2}), "counting": (Counting, {})}
    options = {"topics": ["camera/#", "text/#"], "exclude": ["text/counting"]}
    async with session(path, parts, options) as running:
        await running.wait()
    topics = {one.topic for one in read(path) if isinstance(one, Event)}
    assert topics == {"camera/camera/image"}


async def test_what_cannot_be_written_is_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "a.mcap"
    async with session(path, {"wrong": (Wrong, {})}) as running:
        await running.wait()
        assert running.failures == {}
    assert "state/wrong is not recorded, but counted" in caplog.text
    with open_recording(path, payloads=REGISTRY) as recording:
        assert len(list(recording.events(["state/#"]))) == 1
        assert json.loads(recording.metadata["sensorium.end"]["given_up"]) == {"state/wrong": 1}


class SlowDisk:
    """Holds the writer's thread until it is told to go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go = threading.Event()
        self.waiting = threading.Event()
        write = RecordingWriter.write

        def slow(writer: RecordingWriter, record: Any) -> None:
            self.waiting.set()
            assert self.go.wait(30)
            write(writer, record)

        monkeypatch.setattr(RecordingWriter, "write", slow)


async def test_a_disk_that_hangs_holds_nobody_up_and_what_is_lost_is_in_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.mcap"
    disk = SlowDisk(monkeypatch)
    parts = {"camera": (Camera, {"count": 400}), "counting": (Counting, {"count": 300})}
    async with session(path, parts, {"queue_bytes": 1 << 20}) as running:
        await running.wait()  # all 700 are published while nothing can be written
        assert disk.waiting.is_set()
        published = {one.name: one.published for one in running.bus.statistics()}["recorder"]
        disk.go.set()
    records = read(path)
    events = [one for one in records if isinstance(one, Event)]
    images = sum(one.topic == "camera/camera/image" for one in events)
    assert sum(one.topic == "text/counting" for one in events) == 300
    assert 0 < images < 100
    final = [one for one in records if isinstance(one, DropCounts)][-1]
    assert final.given_up == {"camera/camera/image": 400 - images}
    assert len(events) + 400 - images >= published


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """Writing beyond ``size`` fails part of the way, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_full_disk_fails_the_recorder_and_nobody_else(
    tmp_path: Path, no_leaks: None, no_tasks: None
) -> None:
    path = tmp_path / "a.mcap"
    parts = {"camera": (Camera, {"count": 300}), "shouting": (Shouting, {})}
    options = {"chunk_bytes": 40_000, "compression": "none"}
    failed: list[ComponentFailed] = []
    with file_size_limit(300_000):
        async with session(path, parts, options) as running:
            stopped = asyncio.Event()

            def hear(event: Any) -> None:
                if isinstance(event.payload, ComponentFailed):
                    failed.append(event.payload)
                    stopped.set()

            running.bus.tap(hear, name="the test")
            await asyncio.wait_for(stopped.wait(), 20)
            await running.wait()
            await running.bus.publish("text/after", Text("still here"), source="test")
            await running.settled()
            assert running.runners["shouting"].failure is None
    assert [(one.component, one.kind) for one in failed] == [("recorder", "RecordingFailed")]
    assert "File too large" in failed[0].error
    assert str(path) in failed[0].error
    assert 200_000 < path.stat().st_size <= 300_000
    with open_recording(path, payloads=REGISTRY) as recording:
        kept = [one for one in recording.events() if one.topic == "camera/camera/image"]
    assert [one.sequence for one in kept] == list(range(1, len(kept) + 1))
    assert 10 < len(kept) < 300


async def test_a_recording_that_cannot_be_ended_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(recorder_module, "COUNT_S", 1000)
    path = tmp_path / "a.mcap"
    with file_size_limit(4000):
        parts = {"counting": (Counting, {"count": 200})}
        async with session(path, parts, {"compression": "none"}) as running:
            await running.wait()
    assert "recorder failed in close" in caplog.text
    assert path.stat().st_size <= 4000


async def test_a_mistake_of_ours_is_an_error_of_the_recorder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(writing.WritingThread, "_write_facts", broken)
    async with session(tmp_path / "a.mcap", {"counting": (Counting, {})}) as running:
        await running.runners["recorder"].ended.wait()
        assert "ZeroDivisionError: oh" in str(running.runners["recorder"].failure)
        await running.wait()


def test_patterns_are_checked() -> None:
    with pytest.raises(ValueError, match="'#' stands alone"):
        Recorder.Options(topics=("a#",))
