from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sensorium.errors import BadInput
from sensorium_models.speech.segmenter import (
    SegmenterOptions,
    SegmentEvent,
    SpeechEnded,
    SpeechStarted,
    UtteranceSegmenter,
)

MS = 16
Run = tuple[float, int]  # a probability, for so many samples

PROBABILITIES = st.sampled_from([0.0, 0.1, 0.34, 0.36, 0.49, 0.5, 0.9, 1.0])
RUNS = st.lists(st.tuples(PROBABILITIES, st.integers(1, 30_000)), min_size=1, max_size=12)
OPTIONS = st.builds(
    SegmenterOptions,
    min_speech_ms=st.integers(0, 300),
    min_silence_ms=st.integers(100, 600),
    pre_roll_ms=st.integers(0, 300),
    post_roll_ms=st.integers(0, 100),
    max_utterance_ms=st.integers(700, 2500),
)


def stream_of(runs: list[Run]) -> np.ndarray:
    size = sum(size for _, size in runs)
    return np.arange(size, dtype=np.float32)  # each sample tells its own position


def feed(runs: list[Run], options: SegmenterOptions, cut: int | None = None) -> list[SegmentEvent]:
    """Push every run whole, or in chunks of ``cut`` samples; then end the stream."""
    segmenter, stream = UtteranceSegmenter(options), stream_of(runs)
    events: list[SegmentEvent] = []
    position = 0
    for probability, size in runs:
        step = cut or size
        for start in range(position, position + size, step):
            chunk = stream[start : min(start + step, position + size)]
            events += segmenter.push(probability, chunk)
        position += size
    return events + segmenter.flush()


def facts(events: list[SegmentEvent]) -> list[object]:
    return [
        e.at if isinstance(e, SpeechStarted) else (e.start, e.end, e.voice_end, e.reason)
        for e in events
    ]


def test_an_utterance_has_pre_roll_post_roll_and_exact_positions() -> None:
    runs = [(0.0, 1000 * MS), (0.9, 640 * MS), (0.0, 1000 * MS)]
    assert facts(feed(runs, SegmenterOptions())) == [
        1000 * MS,
        (800 * MS, 1740 * MS, 1640 * MS, "silence"),
    ]


def test_speech_is_reported_when_confirmed_and_its_end_after_the_silence() -> None:
    segmenter = UtteranceSegmenter()
    chunk = np.zeros(100 * MS, np.float32)
    assert segmenter.push(0.9, chunk) == []
    assert segmenter.push(0.9, chunk) == [SpeechStarted(0)]
    assert segmenter.speaking
    for _ in range(4):
        assert segmenter.push(0.1, chunk) == []
    (ended,) = segmenter.push(0.1, chunk)
    assert isinstance(ended, SpeechEnded)
    assert (ended.start, ended.end) == (0, 300 * MS)
    assert not segmenter.speaking


def test_a_click_is_not_speech() -> None:
    assert feed([(0.0, 8000), (1.0, 199 * MS), (0.0, 16_000)], SegmenterOptions()) == []


def test_hysteresis_keeps_a_weak_voice_but_does_not_start_one() -> None:
    options = SegmenterOptions()
    assert feed([(0.4, 32_000)], options) == []
    weak = [(0.6, 250 * MS), (0.4, 2000 * MS), (0.0, 600 * MS)]
    assert facts(feed(weak, options))[-1] == (0, 2350 * MS, 2250 * MS, "silence")


def test_a_pause_shorter_than_the_end_of_turn_stays_inside() -> None:
    runs = [(0.9, 300 * MS), (0.0, 499 * MS), (0.9, 300 * MS), (0.0, 600 * MS)]
    assert facts(feed(runs, SegmenterOptions()))[1:] == [(0, 1199 * MS, 1099 * MS, "silence")]


def test_endless_speech_is_cut_and_goes_on_without_loss() -> None:
    ended = [
        e for e in feed([(0.9, 50_000 * MS)], SegmenterOptions()) if isinstance(e, SpeechEnded)
    ]
    assert [(e.start // MS, e.end // MS, e.reason) for e in ended] == [
        (0, 20_000, "limit"),
        (20_000, 40_000, "limit"),
        (40_000, 50_000, "flush"),
    ]


def test_lost_audio_ends_the_utterance_where_it_stopped() -> None:
    segmenter = UtteranceSegmenter()
    chunk = np.zeros(512 * 10, np.float32)
    segmenter.push(0.9, chunk, position=100)
    (ended,) = [
        e for e in segmenter.push(0.0, chunk, position=50_000) if isinstance(e, SpeechEnded)
    ]
    assert (ended.start, ended.end, ended.reason) == (100, 100 + 5120, "gap")
    assert segmenter.position == 50_000 + 5120


def test_input_that_makes_no_sense_is_refused() -> None:
    segmenter = UtteranceSegmenter()
    segmenter.push(0.1, np.zeros(512, np.float32))
    with pytest.raises(BadInput, match="in order"):
        segmenter.push(0.1, np.zeros(512, np.float32), position=100)
    with pytest.raises(BadInput, match="probability"):
        segmenter.push(float("nan"), np.zeros(512, np.float32))
    with pytest.raises(ValidationError, match="post_roll_ms"):
        SegmenterOptions(post_roll_ms=600)


def test_the_callers_buffer_may_be_reused() -> None:
    segmenter = UtteranceSegmenter()
    buffer = np.ones(8000, np.float32)
    segmenter.push(0.9, buffer)
    buffer[:] = 0.0
    (ended,) = segmenter.flush()
    assert isinstance(ended, SpeechEnded)
    assert (ended.audio == 1.0).all()


def test_memory_of_silence_is_bounded_by_the_pre_roll() -> None:
    segmenter = UtteranceSegmenter()
    for _ in range(1000):
        segmenter.push(0.0, np.zeros(512, np.float32))
    assert sum(kept.size for kept in segmenter._kept) < 200 * MS + 512


@given(RUNS, OPTIONS)
def test_spans_are_ordered_disjoint_within_bounds_and_carry_their_audio(
    runs: list[Run], options: SegmenterOptions
) -> None:
    stream = stream_of(runs)
    events = feed(runs, options)
    floor = 0
    for started, ended in zip(events[::2], events[1::2], strict=True):
        assert isinstance(started, SpeechStarted)
        assert isinstance(ended, SpeechEnded)
        assert floor <= ended.start <= started.at <= ended.voice_end <= ended.end <= stream.size
        assert ended.end - ended.start <= options.max_utterance_ms * MS
        assert np.array_equal(ended.audio, stream[ended.start : ended.end])
        floor = ended.end


@given(RUNS, OPTIONS, st.integers(200, 5000))
def test_how_the_stream_is_chunked_changes_nothing(
    runs: list[Run], options: SegmenterOptions, cut: int
) -> None:
    assert facts(feed(runs, options)) == facts(feed(runs, options, cut))


@given(RUNS, OPTIONS)
def test_no_confirmed_voice_is_lost(runs: list[Run], options: SegmenterOptions) -> None:
    spans = [(e.start, e.end) for e in feed(runs, options) if isinstance(e, SpeechEnded)]
    position = 0
    for probability, size in runs:
        if probability >= options.threshold and size >= options.min_speech_ms * MS:
            inside = sum(
                max(0, min(end, position + size) - max(start, position)) for start, end in spans
            )
            assert inside == size
        position += size
