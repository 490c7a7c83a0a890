"""The live microphone against a stand-in for sounddevice: no test machine has a microphone."""

from __future__ import annotations

import importlib.abc
import sys
import threading
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from .conftest import WatchedClock, failure, running, until

if TYPE_CHECKING:
    from collections.abc import Callable

TOPIC = "microphone/it/audio"
STATE = "system/source_state"
START = 1_700_000_000_000_000_000
BLOCK = 32_000_000  # ns


class PortAudioError(Exception):
    pass


class FakeSound(ModuleType):
    """As much of sounddevice as is used, with devices that a test can plug and unplug."""

    PortAudioError = PortAudioError

    def __init__(self) -> None:
        super().__init__("sounddevice")
        self.devices = [
            {"name": "Speakers", "max_input_channels": 0, "max_output_channels": 2},
            {"name": "USB Mic", "max_input_channels": 1, "max_output_channels": 0},
        ]
        self.rates = {16_000, 48_000}
        self.streams: list[FakeStream] = []
        for device in self.devices:
            device["default_samplerate"] = 48_000.0
        self.InputStream = lambda **options: FakeStream(self, options)

    def query_devices(self, device: Any = None, kind: str = "") -> Any:
        if not kind:
            return self.devices
        inputs = [d for d in self.devices if d["max_input_channels"]]
        if device is None:
            if not inputs:
                raise PortAudioError("Error querying device -1")
            return inputs[0]
        if isinstance(device, int):
            return self.devices[device]
        for found in inputs:
            if device.lower() in found["name"].lower():
                return found
        raise ValueError(f"No input device matching {device!r}")

    def check_input_settings(self, *, samplerate: int, **_: object) -> None:
        if samplerate not in self.rates:
            raise PortAudioError("Invalid sample rate")


class FakeStream:
    """An open input. ``hear`` and ``end`` do what PortAudio's own thread does."""

    def __init__(self, sound: FakeSound, options: dict[str, Any]) -> None:
        self.options = options
        self.closed = False
        self.started = False
        sound.streams.append(self)

    def start(self) -> None:
        self.started = True

    def close(self, ignore_errors: bool = True) -> None:
        self.closed = True
        self.end()

    def hear(self, samples: Any, age_s: float, overflow: bool = False) -> None:
        """A block whose first sample is ``age_s`` old; negative: the driver does not say."""
        block = np.asarray(samples, np.float32).reshape(-1, self.options["channels"])
        adc = 0.0 if age_s < 0 else 100.0 - age_s
        times = SimpleNamespace(inputBufferAdcTime=adc, currentTime=100.0)
        status = SimpleNamespace(input_overflow=True) if overflow else None
        self._elsewhere(lambda: self.options["callback"](block, len(block), times, status))

    def end(self) -> None:
        self._elsewhere(self.options["finished_callback"])

    @staticmethod
    def _elsewhere(work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()


@pytest.fixture
def sound(monkeypatch: pytest.MonkeyPatch) -> FakeSound:
    fake = FakeSound()
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
    return fake


async def test_sound_comes_with_the_time_of_the_converter(sound: FakeSound) -> None:
    clock = WatchedClock(START)
    async with running("microphone", {}, clock) as it:
        (stream,) = sound.streams
        assert stream.started
        assert (stream.options["samplerate"], stream.options["blocksize"]) == (16_000, 512)
        for index in range(5):
            await clock.advance(0.032)
            stream.hear(np.full(512, index / 10), age_s=0.04)
            event = await it.next(TOPIC)
            assert event.originating_time == START + (index + 1) * BLOCK - 40_000_000
            np.testing.assert_allclose(event.payload.samples, index / 10)
            assert event.payload.sample_rate == 16_000
    assert stream.closed


async def test_without_a_converter_time_a_block_has_just_ended(sound: FakeSound) -> None:
    clock = WatchedClock(START)
    async with running("microphone", {}, clock) as it:
        sound.streams[0].hear(np.zeros(512), age_s=-1)
        assert (await it.next(TOPIC)).originating_time == START - BLOCK


async def test_device_with_another_rate_and_two_channels(sound: FakeSound) -> None:
    sound.rates, sound.devices[1]["max_input_channels"] = {48_000}, 8
    clock = WatchedClock(START)
    async with running("microphone", {"source": "usb"}, clock) as it:
        (stream,) = sound.streams
        assert stream.options["samplerate"] == 48_000
        assert (stream.options["channels"], stream.options["blocksize"]) == (2, 1536)
        tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(1536 * 20) / 48_000)
        for index in range(20):
            part = tone[index * 1536 : (index + 1) * 1536]
            stream.hear(np.stack([part, part], 1), age_s=0.032)
            await clock.advance(0.032)
        events = [await it.next(TOPIC) for _ in range(18)]
    heard = np.concatenate([e.payload.samples for e in events])
    wanted = 0.5 * np.sin(2 * np.pi * 440 * np.arange(len(heard)) / 16_000)
    assert np.abs(heard[600:] - wanted[600:]).max() < 0.01  # delay of the resampler taken out
    times = [e.originating_time for e in events]
    assert times == [START - BLOCK + k * BLOCK for k in range(18)]


async def test_jitter_is_smoothed_and_drift_is_followed(sound: FakeSound) -> None:
    clock = WatchedClock(START)
    jitter = np.random.default_rng(1).uniform(0, 0.004, 300)
    errors = []
    async with running("microphone", {}, clock) as it:
        for index in range(300):
            true = START + round(index * BLOCK * 1.0005)  # the converter runs 500 ppm slow
            await clock.advance((true - clock.now()) / 1e9)
            sound.streams[0].hear(np.zeros(512), age_s=float(jitter[index]))
            event = await it.next(TOPIC)
            errors.append(event.originating_time - (true - 2_000_000))
    late = np.array(errors[100:]) / 1e6
    assert np.abs(late).max() < 1.2  # ms; without following, drift alone is 4.8 ms by now
    assert late.std() < 0.5  # the jitter's own is 1.15 ms


async def test_a_gap_begins_a_new_count_and_is_announced(sound: FakeSound) -> None:
    clock = WatchedClock(START)
    async with running("microphone", {"chunk_ms": 32}, clock) as it:
        stream = sound.streams[0]
        stream.hear(np.full(512, 0.1), age_s=0.0)
        assert (await it.next(TOPIC)).originating_time == START
        await clock.advance(0.032)
        stream.hear(np.full(256, 0.2), age_s=0.0)  # half a chunk, then a hole
        await clock.advance(1.0)
        stream.hear(np.full(512, 0.3), age_s=0.0, overflow=True)
        after = await it.next(TOPIC)
        assert after.originating_time == START + 1_032_000_000
        np.testing.assert_allclose(after.payload.samples, 0.3)  # nothing glued across the hole
        dropped = [e.payload for e in it.on("system/events_dropped")]
        assert [(d.subscription, d.dropped) for d in dropped] == [("it.capture", {"full": 1})]


async def test_sound_that_the_loop_could_not_take_is_counted(sound: FakeSound) -> None:
    async with running("microphone", {}, WatchedClock(START)) as it:
        held = 62  # two seconds
        for index in range(held + 9):  # the loop does not turn meanwhile
            block = np.full(512, index / 100, np.float32)
            times = SimpleNamespace(inputBufferAdcTime=1 + index * 0.032, currentTime=1.0)
            sound.streams[0].options["callback"](block[:, None], 512, times, None)
        first = await it.next(TOPIC)
        np.testing.assert_allclose(first.payload.samples, 0.09)  # the oldest went
        assert first.originating_time == START + 9 * BLOCK
        dropped = [e.payload for e in it.on("system/events_dropped")]
        assert [d.dropped for d in dropped] == [{"full": 9}]


@pytest.mark.parametrize("how", ["told", "silent"])
async def test_unplugged_microphone_is_lost_retried_and_restored(
    sound: FakeSound, how: str
) -> None:
    clock = WatchedClock(START)
    async with running("microphone", {"source": "USB Mic"}, clock) as it:
        await until(lambda: "it silence watch" in clock.sleeping)  # it has heard nothing yet
        sound.streams[0].hear(np.zeros(512), age_s=0.0)
        await it.next(TOPIC)
        mic = sound.devices.pop()
        if how == "told":
            sound.streams[0].end()
        else:  # its callbacks just cease, which shows at the second look, in 8 s
            await clock.advance(8.0)
        await clock.wake_source()
        await until(lambda: "it running" in clock.sleeping)
        sound.devices.append(mic)
        await clock.wake_source()
        await until(lambda: len(sound.streams) == 2)
        sound.streams[1].hear(np.full(512, 0.5), age_s=0.0)
        back = await it.next(TOPIC)
        assert back.payload.samples[0] == 0.5
        states = [e.payload for e in it.on(STATE)]
        assert [s.state for s in states] == ["lost", "retrying", "retrying", "restored"]
        assert "USB Mic" in states[0].detail
        assert "no input device" in states[2].detail
    assert all(stream.closed for stream in sound.streams)


async def test_no_microphone_says_what_there_is(sound: FakeSound) -> None:
    named = await failure("microphone", {"source": "Studio Mic"})
    assert named.kind == "SourceUnavailable"
    for part in ("'Studio Mic'", "There are: USB Mic", "sensorium doctor"):
        assert part in named.error
    output = await failure("microphone", {"source": 0})
    assert (output.kind, "no input" in output.error) == ("SourceUnavailable", True)
    sound.devices.pop()
    none = await failure("microphone", {})
    assert (none.kind, "no input device" in none.error) == ("SourceUnavailable", True)


class _Raises(importlib.abc.MetaPathFinder):
    def __init__(self, error: Exception) -> None:
        self._error = error

    def find_spec(self, name: str, *_: object) -> None:
        if name == "sounddevice":
            raise self._error


@pytest.mark.parametrize(
    ("error", "missing", "remedy"),
    [
        (OSError("PortAudio library not found"), "PortAudio", "sudo apt install libportaudio2"),
        (ImportError("sounddevice"), "sounddevice", "pip install 'sensorium[audio]'"),
    ],
)
async def test_missing_libraries_are_named_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, error: Exception, missing: str, remedy: str
) -> None:
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(sys, "meta_path", [_Raises(error), *sys.meta_path])
    failed = await failure("microphone", {})
    assert failed.kind == "MissingDependency"
    assert f"microphone needs {missing}" in failed.error
    assert remedy in failed.error
