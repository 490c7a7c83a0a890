"""What a worker on another machine and its pool say beside what workers always say.

It joins with a token it has drawn, under which the pool then knows that session and no other.
Whatever ends the session, the worker joins anew with another token.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from sensorium.errors import PayloadError
from sensorium.workers.pool import protocol
from sensorium.workers.pool.protocol import Count, Frame, Message

PULSE = b""  # a message of the pool that says nothing but that it is there
Name = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[\w.:@/-]+$")]
Words = Annotated[str, Meta(max_length=2000)]


class Join(Message):
    """From the worker, first: take me in."""

    name: Name
    instance: Name
    """Of the process that keeps joining: a new session of it takes the place of its last."""
    device: Annotated[str, Meta(min_length=1, max_length=40)]
    pid: Count
    failures: Annotated[list[Words], Meta(max_length=100)]
    """Plugins it could not load."""


class Welcome(Message):
    """To the worker: you are in. Models to load follow."""

    heartbeat_s: Annotated[float, Meta(gt=0)]
    hang_s: Annotated[float, Meta(gt=0)]


class Refused(Message):
    """To the worker: you are not taken in."""

    reason: str


class Gone(Message):
    """To the worker: that session is over; join anew."""

    reason: str


FromPool = protocol.ToWorker | Welcome | Refused | Gone
_to_worker: msgspec.msgpack.Decoder[FromPool] = msgspec.msgpack.Decoder(FromPool)
_join: msgspec.msgpack.Decoder[Join] = msgspec.msgpack.Decoder(Join)


def decode_from_pool(frames: Sequence[Frame]) -> FromPool:
    """Read a message to a remote worker's control socket. Raises :class:`PayloadError`."""
    return protocol._decode(_to_worker.decode, frames)


def decode_join(frames: Sequence[Frame]) -> Join:
    """Read a message of somebody who is not known. Raises :class:`PayloadError`."""
    if len(frames) != 1:
        raise PayloadError(f"{len(frames)} frames")
    return protocol._decode(_join.decode, frames)
