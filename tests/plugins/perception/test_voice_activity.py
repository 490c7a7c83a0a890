from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sensorium import Audio, VirtualClock
from sensorium.errors import BadInput
from sensorium.events import NS_PER_S, AnyEvent
from sensorium.payloads import SpeechStarted, Utterance
from sensorium.testing import Harness, run_component
from sensorium_plugins.perception.voice_activity import VoiceActivity

RATE = 16_000
BEGIN = 1_000 * NS_PER_S + 123_457
MS = 1_000_000
# No voice is "one" until 64 ms of it have passed, and 96 ms of silence end it.
QUICK = {
    "segments": {
        "min_speech_ms": 64,
        "min_silence_ms": 96,
        "pre_roll_ms": 32,
        "post_roll_ms": 32,
        "max_utterance_ms": 2_000,
    }
}


def loud(request: dict[str, Any]) -> dict[str, Any]:
    """Whatever makes a sound is a voice. Counts the chunks it was asked about in its state."""
    seen = request["state"] or 0
    probability = float(np.abs(request["audio"]).max() > 0.1)
    return {"probability": probability, "state": seen + 1, "context": None}


def signal(*pieces: tuple[float, int]) -> np.ndarray:
    """Pieces of (loudness, milliseconds)."""
    return np.concatenate([np.full(ms * RATE // 1000, level, np.float32) for level, ms in pieces])


async def hear(
    harness: Harness, sound: np.ndarray, begin: int, *, chunk: int = 512, source: str = "mic"
) -> None:
    """Publish ``sound`` in chunks as a microphone of that name does."""
    for start in range(0, len(sound), chunk):
        await harness.session.bus.publish(
            f"microphone/{source}/audio",
            Audio(sound[start : start + chunk], RATE),
            source=source,
            originating_time=begin + start * NS_PER_S // RATE,
        )
        await harness.settled()


def spans(harness: Harness) -> list[tuple[int, int]]:
    """Begin and end of each utterance, in ns."""
    return [(e.originating_time, e.payload.end_time) for e in utterances(harness)]


def utterances(harness: Harness) -> list[AnyEvent]:
    return [e for e in harness.events if isinstance(e.payload, Utterance)]


def listening() -> Any:
    return run_component(
        VoiceActivity, options=QUICK, models={"voice_activity": loud}, clock=VirtualClock(BEGIN)
    )


@pytest.mark.parametrize("chunk", [512, 160, 777, 4096])
async def test_an_utterance_has_the_exact_time_span_of_its_sound(chunk: int) -> None:
    sound = signal((0, 320), (0.5, 640), (0, 320))
    async with listening() as harness:
        await hear(harness, sound, BEGIN, chunk=chunk)
        ((begin, end),) = spans(harness)
        started = [e for e in harness.events if isinstance(e.payload, SpeechStarted)]
        samples = utterances(harness)[0].payload.samples
    assert started[0].originating_time == BEGIN + 320 * MS
    assert begin == BEGIN + (320 - 32) * MS
    assert end == BEGIN + (960 + 32) * MS
    np.testing.assert_array_equal(samples, signal((0, 32), (0.5, 640), (0, 32)))


async def test_silence_and_short_clicks_are_no_speech() -> None:
    async with listening() as harness:
        await hear(harness, signal((0, 320), (0.5, 32), (0, 640)), BEGIN)
        assert harness.events == []


async def test_lost_sound_ends_an_utterance_where_the_sound_stopped() -> None:
    later = BEGIN + 5 * NS_PER_S
    async with listening() as harness:
        await hear(harness, signal((0, 320), (0.5, 320)), BEGIN)
        await hear(harness, signal((0.5, 320), (0, 320)), later)
        first, second = spans(harness)
    assert first == (BEGIN + 288 * MS, BEGIN + 640 * MS)
    assert second == (later, later + (320 + 32) * MS)


async def test_a_sound_card_that_drifts_loses_nothing_and_stays_on_time() -> None:
    """Its chunks come 0.2 ms late each, 60 ms in all: more than any one gap may be."""
    sound = signal((0, 320), (0.5, 320), (0, 320))
    async with listening() as harness:
        begin = BEGIN
        for _ in range(10):
            for start in range(0, len(sound), 512):
                await harness.send(
                    "microphone/mic/audio",
                    Audio(sound[start : start + 512], RATE),
                    originating_time=begin,
                )
                begin += 512 * NS_PER_S // RATE + 200_000
        await harness.settled()
        found = spans(harness)
    assert len(found) == 10  # one each, none cut in two
    # the last of them begins 9 rounds of 30 chunks, and 9 chunks more, after the first sample
    expected = BEGIN + (9 * 30 + 9) * (32 * MS + 200_000)
    assert abs(found[-1][0] - expected) < 5 * MS


async def test_another_recording_of_the_same_name_starts_afresh() -> None:
    """A file that is played fast ends in the future; the next one begins before that."""
    sound = signal((0, 320), (0.5, 640))
    async with listening() as harness:
        await hear(harness, sound, BEGIN)
        await hear(harness, np.concatenate([sound, signal((0, 320))]), BEGIN + 100 * MS)
        first, second = spans(harness)
    assert first == (BEGIN + 288 * MS, BEGIN + 960 * MS)
    assert second == (BEGIN + 388 * MS, BEGIN + (100 + 960 + 32) * MS)


async def test_microphones_do_not_disturb_each_other() -> None:
    sound = signal((0, 320), (0.5, 320), (0, 320))
    async with listening() as harness:
        for start in range(0, len(sound), 512):
            at = start * NS_PER_S // RATE
            await hear(harness, sound[start : start + 512], BEGIN + at, source="left")
            await hear(harness, sound[start : start + 512], BEGIN + 7 * MS + at, source="right")
        found = utterances(harness)
        traces = {event.trace_id.split("#")[0]: event for event in found}
    assert traces["right"].originating_time - traces["left"].originating_time == 7 * MS
    assert len(found) == 2


async def test_another_sample_rate_is_refused_and_the_next_chunk_goes_on() -> None:
    async with listening() as harness:
        await harness.send("microphone/mic/audio", Audio(np.zeros(480, np.float32), 48_000))
        await harness.settled()
        (failure,) = harness.failures
        await hear(harness, signal((0.5, 320), (0, 320)), BEGIN)
        assert len(utterances(harness)) == 1
    assert failure.kind == BadInput.__name__
    assert failure.action == "skip"
    assert "48000" in failure.error
    assert "sample_rate" in failure.error
