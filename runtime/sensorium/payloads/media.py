"""What sensors give: pictures, sound, text."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from sensorium.delivery import DeliveryPolicy
from sensorium.errors import PayloadError
from sensorium.payloads.arrays import Array
from sensorium.payloads.base import Payload, Shed, payload


@payload("image", policy=DeliveryPolicy.latest(), shed=Shed.VIDEO)
class Image(Payload):
    """One picture. Raises :class:`PayloadError` unless ``data`` is (H, W, 3) uint8."""

    data: Array
    """(H, W, 3) uint8, RGB, row 0 at the top."""

    def __post_init__(self) -> None:
        data = self.data
        if data.ndim != 3 or data.shape[2] != 3 or data.dtype != np.uint8 or 0 in data.shape:
            raise PayloadError(
                f"an Image is (height, width, 3) uint8 RGB, not {data.shape} {data.dtype}"
            )

    @property
    def width(self) -> int:
        """In pixels."""
        return int(self.data.shape[1])

    @property
    def height(self) -> int:
        """In pixels."""
        return int(self.data.shape[0])


@payload("audio", policy=DeliveryPolicy.drop_oldest(512), shed=Shed.AUDIO)
class Audio(Payload):
    """A stretch of mono sound; the event's originating time is that of its first sample.

    Raises :class:`PayloadError` unless ``samples`` is (T,) float32 and the rate is positive.
    """

    samples: Array
    """(T,) float32 in [-1, 1]."""
    sample_rate: int
    """In Hz."""

    def __post_init__(self) -> None:
        samples = self.samples
        if samples.ndim != 1 or samples.dtype != np.float32:
            raise PayloadError(f"Audio is (T,) float32, not {samples.shape} {samples.dtype}")
        if self.sample_rate <= 0:
            raise PayloadError(f"a sample rate is a positive number of Hz, not {self.sample_rate}")

    @property
    def duration(self) -> Fraction:
        """In seconds, exactly."""
        return Fraction(len(self.samples), self.sample_rate)


@payload("text", policy=DeliveryPolicy.block())
class Text(Payload):
    """Words that somebody typed or a file holds."""

    text: str
