"""The contracts of delivery: three classes of events, and the policies of mailboxes.

A policy is what a subscription's mailbox does when events come faster than they go.

``block`` makes the publisher wait (back-pressure); ``drop_oldest`` gives up the oldest event,
telemetry before video before audio; ``latest`` keeps the newest event only; ``max_age`` and
``throttle`` also leave out what is too old or too frequent. Every event that is left out is
counted under a :class:`DropReason`. System and control events, and events that satisfy the
policy's ``guarantee``, are never left out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Any

from sensorium.errors import SettingsError

DEFAULT_CAPACITY = 64
SLOWEST_HZ = 1e-6  # one event in twelve days: less is a slip of the pen
SYNTAX = "block(n), drop_oldest(n), latest, max_age(ms) or throttle(hz), joined by '+'"


class EventClass(Enum):
    """What the bus promises for an event. The payload's type decides its class."""

    SYSTEM = "system"
    """Jumps the queue and is never dropped: Interrupted, ComponentFailed, EventsDropped."""
    DATA = "data"
    """Ordered per source; what happens when a mailbox is full is the subscription's policy."""
    CONTROL = "control"
    """Ordered and never dropped; a full mailbox makes the publisher wait: GoalSet, UserTurn."""


class WhenFull(Enum):
    """What a full mailbox does with one event more."""

    BLOCK = "block"
    DROP_OLDEST = "drop_oldest"


class DropReason(StrEnum):
    """Why an event was not delivered."""

    FULL = "full"
    SUPERSEDED = "superseded"
    TOO_OLD = "too_old"
    THROTTLED = "throttled"
    INTERRUPTED = "interrupted"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class DeliveryPolicy:
    """The declared behaviour of one edge of the graph. Build it with the named constructors."""

    when_full: WhenFull = WhenFull.BLOCK
    capacity: int = DEFAULT_CAPACITY
    max_age_ms: float | None = None
    throttle_hz: float | None = None
    guarantee: Callable[[Any], bool] | None = None

    def __post_init__(self) -> None:
        if self.capacity < 1:
            raise ValueError(f"a mailbox holds at least one event, not {self.capacity}")
        if self.max_age_ms is not None and not 0 < self.max_age_ms < math.inf:
            raise ValueError(f"max_age is a positive number of ms, not {self.max_age_ms}")
        if self.throttle_hz is not None and not SLOWEST_HZ <= self.throttle_hz < math.inf:
            raise ValueError(
                f"throttle is a rate of at least {SLOWEST_HZ:g} Hz, not {self.throttle_hz}"
            )

    @classmethod
    def block(cls, capacity: int = DEFAULT_CAPACITY) -> DeliveryPolicy:
        """Lose nothing: a publisher that meets a full mailbox waits for room."""
        return cls(WhenFull.BLOCK, capacity)

    @classmethod
    def drop_oldest(cls, capacity: int = DEFAULT_CAPACITY) -> DeliveryPolicy:
        """Keep the newest ``capacity`` events; a publisher never waits."""
        return cls(WhenFull.DROP_OLDEST, capacity)

    @classmethod
    def latest(cls) -> DeliveryPolicy:
        """Keep the newest event only: right for frames, wrong for audio."""
        return cls(WhenFull.DROP_OLDEST, 1)

    @classmethod
    def max_age(cls, ms: float, capacity: int = DEFAULT_CAPACITY) -> DeliveryPolicy:
        """Keep the newest ``capacity`` and leave out what is older than ``ms`` when taken.

        Age counts from the originating time.
        """
        return cls(WhenFull.DROP_OLDEST, capacity, max_age_ms=ms)

    @classmethod
    def throttle(cls, hz: float, capacity: int = DEFAULT_CAPACITY) -> DeliveryPolicy:
        """Take at most ``hz`` events a second, by their creation times."""
        return cls(WhenFull.DROP_OLDEST, capacity, throttle_hz=hz)

    def guaranteeing(self, predicate: Callable[[Any], bool]) -> DeliveryPolicy:
        """Return this policy, never dropping an event for which ``predicate(event)`` is true."""
        return replace(self, guarantee=predicate)

    @classmethod
    def parse(cls, text: str) -> DeliveryPolicy:
        """Read a policy as settings write it: ``"drop_oldest(32)"``, ``"latest+max_age(200)"``.

        Raises :class:`SettingsError` with the syntax when it cannot be read.
        """
        policy = cls()
        for position, part in enumerate(text.replace(" ", "").split("+")):
            found = re.fullmatch(r"(\w+)(?:\(([\d.]+)\))?", part)
            if found is None:
                raise SettingsError(f"delivery policy {text!r} is not {SYNTAX}")
            try:
                policy = _parse_part(policy, found[1], found[2], first=position == 0)
            except (ValueError, TypeError) as error:
                raise SettingsError(f"delivery policy {text!r}: {error}") from error
        return policy

    def __str__(self) -> str:
        if self.when_full is WhenFull.DROP_OLDEST and self.capacity == 1:
            parts = ["latest"]
        else:
            parts = [f"{self.when_full.value}({self.capacity})"]
        if self.max_age_ms is not None:
            parts.append(f"max_age({_plain(self.max_age_ms)})")
        if self.throttle_hz is not None:
            parts.append(f"throttle({_plain(self.throttle_hz)})")
        return "+".join(parts)


def _plain(number: float) -> str:
    """All digits and no exponent, so that :meth:`DeliveryPolicy.parse` reads it back exactly."""
    text = format(Decimal(repr(float(number))), "f")
    return text.removesuffix(".0")


def _parse_part(
    policy: DeliveryPolicy, name: str, number: str | None, *, first: bool
) -> DeliveryPolicy:
    dropping = replace(policy, when_full=WhenFull.DROP_OLDEST) if first else policy
    match name, number:
        case "block" | "drop_oldest", None:
            return replace(policy, when_full=WhenFull(name))
        case "block" | "drop_oldest", str(n):
            return replace(policy, when_full=WhenFull(name), capacity=int(n))
        case "latest", None:
            return replace(policy, when_full=WhenFull.DROP_OLDEST, capacity=1)
        case "max_age", str(n):
            return replace(dropping, max_age_ms=float(n))
        case "throttle", str(n):
            return replace(dropping, throttle_hz=float(n))
        case _:
            raise ValueError(f"{name!r} is not one of {SYNTAX}")
