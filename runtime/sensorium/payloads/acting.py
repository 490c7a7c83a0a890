"""What planning asks for and acting reports."""

from __future__ import annotations

from typing import Any, Literal

from sensorium.delivery import EventClass
from sensorium.payloads.arrays import Array
from sensorium.payloads.base import Payload, payload


@payload("observation")
class Observation(Payload):
    """What an environment lets an agent observe, beside pictures, sound and text."""

    values: Array
    """(N,) float32."""


@payload("state")
class State(Payload):
    """Named numbers and words about a thing: a lamp, a joint, a room."""

    values: dict[str, float | int | str | bool]


@payload("plan", event_class=EventClass.CONTROL)
class Plan(Payload):
    """Steps somebody proposes to take, in order."""

    goal: str
    steps: tuple[str, ...]


@payload("action", event_class=EventClass.CONTROL)
class Action(Payload):
    """One thing to do, at most once."""

    action_id: str
    """Unique in a session; doing the same id twice is refused."""
    name: str
    """``lamp/on``"""
    arguments: dict[str, Any]


@payload("effect", event_class=EventClass.CONTROL)
class Effect(Payload):
    """An entry of the effects ledger: something done to the world, and how far it has come."""

    effect_id: str
    """An id is done at most once."""
    component: str
    """Who does it."""
    name: str
    """``lamp/on``, ``say``"""
    request: dict[str, Any]
    """What was asked, as plain JSON values."""
    state: Literal["requested", "started", "done", "failed", "cancelled", "unknown"]
    """unknown: it was begun, and nobody saw how it ended."""
    requested_at: int
    """ns since the epoch."""
    started_at: int = 0
    """ns since the epoch; 0 where it has not begun."""
    ended_at: int = 0
    """ns since the epoch; 0 where it has not ended."""
    detail: str = ""


@payload("action_result", event_class=EventClass.CONTROL)
class ActionResult(Payload):
    """How an action ended."""

    action_id: str
    outcome: Literal["done", "failed", "cancelled", "unknown"]
    detail: str = ""
