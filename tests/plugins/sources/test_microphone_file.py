from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from sensorium import VirtualClock
from sensorium_plugins.sources.sound import Chunker

from .conftest import SCENE, WatchedClock, failure, play, running

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sensorium.events import AnyEvent

TOPIC = "microphone/it/audio"
START = 1_700_000_000_000_000_000
SPEECH = SCENE / "what-do-you-see.flac"  # 16 kHz, mono


def chunks(events: Sequence[AnyEvent]) -> list[AnyEvent]:
    return [event for event in events if event.topic == TOPIC]


def joined(events: Sequence[AnyEvent]) -> np.ndarray:
    return np.concatenate([e.payload.samples for e in chunks(events)])


def sine(hz: float, rate: int, seconds: float) -> np.ndarray:
    return (0.5 * np.sin(2 * math.pi * hz * np.arange(round(rate * seconds)) / rate)).astype("f4")


async def test_file_comes_whole_in_chunks_with_exact_times_and_silence_after() -> None:
    events = await play("microphone", {"source": str(SPEECH), "pace": "fast"}, VirtualClock(START))
    sound, rate = soundfile.read(SPEECH, dtype="float32")
    assert rate == 16_000
    heard = joined(events)
    assert {len(e.payload.samples) for e in chunks(events)} == {512}
    np.testing.assert_array_equal(heard[: len(sound)], sound)
    assert not heard[len(sound) :].any()
    assert 12_800 <= len(heard) - len(sound) < 12_800 + 512  # 800 ms, filled up to a chunk
    times = [e.originating_time for e in chunks(events)]
    assert times == [START + k * 32_000_000 for k in range(len(times))]


async def test_real_time_gives_a_chunk_when_its_last_sample_is_due() -> None:
    clock = WatchedClock(START)
    async with running("microphone", {"source": str(SPEECH)}, clock) as it:
        for index in range(40):
            assert await clock.wake_source() == START + (index + 1) * 32_000_000
            event = await it.next(TOPIC)
            assert event.originating_time == START + index * 32_000_000


async def test_times_do_not_drift_where_a_chunk_is_no_whole_number_of_ns(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "s.wav", np.zeros(44_100 * 20, "f4"), 44_100)
    options = {"source": str(tmp_path / "s.wav"), "sample_rate": 44_100, "chunk_ms": 10}
    events = chunks(await play("microphone", {**options, "pace": "fast"}, VirtualClock(START)))
    assert len(events) == 2080
    for index, event in enumerate(events):
        assert event.originating_time == START + index * 441 * 10**9 // 44_100


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000])
async def test_other_rates_are_resampled_in_place(tmp_path: Path, rate: int) -> None:
    soundfile.write(tmp_path / "s.wav", sine(440, rate, 2.0), rate)
    options = {"source": str(tmp_path / "s.wav"), "pace": "fast"}
    heard = joined(await play("microphone", options, VirtualClock()))[:32_000]
    wanted = sine(440, 16_000, 2.0)
    middle = slice(1600, -1600)  # away from the abrupt ends
    assert np.abs(heard[middle] - wanted[middle]).max() < 0.01  # no delay, no change in level


async def test_what_the_lower_rate_cannot_hold_is_filtered_out(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "s.wav", sine(12_000, 48_000, 1.0), 48_000)
    heard = joined(
        await play(
            "microphone", {"source": str(tmp_path / "s.wav"), "pace": "fast"}, VirtualClock()
        )
    )
    assert np.abs(heard[1600:14_400]).max() < 0.001  # it would fold back to 4 kHz


async def test_stereo_is_mixed_down_and_odd_values_are_tamed(tmp_path: Path) -> None:
    left, right = np.full(16_000, 0.5, "f4"), np.full(16_000, -0.1, "f4")
    left[5], left[6], right[6] = np.nan, 3.0, 3.0
    soundfile.write(tmp_path / "s.wav", np.stack([left, right], 1), 16_000, subtype="FLOAT")
    options = {"source": str(tmp_path / "s.wav"), "pace": "fast"}
    heard = joined(await play("microphone", options, VirtualClock()))
    np.testing.assert_allclose(heard[10:100], 0.2, atol=1e-6)
    assert heard[5] == 0.0
    assert heard[6] == 1.0


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "MP3", "OGG"])
async def test_the_usual_formats(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"s.{kind.lower()}"
    soundfile.write(path, sine(440, 16_000, 3.0), 16_000, format=kind)
    whole, _ = soundfile.read(path, dtype="float32")
    heard = joined(await play("microphone", {"source": str(path), "pace": "fast"}, VirtualClock()))
    np.testing.assert_allclose(heard[: len(whole)], whole, atol=1e-6)
    assert 0.3 < np.sqrt(np.mean(heard[8_000:24_000] ** 2)) < 0.4  # 0.5 / sqrt 2
    assert not heard[len(whole) :].any()


async def test_no_trailing_silence_when_none_is_wanted(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "s.wav", np.full(1024, 0.5, "f4"), 16_000)
    options = {"source": str(tmp_path / "s.wav"), "pace": "fast", "trailing_silence_ms": 0}
    assert len(joined(await play("microphone", options, VirtualClock()))) == 1024


async def test_long_files_are_read_in_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    soundfile.write(tmp_path / "s.wav", np.zeros(16_000 * 60, "f4"), 16_000)
    asked: list[int] = []
    read = soundfile.SoundFile.read

    def watched(self: soundfile.SoundFile, frames: int = -1, **more: object) -> object:
        asked.append(frames)
        return read(self, frames, **more)

    monkeypatch.setattr(soundfile.SoundFile, "read", watched)
    await play("microphone", {"source": str(tmp_path / "s.wav"), "pace": "fast"}, VirtualClock())
    assert set(asked) == {8000}


async def test_broken_files_are_named_with_what_is_wrong(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "nothing.wav", np.zeros(0, "f4"), 16_000)
    (tmp_path / "empty.wav").write_bytes(b"")
    (tmp_path / "text.wav").write_text("this is only text " * 50)
    (tmp_path / "picture.mp3").write_bytes((SCENE / "cat.jpg").read_bytes())
    reasons = {
        "nothing.wav": "holds no sound",
        "empty.wav": "is empty (0 bytes)",
        "text.wav": "is not sound",
        "picture.mp3": "",
    }
    for name, reason in reasons.items():
        failed = await failure("microphone", {"source": str(tmp_path / name)})
        assert failed.kind == "BadInput", failed.error
        assert str(tmp_path / name) in failed.error
        assert reason in failed.error


@pytest.mark.parametrize(
    ("kind", "said"), [("FLAC", "is broken after"), ("MP3", "of 80000 samples: it is cut")]
)
async def test_a_file_that_is_cut_gives_what_it_has_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, kind: str, said: str
) -> None:
    path = tmp_path / f"cut.{kind.lower()}"
    soundfile.write(path, sine(440, 16_000, 5.0), 16_000, format=kind)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    events = await play("microphone", {"source": str(path), "pace": "fast"}, VirtualClock())
    assert said in caplog.text
    assert str(path) in caplog.text
    assert len(joined(events)) > 30_000


async def test_missing_file_is_unavailable_and_named(tmp_path: Path) -> None:
    for name in ("none.wav", "none"):
        failed = await failure("microphone", {"source": str(tmp_path / name)})
        assert failed.kind == "SourceUnavailable"
        assert str(tmp_path / name) in failed.error


def test_chunks_are_the_same_however_the_blocks_are_cut() -> None:
    sound = sine(300, 44_100, 1.0)
    results = []
    for size in (441, 7000, len(sound)):
        chunker = Chunker(44_100, 16_000, 512)
        out = [
            chunk
            for at in range(0, len(sound), size)
            for chunk in chunker.push(sound[at : at + size], last=at + size >= len(sound))
        ]
        assert [chunk.position for chunk in out] == [k * 512 for k in range(len(out))]
        results.append(np.concatenate([chunk.samples for chunk in out]))
    for other in results[1:]:
        np.testing.assert_allclose(other, results[0], atol=1e-6)
