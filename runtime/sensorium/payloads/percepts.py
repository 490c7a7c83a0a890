"""What perception and fusion make of the signals."""

from __future__ import annotations

from sensorium.delivery import DeliveryPolicy, EventClass
from sensorium.payloads.arrays import Array
from sensorium.payloads.base import Payload, payload


@payload("detections")
class Detections(Payload):
    """Objects found in one picture. All fields run along the same N objects."""

    labels: tuple[str, ...]
    scores: tuple[float, ...]
    """In [0, 1]."""
    boxes: Array
    """(N, 4) float32: x0, y0, x1, y1 in pixels of the picture."""


@payload("classes")
class Classes(Payload):
    """What a whole picture shows, best first."""

    labels: tuple[str, ...]
    scores: tuple[float, ...]
    """In [0, 1]."""


@payload("text_lines", policy=DeliveryPolicy.block())
class TextLines(Payload):
    """Lines of text read in one picture, in reading order."""

    lines: tuple[str, ...]
    scores: tuple[float, ...]
    """In [0, 1]."""
    boxes: Array
    """(N, 4, 2) float32: the corners of each line, in pixels."""


@payload("embedding")
class Embedding(Payload):
    """A vector that stands for a signal; ``space`` names the model whose space it lies in."""

    vector: Array
    """(D,) float32, of unit length."""
    space: str


@payload("speech_started", event_class=EventClass.CONTROL)
class SpeechStarted(Payload):
    """Somebody began to speak; the originating time is the first sample of speech."""


@payload("utterance", event_class=EventClass.CONTROL)
class Utterance(Payload):
    """One stretch of speech, cut by voice activity; originating time: its first sample."""

    samples: Array
    """(T,) float32 in [-1, 1]."""
    sample_rate: int
    """In Hz."""
    end_time: int
    """ns since the epoch: when its last sample reached the sensor."""


@payload("transcript", event_class=EventClass.CONTROL)
class Transcript(Payload):
    """What was said in one utterance; originating time: when it began."""

    text: str
    confidence: float
    """In [0, 1]."""
    end_time: int
    """ns since the epoch: when the utterance ended."""


@payload("percept", policy=DeliveryPolicy.block())
class Percept(Payload):
    """One thing that is known of the world, said in words."""

    kind: str
    """seen, class, face, heard, read, or answer (words on a page that answer a question)."""
    text: str
    """The label, or the words."""
    score: float
    """In [0, 1]."""
    origin: str
    """The source it came from: ``camera``."""
    originating_time: int
    """ns since the epoch."""
    box: tuple[float, float, float, float] | None = None
    """x0, y0, x1, y1 in pixels, where it has a place."""


@payload("world_state", policy=DeliveryPolicy.latest())
class WorldState(Payload):
    """The latest percepts of every source, each with its originating time."""

    percepts: tuple[Percept, ...]
