"""What pool and workers say to each other. Knows bytes, not sockets; nothing here unpickles.

A message is one frame ``version, msgpack([kind, fields...])`` and, behind it, the arrays that
travel inline. The requests of a batch are packed together, as are its results
(:mod:`sensorium.workers.pool.packing`).

Whatever the bytes, :func:`decode_to_worker` and :func:`decode_from_worker` return a valid message
or raise :class:`~sensorium.errors.PayloadError`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct

from sensorium.errors import PayloadError
from sensorium.workers.pool.packing import NOT_PACKABLE, Values, refuse
from sensorium.workers.pool.packing import Count as Count
from sensorium.workers.pool.packing import Frame as Frame

VERSION = 2
MAX_BATCH = 65536

MessageT = TypeVar("MessageT")
Time = Annotated[int, Meta(ge=0)]
"""ns since the epoch."""
Traces = dict[Count, Annotated[str, Meta(max_length=64)]]
"""By number, of those requests that are traced: the span of the call, as W3C Trace Context
writes it."""


class Message(Struct, array_like=True, forbid_unknown_fields=True, tag=True):
    """Base of every message."""


# --- to the worker --------------------------------------------------------------------------


class Load(Message):
    """Bring a model up on a new lane: a thread with a socket of its own."""

    lane: Annotated[int, Meta(ge=1, le=65535)]
    name: str
    use: str
    options: dict[str, Any]
    device: str


class Unload(Message):
    """To a lane: let the model go, and end."""


class Batch(Message):
    """To a lane: answer these together."""

    batch: Count
    requests: Annotated[list[Count], Meta(min_length=1, max_length=MAX_BATCH)]
    """Their numbers."""
    values: Values
    """A list of as many."""
    released: list[Count] = []
    traces: Traces = {}


class Stream(Message):
    """To a lane: answer this in parts, at most ``credit`` ahead of the reader."""

    batch: Count
    request: Count
    budget_ms: Annotated[int, Meta(ge=-1)]
    """Left until its deadline, when it was sent; -1 for no deadline."""
    values: Values
    credit: Count
    released: list[Count] = []
    traces: Traces = {}


class Cancel(Message):
    """Nobody waits for this request any more."""

    request: Count


class Credit(Message):
    """So many parts were read."""

    request: Count
    parts: Count
    released: list[Count] = []


class Stop(Message):
    """End the process in order."""


# --- from the worker ------------------------------------------------------------------------


class Hello(Message):
    """The process is up and knows its models. ``failures`` are plugins it could not load."""

    pid: Count
    failures: list[str]


class Loaded(Message):
    """From a lane: the model is up. ``memory`` in bytes, on host and device together."""

    lane: Count
    device: str
    memory: Count


class LoadFailed(Message):
    """From the control socket: the model of that lane cannot be loaded."""

    lane: Count
    error: dict[str, Any]


class Unloaded(Message):
    """From a lane, last."""

    lane: Count
    memory: Annotated[int, Meta(ge=-(2**53))]
    """Bytes given back."""


class Results(Message):
    """From a lane: the answers to one batch, as a list in the order of its requests."""

    batch: Count
    values: Values
    failed: list[Count] = []
    """Positions in the list that hold not a result but the facts of an error."""
    begun: Time = 0
    """When the model was called, by the worker's clock."""
    ended: Time = 0


class Part(Message):
    """From a lane: the next part of a stream."""

    request: Count
    values: Values


class End(Message):
    """From a lane: the stream is over; ``error`` is empty if it ended well."""

    batch: Count
    request: Count
    error: dict[str, Any]
    begun: Time = 0
    """When the model was called, by the worker's clock."""
    ended: Time = 0


class Heartbeat(Message):
    """From the control socket, all the time."""

    rss: Count
    """Resident bytes of the process."""
    refused: Count
    """Arrays that found no room in the arena of results."""


ToWorker = Load | Unload | Batch | Stream | Cancel | Credit | Stop
FromWorker = Hello | Loaded | LoadFailed | Unloaded | Results | Part | End | Heartbeat


_to_worker: msgspec.msgpack.Decoder[ToWorker] = msgspec.msgpack.Decoder(ToWorker)
_from_worker: msgspec.msgpack.Decoder[FromWorker] = msgspec.msgpack.Decoder(FromWorker)
_encoder = msgspec.msgpack.Encoder(enc_hook=refuse)


def encode(message: Message, inline: Sequence[Frame] = ()) -> list[Frame]:
    """The message as frames. Raises :class:`PayloadError` when it holds what cannot travel."""
    try:
        return [b"%c%b" % (VERSION, _encoder.encode(message)), *inline]
    except NOT_PACKABLE as error:
        raise PayloadError(f"this cannot be sent to another process: {error}") from error


def decode_to_worker(frames: Sequence[Frame]) -> ToWorker:
    """Read a message that a pool sent."""
    return _decode(_to_worker.decode, frames)


def decode_from_worker(frames: Sequence[Frame]) -> FromWorker:
    """Read a message that a worker sent."""
    return _decode(_from_worker.decode, frames)


def _decode(read: Callable[[memoryview], MessageT], frames: Sequence[Frame]) -> MessageT:
    if not frames or not frames[0]:
        raise PayloadError("an empty message")
    first = frames[0]
    if first[0] != VERSION:
        raise PayloadError(f"version {first[0]} of the worker protocol is not {VERSION}")
    try:
        return read(memoryview(first)[1:])
    except Exception as error:
        raise PayloadError(f"unreadable message: {error or type(error).__name__}") from error
