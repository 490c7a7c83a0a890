"""What a session does that its events do not show: enough, with them, to do it all again.

A component decides by the events it takes, the clock it reads, its sleeps and the answers of its
models. A session whose settings hold a component with ``traces = True`` (the recorder) notes all
of these and tells that component of them, through ``context.trace``, in the order in which they
happened. Sources and sinks are not traced: a replay plays what they did, not themselves.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from sensorium.events import AnyEvent

if TYPE_CHECKING:
    from sensorium.bus import SubscriptionStatistics
    from sensorium.plugins.manager import Plugins
    from sensorium.settings import Settings


class Taken(msgspec.Struct, frozen=True, gc=False):
    """A component took an event out of a mailbox to process it."""

    component: str
    input: int
    """Which of its inputs, in the order of their declaration."""
    event: str
    """The event's id."""
    at: int
    """ns since the epoch on the session's clock."""
    step: int = -1
    """Which :class:`Steps`."""


class ClockRead(msgspec.Struct, frozen=True, gc=False):
    """A component asked what time it is, and was told ``at`` (ns since the epoch)."""

    component: str
    at: int


class Sleep(msgspec.Struct, frozen=True, gc=False):
    """A component went to sleep until ``due``, or, where ``woke``, woke from that sleep."""

    component: str
    due: int
    """ns since the epoch."""
    at: int
    """When it did so, ns since the epoch."""
    woke: bool
    number: int = 0
    """Counts this component's sleeps from 0; the one it woke from."""
    step: int = -1
    """Which :class:`Steps`."""


class Stopped(msgspec.Struct, frozen=True, gc=False):
    """The session made a component end, at its own end or before."""

    component: str
    at: int
    """ns since the epoch."""
    step: int = -1
    """Which :class:`Steps`."""


class ModelPart(msgspec.Struct, frozen=True):
    """One part of a model's answer, and when the component had it (ns since the epoch)."""

    at: int
    value: Any
    """A plain tree: dict, list, str, numbers, None, bytes and numpy arrays."""


class ModelCall(msgspec.Struct, frozen=True):
    """A component asked a model something, and what became of it.

    A call is noted when it begins, when a part of its answer has come, and when it has ended, each
    time with what is new: so what a crash cuts off is known as far as it went.
    """

    component: str
    model: str
    number: int
    """Counts this component's calls of this model from 0, in the order they began."""
    request: str
    """Where it begins: sha256 of the request (:func:`sensorium.recording.digest.tree_digest`).
    Empty where it ends, or has no digest: the request is an object that only this process knows.
    """
    begun: int
    """ns since the epoch."""
    ended: int
    """When this was noted, ns since the epoch."""
    parts: tuple[ModelPart, ...]
    """What came since the last time it was noted."""
    outcome: str
    """begun, part, and in the end done, failed, or cancelled (the component stopped waiting)."""
    error: dict[str, Any] = {}
    """Where it failed: the error's ``type``, ``message`` and ``facts``, as plain values."""
    step: int = -1
    """Which :class:`Steps`."""


class ModelAsked(ModelCall, frozen=True, kw_only=True):
    """A call that begins, with so large a request that whoever writes it down makes the digest.

    Only for requests that nobody changes: what is in ``asked`` is read-only.
    """

    asked: Any

    def digested(self) -> ModelCall:
        """The same with the request's digest. Takes milliseconds; any thread may do it."""
        from sensorium.recording.digest import request_digest

        values = {name: getattr(self, name) for name in ModelCall.__struct_fields__}
        return ModelCall(**values | {"request": request_digest(self.asked)})


UNTRACED = ("source", "sink")
"""Kinds of component that a replay plays as they were."""

TraceRecord = Taken | ClockRead | Sleep | Stopped | ModelCall


class Steps:
    """Tells apart what happened together from what came of it.

    Records of one step happened before anything that their components did thereby could come of
    them: two tasks that wake in the same turn of the event loop, say, of which the first cancels
    the second, too late.
    """

    def __init__(self) -> None:
        self._count = 0
        self._open = False

    def now(self) -> int:
        """The step of what happens now."""
        if not self._open:
            self._open = True
            self._count += 1
            # Runs before all that is put into the loop's queue from now on.
            asyncio.get_running_loop().call_soon(self._end)
        return self._count

    def _end(self) -> None:
        self._open = False


class TraceListener(Protocol):
    """What is told of everything. Must return at once: it is called in the middle of things."""

    def published(self, event: AnyEvent) -> None:
        """An event was published, before anyone took it. In the order of publishing."""

    def traced(self, record: TraceRecord) -> None:
        """Something happened that no event shows."""


class Trace(Protocol):
    """``context.trace``: lets a component listen (see :class:`TraceListener`)."""

    settings: Settings
    """Of the session."""
    plugins: Plugins
    """Of the session."""

    def listen(self, listener: TraceListener, name: str) -> None:
        """Tell ``listener`` of everything from now until the session ends.

        ``name`` names the edge in statistics.
        """

    def statistics(self) -> list[SubscriptionStatistics]:
        """Counts of every subscription of the session."""
