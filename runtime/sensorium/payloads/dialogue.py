"""What a conversation is made of: turns, replies and their parts."""

from __future__ import annotations

from sensorium.delivery import DeliveryPolicy, EventClass
from sensorium.payloads.base import Payload, payload
from sensorium.payloads.percepts import WorldState


@payload("user_turn", event_class=EventClass.CONTROL)
class UserTurn(Payload):
    """The user finished saying something that wants an answer."""

    text: str
    spoken: bool = False
    needs: tuple[str, ...] = ()
    """Kinds of percept that are made before this turn is answered: ``read``, ``document``."""
    end_time: int = 0
    """ns since the epoch: when a spoken turn had been said; 0 where nobody measured it."""


@payload("grounded_turn", event_class=EventClass.CONTROL)
class GroundedTurn(Payload):
    """A turn together with what is known of the world at that moment."""

    turn: UserTurn
    world: WorldState
    missing: tuple[str, ...] = ()
    """Needs of the turn that nobody met in time."""
    asked: str = ""
    """Id of the event that asked; what passes the turn on keeps it. The first parent if empty."""


@payload("reply_part", policy=DeliveryPolicy.block(256))
class ReplyPart(Payload):
    """A few words more of a reply that is still being made."""

    turn: str
    """Id of the event that asked."""
    text: str


@payload("reply", event_class=EventClass.CONTROL)
class Reply(Payload):
    """A whole reply, after its last part."""

    turn: str
    """Id of the event that asked."""
    text: str
    finished: bool = True
    """False when it was interrupted: ``text`` is then what was said so far."""


@payload("first_sound")
class FirstSound(Payload):
    """The first sound of a spoken reply has been handed to the speaker (or written to the file)."""

    turn: str
    """Id of the event that asked."""


@payload("speech_done", event_class=EventClass.CONTROL)
class SpeechDone(Payload):
    """A reply has been spoken (or written to a file) to its end."""

    turn: str
    seconds: float
    """How much sound was made."""
    path: str = ""
    """The WAV file, where one was written."""
