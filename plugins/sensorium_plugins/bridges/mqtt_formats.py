"""What messages look like: bytes on the broker's side, payloads on ours.

========  =============================================================================
json      the payload's own fields, by its JSON schema
event     the whole event, envelope and payload: between two agents of this runtime
text      UTF-8: Text, or the ``text`` of a payload that has one (Transcript, Reply …)
jpeg png  Image
wav       Audio: 16-bit PCM; several channels are averaged on the way in
========  =============================================================================
"""

from __future__ import annotations

import io
import json
import wave
from datetime import datetime
from typing import Any, Literal

import numpy as np

from sensorium.delivery import EventClass
from sensorium.errors import BadInput, MissingDependency, PayloadError
from sensorium.events import NS_PER_S, AnyEvent
from sensorium.payloads.base import Payload
from sensorium.payloads.codec import (
    event_from_json,
    event_to_json,
    payload_from_json,
    payload_to_json,
)
from sensorium.payloads.media import Audio, Image, Text
from sensorium.payloads.registry import PayloadRegistry

Format = Literal["json", "event", "text", "jpeg", "png", "wav"]
PAYLOADS = {"json": "state", "text": "text", "jpeg": "image", "png": "image", "wav": "audio"}
"""The payload type a format stands for when a route names none."""
MAX_PIXELS = 64_000_000  # a small file may unpack to any size
_FULL_SCALE = 32768.0  # of 16-bit sound


def to_bytes(event: AnyEvent, form: Format, *, quality: int = 85) -> bytes:
    """``event`` as a message. Raises :class:`BadInput` when the format cannot hold its payload."""
    payload = event.payload
    match form:
        case "json":
            return _json(payload_to_json(payload), event)
        case "event":
            return _json(event_to_json(event), event)
        case "text":
            text = getattr(payload, "text", None)
            if isinstance(text, str):
                return text.encode()
        case "jpeg" | "png":
            if isinstance(payload, Image):
                return _encode_image(payload, form, quality)
        case "wav":
            if isinstance(payload, Audio):
                return _encode_wav(payload)
    raise BadInput(f"a {payload.type_name} on {event.topic} cannot be sent as {form}")


def _json(value: Any, event: AnyEvent) -> bytes:
    try:
        return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()
    except ValueError as error:
        raise BadInput(f"{event.id} on {event.topic} does not fit JSON: {error}") from error


def decode_media(data: bytes, form: Format) -> Payload:
    """An Image, Audio or Text from ``data``. Raises :class:`BadInput`."""
    match form:
        case "jpeg" | "png":
            return _decode_image(data, form)
        case "wav":
            return _decode_wav(data)
        case _:
            try:
                return Text(data.decode("utf-8"))
            except UnicodeDecodeError as error:
                raise BadInput(f"not UTF-8 text: {error}") from error


def decode_json(
    data: bytes, payload_type: type[Payload], into: str, time_field: str
) -> tuple[Payload, int | None]:
    """A payload from JSON, and its originating time (ns) if ``time_field`` names one.

    ``into`` puts the message into that field of the payload, for devices whose JSON is not shaped
    like it. Raises :class:`PayloadError` or :class:`BadInput`.
    """
    if not into and not time_field:
        return payload_from_json(payload_type, data), None
    try:
        value: Any = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"not JSON: {error}") from error
    time = None
    if time_field:
        if not isinstance(value, dict) or time_field not in value:
            raise BadInput(f"has no field {time_field!r}, which the route takes the time from")
        time = read_time(value.pop(time_field))
    fields = {into: value} if into else value
    if not isinstance(fields, dict):
        raise PayloadError(f"not a {payload_type.type_name}: JSON holds no object")
    return payload_from_json(payload_type, fields), time


def decode_event(data: bytes, registry: PayloadRegistry, expected: str) -> AnyEvent:
    """An event another agent sent as ``event``. Raises :class:`PayloadError`."""
    event = event_from_json(data, registry)
    if event.event_class is EventClass.SYSTEM:
        raise PayloadError(f"{event.payload.type_name} is for this runtime alone to say")
    if expected and event.payload.type_name != expected:
        raise PayloadError(f"carries a {event.payload.type_name}; the route takes {expected}")
    return event


def read_time(value: Any) -> int:
    """A time as ns since the epoch, from ISO 8601 with a zone, or a count of s, ms, µs or ns.

    The unit of a number follows from its size. Raises :class:`BadInput`.
    """
    try:
        if isinstance(value, str) and not value.isdecimal():
            moment = datetime.fromisoformat(value)
            if moment.tzinfo is None:
                raise BadInput(f"time {value!r} lacks a time zone")
            return round(moment.timestamp() * NS_PER_S)
        number = value if isinstance(value, int | float) else int(value)
        for limit, unit in ((1e11, NS_PER_S), (1e14, 1_000_000), (1e17, 1000), (9.2e18, 1)):
            if 0 <= number < limit and not isinstance(value, bool):
                return round(number * unit)
    except (ValueError, TypeError, OverflowError) as error:
        raise BadInput(f"{value!r} is not a time") from error
    raise BadInput(f"{value!r} is not a time")


def _pillow() -> Any:
    try:
        import PIL.Image
    except ModuleNotFoundError as error:
        remedy = "Run: pip install 'sensorium[vision]'"
        raise MissingDependency("pictures over MQTT", "pillow", remedy) from error
    return PIL.Image


def _encode_image(image: Image, form: str, quality: int) -> bytes:
    buffer = io.BytesIO()
    _pillow().fromarray(image.data).save(buffer, form.upper(), quality=quality)
    return buffer.getvalue()


def _decode_image(data: bytes, form: str) -> Image:
    pillow = _pillow()
    try:
        with pillow.open(io.BytesIO(data), formats=[form.upper()]) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise BadInput(f"a picture of {picture.width} x {picture.height} is too large")
            pixels = np.asarray(picture.convert("RGB"))
    except BadInput:
        raise
    except Exception as error:  # Pillow's decoders raise whatever they stumble over
        raise BadInput(f"not a {form} picture: {error}") from error
    return Image(pixels)


def _encode_wav(audio: Audio) -> bytes:
    buffer = io.BytesIO()
    scaled = np.clip(np.rint(audio.samples * _FULL_SCALE), -_FULL_SCALE, _FULL_SCALE - 1)
    with wave.open(buffer, "wb") as file:
        file.setparams((1, 2, audio.sample_rate, 0, "NONE", ""))
        file.writeframes(scaled.astype("<i2").tobytes())
    return buffer.getvalue()


def _decode_wav(data: bytes) -> Audio:
    try:
        with wave.open(io.BytesIO(data)) as file:
            channels, width, rate, count = file.getparams()[:4]
            frames = file.readframes(count)
    except (wave.Error, EOFError, RuntimeError) as error:
        raise BadInput(f"not a wav file: {error or 'it ends early'}") from error
    if width != 2:
        raise BadInput(f"wav of {8 * width} bits; only 16-bit PCM is read")
    frames = frames[: len(frames) // (2 * channels) * 2 * channels]
    samples = np.frombuffer(frames, "<i2").reshape(-1, channels).mean(axis=1) / _FULL_SCALE
    return Audio(samples.astype(np.float32), rate)
