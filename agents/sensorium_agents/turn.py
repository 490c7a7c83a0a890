"""What happened in one turn: what was seen, heard and read, the reply, and how long each took."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from sensorium import Audio, Session, Text
from sensorium.bus import Merged
from sensorium.components import Fuser, Planner
from sensorium.delivery import DeliveryPolicy
from sensorium.errors import BusClosed, ComponentError
from sensorium.events import NS_PER_MS, AnyEvent
from sensorium.payloads import (
    ComponentFailed,
    GroundedTurn,
    Interrupted,
    Percept,
    Reply,
    ReplyPart,
    SpeechDone,
    Transcript,
    UserTurn,
    Utterance,
)
from sensorium_models.language.questions import asks_page

WATCHED = ("chat/+", "reply/+", "speech/+", "system/component_failed", "system/interrupted")


@dataclass
class Turn:
    """One question and its answer. Times are ns on the session's clock; 0: it did not happen."""

    replied: asyncio.Event = field(default_factory=asyncio.Event)
    question: str = ""
    reply: str = ""
    finished: bool = False
    percepts: tuple[Percept, ...] = ()
    reply_audio: str = ""
    error: Exception | None = None
    asked: int = 0
    first_part: int = 0
    first_sound: int = 0
    last_part: int = 0
    done: int = 0
    speech_to_text_ms: float | None = None
    problems: dict[str, str] = field(default_factory=dict)
    """What components raised during the turn, by their names."""

    @property
    def seen(self) -> list[dict[str, Any]]:
        """Objects and faces with their places, as JSON values."""
        return [
            {"label": p.text, "score": round(p.score, 3), "box": [round(x, 1) for x in p.box]}
            for p in self.percepts
            if p.box is not None and p.kind != "answer"
        ]

    @property
    def answers(self) -> list[dict[str, Any]]:
        """What pages in view say to the question, with its place, as JSON values."""
        return [
            {"text": p.text, "score": round(p.score, 3), "box": [round(x, 1) for x in p.box]}
            for p in self.percepts
            if p.kind == "answer" and p.text and p.box is not None and asks_page(self.question)
        ]

    @property
    def read(self) -> list[str]:
        """Lines of text that were read."""
        return [p.text for p in self.percepts if p.kind == "read"]

    def latency_ms(self) -> dict[str, float | None]:
        """From the end of the question to each step, in ms; None for what did not happen.

        ``speech_to_text`` is the recogniser's own time. ``last_token`` is when the model was
        through, ``total`` when everything was, speech included.
        """

        def since(when: int) -> float | None:
            return round((when - self.asked) / NS_PER_MS, 1) if when and self.asked else None

        return {
            "speech_to_text": self.speech_to_text_ms,
            "first_token": since(self.first_part),
            "first_sound": since(self.first_sound),
            "last_token": since(self.last_part),
            "total": since(self.done),
        }


class TurnObserver:
    """Listens to a session and writes down what happens in each turn."""

    def __init__(self, session: Session) -> None:
        self.heard: list[str] = []
        """Everything heard so far, an utterance each."""
        self._session = session
        self._turn = Turn()
        self._asking: set[str] = set()  # ids of the events that carry the question
        self._lost: dict[str, ComponentError] = {}  # what failed at which event
        self._utterances: dict[str, int] = {}
        self._speech_ms: float | None = None
        self._listening = False
        self._noted = asyncio.Event()
        self._mailbox = Merged(
            [
                session.bus.subscribe(pattern, DeliveryPolicy.block(256), name=f"turn {pattern}")
                for pattern in WATCHED
            ]
        )

    def begin(self) -> Turn:
        """Start writing down a new turn."""
        self._turn = Turn(speech_to_text_ms=self._speech_ms)
        self._speech_ms = None
        self._asking.clear()
        self._lost.clear()
        return self._turn

    async def caught_up(self) -> None:
        """Return once everything that was published so far has been written down."""
        while self._listening and any(held.pending for held in self._mailbox.subscriptions):
            self._noted.clear()
            await self._noted.wait()

    async def run(self) -> None:
        """Listen until the session closes."""
        self._listening = True
        try:
            while True:
                _, event = await self._mailbox.get()
                self._note(event)
                self._noted.set()
        except BusClosed:
            return
        finally:
            self._listening = False
            self._noted.set()

    def _note(self, event: AnyEvent) -> None:
        turn, now = self._turn, event.creation_time
        if isinstance(event.payload, Text | UserTurn | GroundedTurn):
            self._asking.add(event.id)
            self._give_up_if_lost()
        match event.payload:
            case Utterance():
                self._utterances[event.id] = now
            case Transcript(text, _, _):
                self.heard.append(text)
                cuts = [self._utterances.pop(parent, now) for parent in event.parents]
                self._speech_ms = round((now - min(cuts, default=now)) / NS_PER_MS, 1)
            case UserTurn(text, _, _):
                turn.question, turn.asked = text, now
            case GroundedTurn(world=world):
                turn.percepts = world.percepts
            case ReplyPart():
                turn.first_part = turn.first_part or now
            case Audio():
                turn.first_sound = turn.first_sound or now
            case SpeechDone(_, _, path):
                turn.reply_audio, turn.done = path, now
            case Reply(_, text, finished):
                turn.reply, turn.finished = text, finished
                turn.last_part = turn.done = now
                turn.replied.set()
            case Interrupted():  # a planner that was at work still says how far it came
                turn.replied.set()
            case ComponentFailed():
                self._note_failure(event.payload)
            case _:
                pass

    def _note_failure(self, failed: ComponentFailed) -> None:
        """A fuser or planner that failed at the question has lost it: there will be no reply."""
        self._turn.problems[failed.component] = failed.error
        runner = self._session.runners.get(failed.component)
        if runner is not None and issubclass(runner.component_class, Fuser | Planner):
            self._lost[failed.event] = ComponentError(failed.component, failed.error)
            self._give_up_if_lost()

    def _give_up_if_lost(self) -> None:
        # The news of a failure jumps the queue: it may come before the event that it is about.
        for event in self._asking & self._lost.keys():
            self._turn.error = self._lost[event]
            self._turn.replied.set()
