"""Voice activity: cuts each microphone's sound into utterances, with exact time spans."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sensorium import Audio, ComponentOptions, Emit, Event, Input, Output, Perceiver
from sensorium.delivery import DeliveryPolicy
from sensorium.errors import BadInput
from sensorium.events import NS_PER_S
from sensorium.payloads import SpeechStarted, Utterance
from sensorium_models.speech.segmenter import SegmenterOptions, SpeechEnded, UtteranceSegmenter

SAMPLE_RATE = 16_000
CHUNK = 512  # samples the model looks at: 32 ms
JITTER = CHUNK  # samples by which time stamps may wander before they mean lost audio


class VoiceActivityOptions(ComponentOptions):
    """Options of :class:`VoiceActivity`."""

    model: str = "voice_activity"
    segments: SegmenterOptions = SegmenterOptions()


@dataclass
class _Stream:
    """What is remembered of one microphone."""

    anchor: int  # originating time (ns) of stream position 0
    segmenter: UtteranceSegmenter
    received: int = 0  # position after the last sample that came
    rest: list[Any] = field(default_factory=list)  # samples that do not fill a chunk yet
    state: Any = None
    context: Any = None

    def time_at(self, position: int) -> int:
        """Originating time (ns) of the sample at ``position``."""
        return self.anchor + position * NS_PER_S // SAMPLE_RATE


class VoiceActivity(Perceiver):
    """Says when somebody starts to speak, and hands over each utterance when it is finished.

    Lost audio (a gap in the originating times) ends an open utterance where the sound stopped.
    """

    Options = VoiceActivityOptions
    takes = {"audio": Input("microphone/+/audio", Audio, DeliveryPolicy.drop_oldest(512))}
    gives = {
        "started": Output("speech/started", SpeechStarted),
        "utterance": Output("speech/utterance", Utterance),
    }

    async def setup(self) -> None:
        """Load the model."""
        self._model = self.model(self.options.model)
        self._streams: dict[str, _Stream] = {}
        await self._model.load()

    async def process(self, event: Event[Audio], emit: Emit) -> None:
        """Look at the sound in chunks of 32 ms."""
        if event.payload.sample_rate != SAMPLE_RATE:
            raise BadInput(
                f"voice activity takes {SAMPLE_RATE} Hz, and {event.topic} carries"
                f" {event.payload.sample_rate} Hz: set sample_rate in the microphone's options"
            )
        stream = self._stream_of(event)
        samples = np.concatenate([*stream.rest, event.payload.samples])
        whole = len(samples) // CHUNK * CHUNK
        position = stream.received - sum(map(len, stream.rest))
        stream.received += len(event.payload.samples)
        stream.rest = [samples[whole:]]
        for start in range(0, whole, CHUNK):
            chunk = samples[start : start + CHUNK]
            answer = await self._model.infer(
                {"audio": chunk, "state": stream.state, "context": stream.context}
            )
            stream.state, stream.context = answer["state"], answer["context"]
            for found in stream.segmenter.push(answer["probability"], chunk, position + start):
                await self._tell(found, stream, emit)

    def _stream_of(self, event: Event[Audio]) -> _Stream:
        stream = self._streams.get(event.source)
        if stream is None or event.originating_time < stream.anchor:
            segmenter = UtteranceSegmenter(self.options.segments)
            stream = self._streams[event.source] = _Stream(event.originating_time, segmenter)
        elapsed = event.originating_time - stream.anchor
        expected = round(elapsed * SAMPLE_RATE / NS_PER_S)
        if expected > stream.received + JITTER:
            stream.received, stream.rest = expected, []
            stream.state = stream.context = None
        return stream

    async def _tell(self, found: Any, stream: _Stream, emit: Emit) -> None:
        if not isinstance(found, SpeechEnded):
            await emit(SpeechStarted(), originating_time=stream.time_at(found.at))
            return
        utterance = Utterance(found.audio, SAMPLE_RATE, stream.time_at(found.end))
        await emit(utterance, originating_time=stream.time_at(found.start))
