"""Events as messages of a recording, and back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from sensorium.errors import PayloadError, SensoriumError
from sensorium.events import AnyEvent, Event
from sensorium.payloads.base import Payload
from sensorium.payloads.media import Audio, Image
from sensorium.recording import media, trees
from sensorium.recording.fields import decode_fields, encode_fields, schema_of
from sensorium.recording.media import ImageForm, Part
from sensorium.recording.records import Envelope, struct_schema

_IMAGE, _AUDIO = Image.type_name, Audio.type_name
_encode = msgspec.json.Encoder().encode
_READERS: dict[str, Callable[[dict[str, Any]], Payload]] = {
    "foxglove.RawImage": media.read_image,
    "foxglove.CompressedImage": media.read_image,
    "foxglove.RawAudio": media.read_audio,
}


@dataclass(frozen=True, slots=True)
class Messages:
    """How a recording writes events: pictures ``raw``, or packed as ``png`` or ``jpeg``."""

    images: ImageForm = "raw"
    quality: int = 90
    """Of jpeg, 1 to 100."""

    def schema(self, payload_type: type[Payload]) -> tuple[str, bytes]:
        """Name and JSON schema of the messages for a payload type."""
        if payload_type.type_name == _IMAGE:
            name = "foxglove.RawImage" if self.images == "raw" else "foxglove.CompressedImage"
            schema = media.SCHEMAS[name]
        elif payload_type.type_name == _AUDIO:
            name = "foxglove.RawAudio"
            schema = media.SCHEMAS[name]
        else:
            name = f"sensorium.{payload_type.type_name}"
            schema = schema_of(payload_type)
        properties = {**schema.get("properties", {}), "_event": struct_schema(Envelope)}
        whole = {**schema, "type": "object", "properties": properties}
        try:
            return name, _encode(whole)
        except (UnicodeEncodeError, TypeError, ValueError):  # of a plugin's type: its defaults
            return name, _encode({"title": payload_type.type_name, "type": "object"})

    def encode(self, event: AnyEvent) -> list[Part]:
        """The message of an event, in parts. Raises :class:`PayloadError`."""
        try:
            return self._encode(event)
        except SensoriumError:
            raise
        except Exception as error:  # what is odd about one event must not end a recording
            what = f"a {event.payload.type_name} of {event.source!a} cannot be written"
            raise PayloadError(f"{what}: {type(error).__name__}: {error}") from error

    def _encode(self, event: AnyEvent) -> list[Part]:
        payload = event.payload
        envelope = _encode(
            Envelope(
                payload.type_name, event.source, event.sequence, event.root, event.parents,
                event.originating_time, event.creation_time,
            )
        )  # fmt: skip
        if payload.type_name == _IMAGE:
            members = media.image_message(event, self.images, self.quality)
        elif payload.type_name == _AUDIO:
            members = media.audio_message(event)
        else:
            if "_event" in type(payload).__dataclass_fields__:
                raise PayloadError(f"a {payload.type_name} has a field _event: events have that")
            body = encode_fields(payload)
            start = b'{"_event":' + envelope
            return [start + b"}" if body == b"{}" else start + b"," + body[1:]]
        return [b"{", *members, b',"_event":', envelope, b"}"]


def decode_event(
    topic: str, schema: str, data: bytes, payload_type: Callable[[str], type[Payload]]
) -> AnyEvent:
    """The event of a message; ``payload_type`` looks a type up by its name.

    Raises :class:`PayloadError`, and what ``payload_type`` raises.
    """
    read = _READERS.get(schema)
    try:
        values = msgspec.json.decode(data) if read is None else _without_copying(data)
        envelope = msgspec.convert(values.pop("_event"), Envelope)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise PayloadError(f"not the message of an event: {error}") from error
    except (AttributeError, KeyError, TypeError):
        raise PayloadError("not the message of an event: it has no _event") from None
    if read is not None:
        payload = read(values)
        if payload.type_name != envelope.type:
            raise PayloadError(f"a {schema} that says it is of type {envelope.type!r:.40}")
    else:
        kind = payload_type(envelope.type)
        payload = decode_fields(kind, values, marked=trees.MARK in data)
    return Event(
        topic,
        payload,
        envelope.originating_time,
        envelope.creation_time,
        envelope.source,
        envelope.sequence,
        envelope.root,
        envelope.parents,
    )


def _without_copying(data: bytes) -> Any:
    """The JSON values of a message of :mod:`media`, its data as bytes where that is quicker."""
    rest, packed = media.cut_out(data)
    values = msgspec.json.decode(rest)
    if packed is None:
        return values
    if not isinstance(values, dict) or values.get("data") != "":
        return msgspec.json.decode(data)  # it was the data of something else
    values["data"] = packed
    return values
