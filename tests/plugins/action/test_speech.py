from __future__ import annotations

import asyncio
import resource
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile

from sensorium.errors import BadInput
from sensorium.payloads import Reply, ReplyPart, SpeechDone
from sensorium.plugins import ErrorAction
from sensorium.testing import Harness, run_component
from sensorium_plugins.action.speech import Speech

RATE = 24_000
LETTER = 240  # samples the fake voice needs for a character
LONG = "One sentence here. Another sentence here. And a third one."


def say(request: dict[str, Any]) -> dict[str, Any]:
    """A voice whose loudness is the first letter's number and its length the text's."""
    text = request["text"]
    if not any(letter.isalnum() for letter in text):
        raise BadInput(f"there is nothing to say in {text!r}")
    level = (ord(text[0]) % 32) / 64
    return {"audio": np.full(len(text) * LETTER, level, np.float32), "sample_rate": RATE}


def spoken_by(text: str) -> np.ndarray:
    return say({"text": text})["audio"]


def speaking(to: str = "nowhere", on_error: ErrorAction = ErrorAction.SKIP, **options: Any) -> Any:
    models = {"text_to_speech": say}
    return run_component(Speech, options={"to": to, **options}, models=models, on_error=on_error)


async def part(harness: Harness, text: str, turn: str = "t#1") -> None:
    await harness.send("reply/part", ReplyPart(turn, text))


async def reply(
    harness: Harness, *parts: str, turn: str = "t#1", finished: bool = True
) -> SpeechDone:
    """Say a whole reply; returns how it ended."""
    for text in parts:
        await part(harness, text, turn)
    await harness.send("reply/text", Reply(turn, "".join(parts), finished))
    await harness.settled()
    return done(harness)[-1]


def sounds(harness: Harness) -> list[np.ndarray]:
    return [event.payload.samples for event in harness.events_on("speech/reply")]


def done(harness: Harness) -> list[SpeechDone]:
    return [event.payload for event in harness.events_on("speech/done")]


async def test_a_piece_is_spoken_while_the_rest_is_still_to_come() -> None:
    async with speaking() as harness:
        await part(harness, "When you pedal, you")
        await harness.settled()
        (first,) = sounds(harness)
        end = await reply(harness, " create lift.")
        second = sounds(harness)[1]
    np.testing.assert_array_equal(first, spoken_by("When you pedal,"))
    np.testing.assert_array_equal(second, spoken_by("you create lift."))
    assert (end.turn, end.path) == ("t#1", "")
    assert end.seconds == pytest.approx((len(first) + len(second)) / RATE)


async def test_a_file_holds_the_whole_reply_and_each_reply_has_its_own(tmp_path: Path) -> None:
    pattern = str(tmp_path / "deep" / "reply-{n}.wav")
    async with speaking("file", path=pattern) as harness:
        one = await reply(harness, "Hello there my friend. ", "How are you?")
        two = await reply(harness, "Fine.", turn="t#2")
    assert [Path(end.path).name for end in (one, two)] == ["reply-1.wav", "reply-2.wav"]
    sound, rate = soundfile.read(one.path, dtype="float32")
    expected = np.concatenate([spoken_by("Hello there my friend."), spoken_by("How are you?")])
    assert rate == RATE
    np.testing.assert_allclose(sound, expected, atol=1 / 32768)
    assert soundfile.info(two.path).frames == len(spoken_by("Fine."))


async def test_a_reply_without_a_sound_says_that_it_is_done(tmp_path: Path) -> None:
    async with speaking("file", path=str(tmp_path / "r.wav")) as harness:
        end = await reply(harness, "🙂 …")
        assert (end.seconds, end.path, sounds(harness)) == (0.0, "", [])
    assert not list(tmp_path.iterdir())


async def test_a_reply_is_an_effect_from_its_first_sound_to_its_last() -> None:
    async with speaking() as harness:
        await part(harness, "When you pedal, you")
        await harness.settled()
        await reply(harness, " create lift.")
        await reply(harness, "🙂", turn="t#2")  # nothing that has a sound
        said = [event.payload for event in harness.events_on(f"effects/{harness.name}")]
    assert [(e.state, e.request["turn"]) for e in said] == [
        ("requested", "t#1"),
        ("started", "t#1"),
        ("done", "t#1"),
    ]
    assert said[-1].detail == "0.3 s"


async def test_what_has_no_sound_does_not_silence_the_rest() -> None:
    async with speaking() as harness:
        await reply(harness, "🙂! ", "I see a cat.")
        assert [len(s) for s in sounds(harness)] == [len("I see a cat.") * LETTER]


async def test_the_rest_of_a_stopped_reply_is_not_spoken(tmp_path: Path) -> None:
    async with speaking("file", path=str(tmp_path / "r.wav")) as harness:
        await part(harness, "The first sentence. The sec")
        await harness.settled()
        await harness.interrupt()
        end = await reply(harness, finished=False)
        assert len(sounds(harness)) == 1
        again = await reply(harness, "Next.", turn="t#2")
    assert end.path == again.path  # without {n} a reply replaces the last
    assert soundfile.info(again.path).frames == len(spoken_by("Next."))


# --- a speaker --------------------------------------------------------------------------------


class Loudspeaker:
    """What sounddevice.OutputStream does, without a device. ``gate`` closed: the buffer is full."""

    def __init__(self, module: FakeSoundDevice, **options: Any) -> None:
        self.module, self.options = module, options
        self.samplerate = float(options["samplerate"])
        self.played: list[np.ndarray] = []
        self.calls: list[str] = []
        module.opened.append(self)

    def start(self) -> None:
        self.calls.append("start")

    def write(self, samples: np.ndarray) -> None:
        assert self.calls[-1] == "start", "written to after the end"
        self.module.writing.set()
        assert self.module.gate.wait(10)
        if self.module.unplugged:
            raise self.module.PortAudioError("Device unavailable")
        self.played.append(samples[:, 0])

    def stop(self) -> None:
        self.calls.append("stop")

    def abort(self) -> None:
        self.calls.append("abort")

    def close(self) -> None:
        self.calls.append("close")


class FakeSoundDevice:
    class PortAudioError(Exception):
        pass

    def __init__(self) -> None:
        self.opened: list[Loudspeaker] = []
        self.gate, self.writing = threading.Event(), threading.Event()
        self.gate.set()
        self.unplugged = False

    def OutputStream(self, **options: Any) -> Loudspeaker:  # noqa: N802 - sounddevice's name
        if options["device"] == "nowhere":
            raise ValueError("No output device matching 'nowhere'")
        return Loudspeaker(self, **options)

    def query_devices(self) -> list[dict[str, Any]]:
        return [{"name": "box", "max_input_channels": 0, "max_output_channels": 2}]


@pytest.fixture
def sounddevice(monkeypatch: pytest.MonkeyPatch) -> FakeSoundDevice:
    module = FakeSoundDevice()
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    return module


async def test_where_there_is_a_speaker_it_plays(
    sounddevice: FakeSoundDevice, no_leaks: None
) -> None:
    async with speaking("auto") as harness:
        end = await reply(harness, LONG)
    (stream,) = sounddevice.opened
    assert (stream.samplerate, stream.options["channels"]) == (RATE, 1)
    np.testing.assert_array_equal(np.concatenate(stream.played), np.concatenate(sounds(harness)))
    assert max(map(len, stream.played)) <= RATE * 0.05
    assert stream.calls == ["start", "stop", "abort", "close"]  # played out, then closed
    assert end.path == ""


@pytest.mark.parametrize("ended", [False, True])
async def test_an_interruption_silences_the_speaker_and_the_next_reply_is_spoken(
    sounddevice: FakeSoundDevice, ended: bool, no_leaks: None
) -> None:
    """Also when the model was through already, and only the voice is still at it."""
    async with speaking("speaker") as harness:
        sounddevice.gate.clear()
        await part(harness, LONG if not ended else "Only one")
        if ended:
            await harness.send("reply/text", Reply("t#1", "Only one", True))
        async with asyncio.timeout(10):
            await asyncio.to_thread(sounddevice.writing.wait)
        stopping = asyncio.ensure_future(harness.interrupt())
        await asyncio.sleep(0)
        sounddevice.gate.set()
        await stopping
        if not ended:
            await harness.send("reply/text", Reply("t#1", "One", False))
        await harness.settled()
        assert [end.turn for end in done(harness)] == ["t#1"]
        (stream,) = sounddevice.opened
        assert stream.calls == ["start", "abort", "close"]
        assert sum(map(len, stream.played)) <= RATE * 0.05
        await reply(harness, "Next.", turn="t#2")
    np.testing.assert_array_equal(np.concatenate(sounddevice.opened[1].played), spoken_by("Next."))


async def test_a_speaker_that_is_unplugged_is_told_once_and_tried_again_next_time(
    sounddevice: FakeSoundDevice,
) -> None:
    sounddevice.unplugged = True
    async with speaking("speaker") as harness:
        end = await reply(harness, "One sentence here. ", "And another one here. ")
        (failure,) = harness.failures
        sounddevice.unplugged = False
        await reply(harness, "Next.", turn="t#2")
    assert end.turn == "t#1"
    assert failure.error == "OutputFailed: cannot play on the default speaker: Device unavailable"
    assert sounddevice.opened[0].calls == ["start", "abort", "close"]
    assert sounddevice.opened[1].played


async def test_a_speaker_that_does_not_exist_is_named(sounddevice: FakeSoundDevice) -> None:
    async with speaking("speaker", device="nowhere") as harness:
        await reply(harness, "Hello.")
        (failure,) = harness.failures
    assert "speaker 'nowhere'" in failure.error
    assert "No output device matching" in failure.error


async def test_without_portaudio_the_reply_goes_to_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)  # what cannot be imported
    path = str(tmp_path / "r.wav")
    async with speaking("auto", path=path) as harness:
        assert (await reply(harness, "Hello.")).path == path


async def test_without_portaudio_a_speaker_that_was_asked_for_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    async with speaking("speaker", on_error=ErrorAction.RESTART) as harness:
        await part(harness, "Hello my dear friend. ")
        await harness.settled()
        (failure,) = harness.failures
        assert harness.ended  # no restart can mend it
    assert failure.kind == "MissingDependency"
    assert "a speaker needs sounddevice" in failure.error


# --- a disk that is full ------------------------------------------------------------------------


@contextmanager
def small_files() -> Iterator[int]:
    """No file of this process grows over this many bytes, as on a full disk.

    Not a fixture: pytest reports a test before its fixtures end, and where its own output goes
    to a longer file, that report could not be written either.
    """
    limit = 20_000
    held = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, held[1]))
    try:
        yield limit
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, held)
        signal.signal(signal.SIGXFSZ, ignored)


async def test_a_full_disk_is_told_once_and_silences_that_reply_only(
    tmp_path: Path, no_leaks: None
) -> None:
    with small_files() as limit:
        async with speaking("file", path=str(tmp_path / "r-{n}.wav")) as harness:
            end = await reply(harness, "One long sentence here. ", "And another one here. ")
            (failure,) = harness.failures
            again = await reply(harness, "Yes.", turn="t#2")
            more = [end.turn for end in done(harness)]
    full = tmp_path / "r-1.wav"
    wanted = 2 * LETTER * len("One long sentence here. And another one here.")
    assert f"OutputFailed: cannot write {full}" in failure.error
    assert failure.action == "skip"
    assert full.stat().st_size <= limit < wanted  # it really could not be written
    assert (end.path, more) == ("", ["t#1", "t#2"])
    assert soundfile.info(again.path).frames == len(spoken_by("Yes."))


async def test_the_message_says_that_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=0))
    with small_files():
        async with speaking("file", path=str(tmp_path / "r.wav")) as harness:
            await reply(harness, LONG * 3)
            (failure,) = harness.failures
    assert failure.error.endswith("r.wav: the disk is full")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
async def test_a_device_that_takes_nothing() -> None:
    async with speaking("file", path="/dev/full") as harness:
        end = await reply(harness, "Hello.")
        assert ["/dev/full" in failure.error for failure in harness.failures] == [True]
    assert end.path == ""


async def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    async with speaking("file", path=str(tmp_path / "file" / "r.wav")) as harness:
        end = await reply(harness, "Hello.")
        (failure,) = harness.failures
    assert "r.wav" in failure.error
    assert end.path == ""
