"""``sensorium export``: other tools read what was recorded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import av
import numpy as np
import PIL.Image
import pytest
import soundfile
from click.testing import CliRunner, Result
from recorded import MS, START, event, picture, sound, spots

from sensorium.errors import OutputFailed
from sensorium.events import Event
from sensorium.payloads import Audio, Image, Metric, State, Text, TextLines
from sensorium.recording.writer import RecordingWriter
from sensorium_plugins.commands.export import export

S = 1000 * MS


def run(*arguments: object) -> Result:
    return CliRunner().invoke(export, [str(one) for one in arguments])


def write(path: Path, events: list[Event[Any]]) -> Path:
    with RecordingWriter(path) as recording:
        for one in events:
            recording.write(one)
    return path


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    events = []
    for number in range(10):
        events.append(event(picture(number, 48, 64), 40 * number, "camera/front/image"))
        events.append(event(sound(number, 640), 40 * number, "microphone/audio"))
        events.append(event(Text(f"word {number}"), 40 * number, "chat/text"))
    return write(tmp_path / "a.mcap", events)


def test_a_file_for_each_topic(recorded: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = run(recorded, out)
    assert result.exit_code == 0, result.output
    assert sorted(path.relative_to(out).as_posix() for path in out.rglob("*.*")) == [
        "camera/front/image.mp4", "chat/text.jsonl", "microphone/audio.wav",
    ]  # fmt: skip
    lines = [json.loads(line) for line in (out / "chat/text.jsonl").read_text().splitlines()]
    assert [line["text"] for line in lines] == [f"word {number}" for number in range(10)]
    assert lines[3]["_event"]["originating_time"] == START + 120 * MS


def test_sound_is_the_sound(recorded: Path, tmp_path: Path) -> None:
    assert run(recorded, tmp_path / "out", "--topic", "microphone/#").exit_code == 0
    samples, rate = soundfile.read(tmp_path / "out/microphone/audio.wav", dtype="float32")
    assert rate == 16_000
    whole = np.concatenate([sound(number, 640).samples for number in range(10)])
    assert np.array_equal(samples, whole)
    assert not (tmp_path / "out/chat").exists()


def test_a_gap_is_silence_and_another_rate_another_file(tmp_path: Path) -> None:
    loud = np.full(1600, 0.5, np.float32)
    times = (0, 1 * S, 5000 * S)
    events = [
        Event("a", Audio(loud, 16_000), START + at, START + at, "t", n)
        for n, at in enumerate(times)
    ]
    events.append(Event("a", Audio(loud, 8_000), START + 5001 * S, START, "t", 4))
    assert run(write(tmp_path / "a.mcap", events), tmp_path / "out").exit_code == 0
    samples, _ = soundfile.read(tmp_path / "out/a.wav")
    assert len(samples) == 16_000 + 1600 + 1600  # the long gap is left out
    assert not samples[1600:16_000].any()
    assert samples[16_000:].all()
    assert soundfile.info(tmp_path / "out/a-2.wav").samplerate == 8_000


def test_a_film_keeps_time(tmp_path: Path) -> None:
    times = (0, 40, 80, 500, 540)
    grey = [Image(np.full((48, 64, 3), 40 * n, np.uint8)) for n in range(5)]
    odd = Image(np.full((30, 41, 3), 200, np.uint8))
    events = [event(one, at, "camera") for one, at in zip(grey, times, strict=True)]
    events.append(event(odd, 600, "camera"))
    assert run(write(tmp_path / "a.mcap", events), tmp_path / "out").exit_code == 0
    with av.open(str(tmp_path / "out/camera.mp4")) as film:
        frames = [(frame.time, frame.to_ndarray(format="rgb24")) for frame in film.decode(video=0)]
    assert [round(at * 1000) for at, _ in frames] == [*times, 600]
    for number, (_, pixels) in enumerate(frames[:5]):
        assert pixels.shape == (48, 64, 3)
        assert abs(float(pixels.mean()) - 40 * number) < 6


def test_frames_lose_nothing(recorded: Path, tmp_path: Path) -> None:
    assert run(recorded, tmp_path / "out", "--frames", "--topic", "camera/#").exit_code == 0
    files = sorted((tmp_path / "out/camera/front/image").glob("*.png"))
    assert len(files) == 10
    assert files[2].name == f"000002-{(START + 80 * MS) // MS}.png"
    with PIL.Image.open(files[2]) as opened:
        assert np.array_equal(np.asarray(opened), picture(2, 48, 64).data)


def test_rerun_reads_its_recording(tmp_path: Path) -> None:
    from rerun.chunk import RrdReader

    image = event(picture(1, 48, 64), 0, "camera/image", source="camera")
    found = event(spots(), 1, "vision/objects", parents=(image.id,))
    corners = np.zeros((1, 4, 2), np.float32)
    events = [
        image, found, event(sound(), 2, "microphone/audio"), event(Text("hello"), 3, "chat/text"),
        event(Metric("load", 0.5, ""), 4, "metrics"), event(State({"on": True, "who": "a"}), 5),
        event(TextLines(("word",), (1.0,), corners), 6, "vision/text", parents=(image.id,)),
    ]  # fmt: skip
    path = tmp_path / "a.rrd"
    result = run(write(tmp_path / "a.mcap", events), "--rerun", path)
    assert result.exit_code == 0, result.output
    rows: dict[str, Any] = {}
    for chunk in RrdReader(path).stream():
        rows[str(chunk.entity_path)] = chunk.to_record_batch()
    assert rows.keys() >= {
        "/camera/image", "/camera/image/vision/objects", "/microphone/audio/level", "/chat/text",
        "/metrics/load", "/state/on", "/state/who", "/camera/image/vision/text", "/vision/text",
    }  # fmt: skip
    words = rows["/chat/text"]
    assert words.column("TextLog:text").to_pylist() == [["hello"]]
    (at,) = words.column("originating").cast("int64").to_pylist()
    assert at == START + 3 * MS
    (pixels,) = rows["/camera/image"].column("Image:buffer").to_pylist()
    assert bytes(pixels[0]) == picture(1, 48, 64).data.tobytes()
    (boxes,) = rows["/camera/image/vision/objects"].column("Boxes2D:labels").to_pylist()
    assert boxes == ["cup"]


def test_nothing_is_overwritten(recorded: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine").write_text("precious")
    assert "overwrites nothing" in str(run(recorded, tmp_path / "out").exception)
    (tmp_path / "a.rrd").write_text("precious")
    result = run(recorded, "--rerun", tmp_path / "a.rrd")
    assert "overwrites nothing" in str(result.exception)
    assert (tmp_path / "a.rrd").read_text() == "precious"


def test_topics_stay_in_the_folder_and_apart(tmp_path: Path) -> None:
    topics = ("../up", "a//b", "a/b", "a b", "a$b", "a_b")
    events = [event(Text(topic), n, topic) for n, topic in enumerate(topics)]
    assert run(write(tmp_path / "a.mcap", events), tmp_path / "out").exit_code == 0
    files = list(tmp_path.rglob("*.jsonl"))
    assert all(path.is_relative_to(tmp_path / "out") for path in files)
    words = {json.loads(path.read_text())["text"] for path in files}
    assert words == set(topics)
    assert len(files) == len(topics)


def test_needs_somewhere_to_write(recorded: Path) -> None:
    result = run(recorded)
    assert result.exit_code == 2
    assert "name a folder, or --rerun FILE" in result.output


def test_what_was_cut_off_is_exported_as_far_as_it_goes(recorded: Path, tmp_path: Path) -> None:
    recorded.write_bytes(recorded.read_bytes()[:-500])
    result = run(recorded, tmp_path / "out", "--topic", "chat/#")
    assert "is not whole" in result.stderr
    assert (tmp_path / "out/chat/text.jsonl").read_text().count("\n") == 10


def test_a_rate_that_changes_writes_over_no_other_topic(tmp_path: Path) -> None:
    high, low = Audio(np.ones(160, np.float32), 16_000), Audio(np.ones(80, np.float32), 8_000)
    events = [event(high, 0, "mic"), event(high, 1, "mic-2"), event(low, 20, "mic")]
    assert run(write(tmp_path / "a.mcap", events), tmp_path / "out").exit_code == 0
    rates = {path.name: soundfile.info(path).samplerate for path in (tmp_path / "out").iterdir()}
    assert rates == {"mic.wav": 16_000, "mic-2.wav": 16_000, "mic-3.wav": 8_000}


def test_small_gaps_add_up_and_a_clock_that_is_set_does_not(tmp_path: Path) -> None:
    block = Audio(np.ones(1600, np.float32), 16_000)  # 100 ms
    lost = [event(block, 200 * n, "lost") for n in range(50)]  # every other block was dropped
    early = [event(block, at, "early") for at in (3_600_000, 3_600_100, 0, 100, 200, 1000)]
    assert run(write(tmp_path / "a.mcap", [*lost, *early]), tmp_path / "out").exit_code == 0
    samples, _ = soundfile.read(tmp_path / "out/lost.wav")
    assert abs(len(samples) / 16_000 - 9.9) <= 0.25
    assert samples.sum() == 50 * 1600
    samples, _ = soundfile.read(tmp_path / "out/early.wav")
    assert len(samples) == 200 * 16 + 1100 * 16


def test_more_topics_than_files_may_be_open(tmp_path: Path) -> None:
    import resource

    events = [event(Text(f"{n % 150}"), n, f"topic/{n % 150}") for n in range(300)]
    path = write(tmp_path / "a.mcap", events)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, hard))
    try:
        result = run(path, tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert result.exit_code == 0, result.exception
    files = list((tmp_path / "out/topic").iterdir())
    assert len(files) == 150
    assert all(path.read_text().count(f'"text":"{path.stem}"') == 2 for path in files)


def test_topics_whose_names_are_longer_than_those_of_files(tmp_path: Path) -> None:
    events = [event(Text(letter), 0, "音" * 300 + letter) for letter in "ab"]
    assert run(write(tmp_path / "a.mcap", events), tmp_path / "out").exit_code == 0
    assert len(list((tmp_path / "out").glob("*.jsonl"))) == 2


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (17, 15), (1, 300)])
def test_pictures_of_odd_sizes(tmp_path: Path, size: tuple[int, int]) -> None:
    picture = Image(np.full((*size, 3), 120, np.uint8))
    events = [event(picture, at, "camera") for at in (0, 7, 5, 4000)]
    assert run(write(tmp_path / "a.mcap", events), tmp_path / "out").exit_code == 0
    with av.open(str(tmp_path / "out/camera.mp4")) as film:
        times = [frame.time for frame in film.decode(video=0)]
    assert len(times) == 4
    assert times == sorted(times)
    assert times[-1] == 4.0


def test_rerun_takes_odd_topics_and_times(tmp_path: Path) -> None:
    from rerun.chunk import RrdReader

    late = Event("a", Text("late"), -5, 2**64, "s", 0)
    events = [event(Text("a"), 1, "a b/ü$//x"), event(State({"x/y": 10**300}), 2, "s"), late]
    result = run(write(tmp_path / "a.mcap", events), "--rerun", tmp_path / "a.rrd")
    assert result.exit_code == 0, result.exception
    places = {str(chunk.entity_path) for chunk in RrdReader(tmp_path / "a.rrd").stream()}
    assert {r"/a\ b/ü\$/x", r"/s/x\/y", "/a"} <= places


def test_what_cannot_be_written_says_so(recorded: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    for arguments in ((tmp_path / "file" / "out",), ("--rerun", tmp_path / "file" / "a.rrd")):
        result = run(recorded, *arguments)
        assert isinstance(result.exception, OutputFailed)
        assert "cannot be written" in str(result.exception)


def test_mcap_files_of_others_are_refused(tmp_path: Path) -> None:
    from mcap.writer import Writer

    with (tmp_path / "theirs.mcap").open("wb") as file:
        writer = Writer(file)
        writer.start("ros2", "theirs")
        writer.finish()
    result = run(tmp_path / "theirs.mcap", tmp_path / "out")
    assert "profile 'ros2', not a recording of Sensorium" in str(result.exception)
    assert not (tmp_path / "out").exists()
