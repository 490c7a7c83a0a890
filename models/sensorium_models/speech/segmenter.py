"""Utterances out of voice-activity probabilities: where speech starts, where a turn ends.

A state machine on sample positions, not on chunks: a chunk of n samples with probability p counts
as n samples at p, so cutting it in two changes nothing. It has no model and no clock.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from sensorium.errors import BadInput
from sensorium.workers.model import ModelOptions
from sensorium_models.speech.waveform import SAMPLES_PER_MS, Waveform, as_waveform

EndReason = Literal["silence", "limit", "gap", "flush"]


class SegmenterOptions(ModelOptions):
    """When speech counts as speech. Times in milliseconds.

    A voice is heard from ``threshold`` up and lost below ``threshold - hysteresis``. It becomes an
    utterance after ``min_speech_ms`` without a break and ends after ``min_silence_ms`` of silence,
    ``post_roll_ms`` of which are kept.
    """

    threshold: float = 0.5
    hysteresis: float = 0.15
    min_speech_ms: int = 200
    min_silence_ms: int = 500
    pre_roll_ms: int = 200
    post_roll_ms: int = 100
    max_utterance_ms: int = 20_000

    def model_post_init(self, context: object) -> None:
        """Refuse settings that contradict each other."""
        del context
        if not 0.0 <= self.hysteresis <= self.threshold <= 1.0:
            raise ValueError("need 0 <= hysteresis <= threshold <= 1")
        if min(self.min_speech_ms, self.min_silence_ms, self.pre_roll_ms, self.post_roll_ms) < 0:
            raise ValueError("times must not be negative")
        if self.post_roll_ms > self.min_silence_ms:
            raise ValueError("post_roll_ms must not exceed min_silence_ms: it is cut from it")
        if self.max_utterance_ms <= self.pre_roll_ms + self.min_speech_ms:
            raise ValueError("max_utterance_ms must exceed pre_roll_ms + min_speech_ms")


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """A voice was confirmed; it was first heard ``at`` this sample of the stream."""

    at: int


@dataclass(frozen=True, slots=True, eq=False)
class SpeechEnded:
    """One utterance: samples ``start`` to ``end`` of the stream and their ``audio`` (end-start,).

    ``voice_end`` is where the voice fell silent, ``end`` some post-roll later (or earlier than
    that where the utterance was cut). ``reason``: ``silence`` (end of turn), ``limit`` (longest
    utterance reached: the next one goes on from ``end``), ``gap`` (audio is missing), ``flush``.
    """

    start: int
    end: int
    voice_end: int
    audio: Waveform = field(repr=False)
    reason: EndReason


SegmentEvent = SpeechStarted | SpeechEnded


class UtteranceSegmenter:
    """Feed chunks in order with :meth:`push`; it returns what became certain with each.

    The spans of :class:`SpeechEnded` are ordered and disjoint. Memory is bounded by the longest
    utterance.
    """

    def __init__(self, options: SegmenterOptions | None = None) -> None:
        self.options = options or SegmenterOptions()
        opts = self.options
        self._release = opts.threshold - opts.hysteresis
        self._min_speech = opts.min_speech_ms * SAMPLES_PER_MS
        self._min_silence = opts.min_silence_ms * SAMPLES_PER_MS
        self._pre_roll = opts.pre_roll_ms * SAMPLES_PER_MS
        self._post_roll = opts.post_roll_ms * SAMPLES_PER_MS
        self._limit = opts.max_utterance_ms * SAMPLES_PER_MS
        self._restart(0)

    @property
    def position(self) -> int:
        """The stream position after the last sample seen."""
        return self._position

    @property
    def speaking(self) -> bool:
        """Whether an utterance is open (started and not ended)."""
        return self._start is not None

    def push(
        self, probability: float, audio: Waveform, position: int | None = None
    ) -> list[SegmentEvent]:
        """Take the next chunk: ``audio`` (n,) at 16 kHz, all of it at ``probability``.

        ``position`` is the stream position of its first sample; without it the chunk follows the
        last. A chunk that starts later than that means lost audio: an open utterance ends there
        (``gap``). Raises :class:`~sensorium.errors.BadInput` for a chunk that goes back in time
        or a probability outside [0, 1].
        """
        if not (math.isfinite(probability) and 0.0 <= probability <= 1.0):
            raise BadInput(f"a speech probability lies in [0, 1], got {probability}")
        wave = as_waveform(audio, who="the utterance segmenter")
        events: list[SegmentEvent] = []
        if position is not None and position != self._position:
            self._jump(position, events)
        self._append(wave)
        target = self._position + wave.size
        while self._position < target:
            self._advance(probability, target, events)
        self._forget()
        return events

    def flush(self) -> list[SegmentEvent]:
        """End of stream: close an open utterance at the last sample. The position goes on."""
        events: list[SegmentEvent] = []
        if self._start is not None:
            self._end(self._position, "flush", events)
        self._restart(self._position)
        return events

    def _restart(self, position: int) -> None:
        self._position = position
        self._floor = position  # no span may start before it
        self._onset: int | None = None  # first sample of the voice that may become an utterance
        self._start: int | None = None  # first sample of the open utterance, pre-roll included
        self._voice_end = position
        self._base = position  # stream position of the first sample kept
        self._kept: list[Waveform] = []

    def _jump(self, position: int, events: list[SegmentEvent]) -> None:
        if position < self._position:
            raise BadInput(
                f"audio at sample {position} came after sample {self._position}: feed one stream, "
                "in order"
            )
        if self._start is not None:
            self._end(self._position, "gap", events)
        self._restart(position)

    def _advance(self, probability: float, target: int, events: list[SegmentEvent]) -> None:
        """Move to the next sample at which something is decided, or to ``target``."""
        voiced = probability >= (
            self.options.threshold if self._is_silent() else self._release
        ) and (probability > 0.0)
        if self._start is not None:
            self._advance_open(voiced, target, events)
        elif voiced:
            self._advance_onset(target, events)
        else:
            self._onset = None
            self._position = target

    def _is_silent(self) -> bool:
        if self._start is None:
            return self._onset is None
        return self._voice_end < self._position

    def _advance_onset(self, target: int, events: list[SegmentEvent]) -> None:
        if self._onset is None:
            self._onset = self._position
        confirmed = self._onset + self._min_speech
        self._position = min(target, confirmed)
        self._voice_end = self._position
        if self._position == confirmed:
            self._start = max(self._floor, self._onset - self._pre_roll)
            events.append(SpeechStarted(self._onset))

    def _advance_open(self, voiced: bool, target: int, events: list[SegmentEvent]) -> None:
        assert self._start is not None
        limit = self._start + self._limit
        if voiced:
            self._position = self._voice_end = min(target, limit)
            if self._position == limit:
                self._end(limit, "limit", events)
                # The voice goes on: the next utterance is open at once, or its tail could be lost.
                self._start = self._onset = limit
                events.append(SpeechStarted(limit))
            return
        silence = self._voice_end + self._min_silence
        self._position = min(target, silence, limit)
        if self._position == silence:
            self._end(self._voice_end + self._post_roll, "silence", events)
        elif self._position == limit:
            self._end(min(self._voice_end + self._post_roll, limit), "limit", events)

    def _end(self, end: int, reason: EndReason, events: list[SegmentEvent]) -> None:
        assert self._start is not None
        joined = np.concatenate(self._kept) if self._kept else np.zeros(0, np.float32)
        audio = joined[self._start - self._base : end - self._base].copy()
        events.append(SpeechEnded(self._start, end, min(self._voice_end, end), audio, reason))
        self._start = self._onset = None
        self._floor = end

    def _append(self, wave: Waveform) -> None:
        if wave.size:
            self._kept.append(wave.copy())  # the caller may reuse its buffer

    def _forget(self) -> None:
        """Drop whole chunks that no future span can reach."""
        if self._start is not None:
            needed = self._start
        else:
            onset = self._position if self._onset is None else self._onset
            needed = max(self._floor, onset - self._pre_roll)
        while self._kept and self._base + self._kept[0].size <= needed:
            self._base += self._kept.pop(0).size
