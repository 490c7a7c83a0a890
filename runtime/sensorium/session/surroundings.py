"""What a session lends its components to live by: the time, the models, the mailboxes.

A component cannot tell a live session from a recorded or a replayed one, for all that it knows of
the world comes from here. A live session lends out its own clock and models
(:class:`Surroundings`); one that is recorded notes what was lent
(:mod:`sensorium.session.tracing`); a replay lends what was noted (:mod:`sensorium.replay`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from sensorium.bus import Merged, Subscription
from sensorium.clocks import Clock
from sensorium.events import AnyEvent
from sensorium.workers.executor import ModelHandle


class Mailbox(Protocol):
    """Where a component takes its events from."""

    async def get(self) -> tuple[int, AnyEvent]:
        """The next event and the number of its input. Raises BusClosed when none will come."""

    def stop(self) -> None:
        """Make :meth:`get` raise BusClosed, now and from now on."""


class Surroundings:
    """Lends every component the session's own clock, its models and plain mailboxes."""

    def __init__(self, clock: Clock, models: Mapping[str, ModelHandle]) -> None:
        self._clock = clock
        self._models = models

    def clock_of(self, component: str) -> Clock:
        """The clock that ``component`` lives by."""
        return self._clock

    def models_of(self, component: str) -> Mapping[str, ModelHandle]:
        """The models that ``component`` may ask."""
        return self._models

    def mailbox_of(self, component: str, subscriptions: Sequence[Subscription]) -> Mailbox:
        """The mailbox that ``component`` reads its subscriptions by."""
        return Merged(subscriptions)
