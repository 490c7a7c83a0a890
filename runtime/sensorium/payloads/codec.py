"""Events and payloads on the wire, and as JSON. Nothing here ever unpickles.

Binary form (version 1): a msgpack header, then the arrays, each a buffer of its own, so that a
transport sends them beside the header without copying::

    header = {"v": 1, "topic", "type", "ot", "ct", "source", "seq", "root", "parents", "fields"}

where an array in ``fields`` is the extension type 1 holding ``[index, dtype, shape]``. Nothing
about a message is trusted: every field is validated against the payload's type.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import msgpack
import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from sensorium.errors import PayloadError, TopicError, UnknownName
from sensorium.events import AnyEvent, Event
from sensorium.payloads.arrays import array_from_buffer, as_wire
from sensorium.payloads.base import Payload
from sensorium.payloads.registry import PayloadRegistry, adapter
from sensorium.topics import check_topic

VERSION = 1
MAX_HEADER = 16 * 1024 * 1024  # bytes
_ARRAY = 1
_KEYS = {"v", "topic", "type", "ot", "ct", "source", "seq", "root", "parents", "fields"}

Buffer = bytes | memoryview


def payload_to_json(payload: Payload) -> dict[str, Any]:
    """The payload as plain JSON values, arrays in base64; raises :class:`PayloadError`."""
    try:
        result: dict[str, Any] = adapter(type(payload)).dump_python(payload, mode="json")
    except (ValueError, TypeError, RecursionError) as error:
        raise PayloadError(f"a {payload.type_name} has no JSON form: {error}") from error
    return result


def payload_from_json(payload_type: type[Payload], data: bytes | str | dict[str, Any]) -> Payload:
    """Read a payload from JSON text or values; :class:`PayloadError` names what is wrong."""
    try:
        if isinstance(data, dict):
            payload: Payload = adapter(payload_type).validate_python(data)
        else:
            payload = adapter(payload_type).validate_json(data)
    except ValidationError as error:
        raise PayloadError(f"not a {payload_type.type_name}: {_first(error)}") from error
    return payload


def event_to_json(event: AnyEvent) -> dict[str, Any]:
    """The whole event, envelope and payload, as plain JSON values."""
    return _envelope(event) | {"fields": payload_to_json(event.payload)}


def event_from_json(data: bytes | str | dict[str, Any], registry: PayloadRegistry) -> AnyEvent:
    """Read what :func:`event_to_json` wrote; raises :class:`PayloadError`."""
    if not isinstance(data, dict):
        try:
            data = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise PayloadError(f"not JSON: {error}") from error
    return _event(data, registry)


def encode(event: AnyEvent) -> list[Buffer]:
    """The event as wire frames: the header, then one buffer an array.

    Raises :class:`PayloadError` when a field holds what no wire carries (an integer of more than
    64 bits, half a surrogate pair, an array of objects).
    """
    arrays: list[Buffer] = []

    def pack(value: Any) -> msgpack.ExtType:
        if not isinstance(value, np.ndarray):
            raise TypeError(f"it holds {value!r:.40} ({type(value).__name__})")
        flat = as_wire(value)
        arrays.append(flat.reshape(-1).view(np.uint8).data)
        place = [len(arrays) - 1, flat.dtype.name, list(value.shape)]
        return msgpack.ExtType(_ARRAY, msgpack.packb(place))

    try:
        fields = adapter(type(event.payload)).dump_python(event.payload)
        header: bytes = msgpack.packb(_envelope(event) | {"fields": fields}, default=pack)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise PayloadError(f"{event!r} cannot be put on the wire: {error}") from error
    return [header, *arrays]


def decode(frames: Sequence[Buffer], registry: PayloadRegistry) -> AnyEvent:
    """Read what :func:`encode` wrote, wrapping the arrays in place.

    Raises :class:`PayloadError` for anything malformed, whatever the bytes.
    """
    if not frames:
        raise PayloadError("a message has at least a header")
    if len(frames[0]) > MAX_HEADER:
        raise PayloadError(f"a header of {len(frames[0])} bytes is over the limit of {MAX_HEADER}")
    buffers = frames[1:]

    def unpack(code: int, data: bytes) -> NDArray[Any]:
        if code != _ARRAY:
            raise ValueError(f"extension type {code} is unknown")
        index, dtype, shape = msgpack.unpackb(data)
        if not isinstance(index, int) or not 0 <= index < len(buffers):
            raise ValueError(f"array {index!r} is not among the {len(buffers)} buffers")
        return array_from_buffer(dtype, shape, buffers[index])

    try:
        header = msgpack.unpackb(frames[0], ext_hook=unpack)
    except PayloadError:
        raise
    except Exception as error:
        raise PayloadError(f"unreadable header: {error or type(error).__name__}") from error
    return _event(header, registry)


def _envelope(event: AnyEvent) -> dict[str, Any]:
    return {
        "v": VERSION,
        "topic": event.topic,
        "type": event.payload.type_name,
        "ot": event.originating_time,
        "ct": event.creation_time,
        "source": event.source,
        "seq": event.sequence,
        "root": event.root,
        "parents": list(event.parents),
    }


def _event(data: Any, registry: PayloadRegistry) -> AnyEvent:
    if not isinstance(data, dict) or not data.keys() >= _KEYS:
        found = ", ".join(map(str, data)) if isinstance(data, dict) else type(data).__name__
        raise PayloadError(f"an event has the keys {', '.join(sorted(_KEYS))}; found: {found}")
    if type(data["v"]) is not int or data["v"] != VERSION:
        raise PayloadError(f"version {data['v']!r:.40} of the event format is not {VERSION}")
    if not _is_envelope(data):
        raise PayloadError("the event's envelope has fields of the wrong type")
    try:
        payload_type = registry.get(data["type"])
    except UnknownName as error:
        raise PayloadError(str(error)) from error
    if not isinstance(data["fields"], dict):
        raise PayloadError("the fields of an event are an object")
    payload = payload_from_json(payload_type, data["fields"])
    try:
        topic = check_topic(data["topic"])
    except TopicError as error:
        raise PayloadError(str(error)) from error
    return Event(
        topic,
        payload,
        data["ot"],
        data["ct"],
        data["source"],
        data["seq"],
        data["root"],
        tuple(data["parents"]),
    )


def _is_envelope(data: dict[str, Any]) -> bool:
    strings = all(isinstance(data[key], str) for key in ("topic", "type", "source", "root"))
    numbers = all(type(data[key]) is int for key in ("ot", "ct", "seq"))
    parents = data["parents"]
    return (
        strings
        and numbers
        and isinstance(parents, list)
        and all(isinstance(parent, str) for parent in parents)
    )


def _first(error: ValidationError) -> str:
    """One line from pydantic's report: where, and what."""
    problem = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in problem["loc"])
    return f"{where}: {problem['msg']}" if where else str(problem["msg"])
