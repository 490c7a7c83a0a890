"""What a recording holds, in order: events, trace records and counts; and each one's JSON.

Every message of an event carries the envelope in an object ``_event`` beside the payload's fields.
Trace records and counts have channels of their own, whose topics begin with ``$``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from sensorium.errors import PayloadError
from sensorium.events import AnyEvent
from sensorium.recording import trees
from sensorium.trace import ClockRead, ModelAsked, ModelCall, Sleep, Stopped, Taken, TraceRecord


class Envelope(msgspec.Struct, frozen=True, gc=False):
    """What an event is beside its topic and its payload."""

    type: str
    """The payload type's name."""
    source: str
    sequence: int
    root: str
    parents: tuple[str, ...]
    originating_time: int
    """ns since the epoch."""
    creation_time: int
    """ns since the epoch."""


class EdgeCounts(msgspec.Struct, frozen=True, gc=False):
    """What became of the events of one subscription, since it was made."""

    name: str
    pattern: str
    policy: str
    published: int
    delivered: int
    dropped: dict[str, int]
    """By reason."""
    pending: int
    waiting: int


class DropCounts(msgspec.Struct, frozen=True):
    """The counts of every subscription, and what the recorder itself could not keep."""

    at: int
    """ns since the epoch: the time of the last record before it."""
    edges: tuple[EdgeCounts, ...]
    given_up: dict[str, int]
    """Events and trace records that are not in the file, by topic, since the recording began."""


class ClockReads(msgspec.Struct, frozen=True):
    """Clock reads that followed one another with nothing between: ``[component, at]``."""

    reads: list[tuple[str, int]]


Record = AnyEvent | TraceRecord | DropCounts


@dataclass(frozen=True, slots=True)
class Kind:
    """A channel that is not an event topic."""

    name: str
    topic: str
    record: Any

    @property
    def schema_name(self) -> str:
        """As the file names it."""
        return f"sensorium.{self.name}"

    def schema(self) -> dict[str, Any]:
        """JSON schema of its messages."""
        return struct_schema(self.record)


TAKEN = Kind("taken", "$trace/taken", Taken)
SLEEP = Kind("sleep", "$trace/sleep", Sleep)
STOPPED = Kind("stopped", "$trace/stopped", Stopped)
CLOCK = Kind("clock_reads", "$trace/clock", ClockReads)
CALL = Kind("model_call", "$trace/model", ModelCall)
COUNTS = Kind("counts", "$recorder/counts", DropCounts)
KINDS = {kind.name: kind for kind in (TAKEN, SLEEP, STOPPED, CLOCK, CALL, COUNTS)}
KIND_OF: dict[type, Kind] = {kind.record: kind for kind in KINDS.values()} | {ClockRead: CLOCK}


@dataclass(frozen=True, slots=True)
class Encoded:
    """A record that is JSON already: its values could change before it is written."""

    kind: Kind
    at: int
    data: bytes


def encode_call(call: ModelCall) -> Encoded:
    """A model call as JSON. Raises :class:`PayloadError` when an answer is no plain tree."""
    values = _members(call.digested() if isinstance(call, ModelAsked) else call)
    parts = values.pop("parts")
    plain = {name: trees.to_json(value) for name, value in values.items()}
    plain["parts"] = [
        {name: trees.to_json(value) for name, value in _members(part).items()} for part in parts
    ]
    return Encoded(CALL, call.ended, msgspec.json.encode(plain))


def decode_record(kind: Kind, data: bytes) -> list[TraceRecord | DropCounts]:
    """The records of one message. Raises :class:`PayloadError`."""
    try:
        if trees.MARK in data:
            record = msgspec.convert(trees.from_json(msgspec.json.decode(data)), kind.record)
        else:
            record = msgspec.json.decode(data, type=kind.record)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise PayloadError(f"not a {kind.name}: {error}") from error
    if isinstance(record, ClockReads):
        return [ClockRead(component, at) for component, at in record.reads]
    return [record]


def count_records(kind: Kind, data: bytes) -> int:
    """How many records a message holds, without reading more of it than needed."""
    return len(decode_record(kind, data)) if kind is CLOCK else 1


def _members(struct: msgspec.Struct) -> dict[str, Any]:
    return {name: getattr(struct, name) for name in struct.__struct_fields__}


def struct_schema(struct: Any) -> dict[str, Any]:
    """JSON schema of a msgspec struct, an object at its top as viewers want it."""
    (_,), components = msgspec.json.schema_components([struct], ref_template="#/$defs/{name}")
    own: dict[str, Any] = components.pop(struct.__name__)
    return own | ({"$defs": components} if components else {})
