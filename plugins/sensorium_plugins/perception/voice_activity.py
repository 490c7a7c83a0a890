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

    anchor: int
    """Originating time (ns) of stream position 0, by the latest chunk: a sound card's clock and
    the machine's drift apart, and only a jump between two chunks means that sound is missing."""
    segmenter: UtteranceSegmenter
    received: int = 0  # position after the last sample that came
    rest: list[Any] = field(default_factory=list)  # samples that do not fill a chunk yet
    state: Any = None
    context: Any = None

    def time_at(self, position: int) -> int:
        """Originating time (ns) of the sample at ``position``."""
        return self.anchor + position * NS_PER_S // SAMPLE_RATE

    def ahead(self, time: int) -> int:
        """By how many samples a chunk that originates at ``time`` begins too late."""
        return round((time - self.time_at(self.received)) * SAMPLE_RATE / NS_PER_S)

    def skip(self, samples: int) -> None:
        """Go on after a gap."""
        self.received += samples
        self.rest, self.state, self.context = [], None, None


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
        stream = await self._stream_of(event, emit)
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

    async def _stream_of(self, event: Event[Audio], emit: Emit) -> _Stream:
        """The event's stream, at the position where its sound belongs."""
        time = event.originating_time
        stream = self._streams.get(event.source)
        if stream is not None and (ahead := stream.ahead(time)) < -JITTER:
            for found in stream.segmenter.flush():  # another recording begins
                await self._tell(found, stream, emit)
            stream = None
        elif stream is not None:
            if ahead > JITTER:
                stream.skip(ahead)
            stream.anchor += time - stream.time_at(stream.received)
        if stream is None:
            stream = _Stream(time, UtteranceSegmenter(self.options.segments))
            self._streams[event.source] = stream
        return stream

    async def _tell(self, found: Any, stream: _Stream, emit: Emit) -> None:
        if not isinstance(found, SpeechEnded):
            await emit(SpeechStarted(), originating_time=stream.time_at(found.at))
            return
        utterance = Utterance(found.audio, SAMPLE_RATE, stream.time_at(found.end))
        await emit(utterance, originating_time=stream.time_at(found.start))
