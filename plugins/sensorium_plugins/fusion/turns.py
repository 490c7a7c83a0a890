"""Turn taking: what the user said becomes a turn that wants an answer."""

from __future__ import annotations

from typing import Literal

from sensorium import Audio, ComponentOptions, Emit, Fuser, Input, Output, Text
from sensorium.delivery import DeliveryPolicy
from sensorium.events import AnyEvent
from sensorium.payloads import Interrupted, SpeechDone, SpeechStarted, Transcript, UserTurn
from sensorium_models.language.questions import asks_to_read


class TurnOptions(ComponentOptions):
    """Options of :class:`Turns`."""

    answer_speech: bool = True
    """False: speech is heard and remembered, but only typed text is answered."""
    while_speaking: Literal["ignore", "barge_in"] = "ignore"
    """What speech means while the agent itself speaks. ``barge_in`` stops the agent at once and
    wants headphones or echo cancellation, or the agent interrupts itself."""


class Turns(Fuser):
    """Joins typed text and transcripts into turns; handles speech over the agent's own voice."""

    Options = TurnOptions
    takes = {
        "text": Input("chat/text", Text),
        "transcript": Input("speech/transcript", Transcript),
        "started": Input("speech/started", SpeechStarted),
        "voice": Input("speech/reply", Audio, DeliveryPolicy.drop_oldest()),
        "spoken": Input("speech/done", SpeechDone),
    }
    gives = {"turn": Output("chat/turn", UserTurn)}

    async def setup(self) -> None:
        """Nobody has spoken yet."""
        self._speaking = False
        self._ignore_until = 0  # ns: speech that began before this was the agent's own voice

    async def process(self, event: AnyEvent, emit: Emit) -> None:
        """Turn what was said into a turn, or into an interruption."""
        match event.payload:
            case Text(text) if text.strip():
                await emit(turn_from(text.strip(), spoken=False))
            case Transcript() as heard if self._wants_answer(event):
                await emit(turn_from(heard.text, spoken=True))
            case SpeechStarted() if self._speaking and self.options.while_speaking == "barge_in":
                await self.context.announce(Interrupted("barge-in"))
                self._speaking = False
            case Audio():
                self._speaking = True
            case SpeechDone():
                self._speaking = False
                self._ignore_until = event.creation_time
            case _:
                pass

    def _wants_answer(self, event: AnyEvent) -> bool:
        if not self.options.answer_speech:
            return False
        if self.options.while_speaking == "barge_in":
            return True
        return not self._speaking and event.originating_time >= self._ignore_until


def turn_from(text: str, *, spoken: bool) -> UserTurn:
    """The turn that ``text`` makes, with what has to be perceived before it can be answered."""
    return UserTurn(text, spoken, ("read",) if asks_to_read(text) else ())
