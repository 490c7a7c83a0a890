"""Events that tests of recordings are made of."""

from __future__ import annotations

from typing import Any

import numpy as np

from sensorium.events import Event
from sensorium.payloads import Audio, Detections, Image, Payload, Text

START = 1_700_000_000_000_000_000
MS = 1_000_000


def event(payload: Payload, number: int = 0, topic: str = "", **fields: Any) -> Event[Any]:
    """An event ``number`` ms after the start, 5 ms old."""
    at = START + number * MS
    values = {"source": "test", "sequence": number} | fields
    return Event(topic or payload.type_name, payload, at, at + 5 * MS, **values)


def picture(number: int = 0, height: int = 12, width: int = 16) -> Image:
    random = np.random.default_rng(number)
    return Image(random.integers(0, 256, (height, width, 3), np.uint8))


def sound(number: int = 0, length: int = 160) -> Audio:
    random = np.random.default_rng(number)
    return Audio(random.integers(-(2**15), 2**15, length).astype(np.float32) / 32768, 16_000)


def spots(number: int = 0) -> Detections:
    box = np.array([[0, 1, 2, 3 + number]], np.float32)
    return Detections(("cup",), (0.5,), box)


def a_bit_of_everything(count: int = 30) -> list[Event[Any]]:
    """Pictures, sound, boxes and words by turns, each topic from a source of its own."""
    made: list[Event[Any]] = []
    for number in range(count):
        payload, topic = (
            (picture(number), "camera/front/image"),
            (sound(number), "microphone/audio"),
            (spots(number), "vision/objects"),
            (Text(f"word {number}"), "chat/text"),
        )[number % 4]
        made.append(event(payload, number, topic, source=topic.partition("/")[0]))
    return made
