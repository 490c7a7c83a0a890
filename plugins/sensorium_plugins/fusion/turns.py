"""Turn taking: what the user said becomes a turn that wants an answer."""

from __future__ import annotations

from typing import Literal

from sensorium import Audio, ComponentOptions, Emit, Fuser, Input, Output, Text
from sensorium.delivery import DeliveryPolicy
from sensorium.events import NS_PER_S, AnyEvent
from sensorium.payloads import Interrupted, SpeechDone, SpeechStarted, Transcript, UserTurn
from sensorium_models.language.questions import asks_page, asks_to_read


class TurnOptions(ComponentOptions):
    """Options of :class:`Turns`."""

    answer_speech: bool = True
    """False: speech is heard and remembered, but only typed text is answered."""
    while_speaking: Literal["ignore", "barge_in"] = "ignore"
    """What speech means while the agent itself speaks. ``barge_in`` stops the agent at once and
    wants headphones or echo cancellation, or the agent interrupts itself."""


class Turns(Fuser):
    """Joins typed text and transcripts into turns; handles speech over the agent's own voice.

    Transcripts of others go on to ``world/heard``: what the agent says itself is no news.
    """

    Options = TurnOptions
    takes = {
        "text": Input("chat/text", Text),
        "transcript": Input("speech/transcript", Transcript),
        "started": Input("speech/started", SpeechStarted),
        "voice": Input("speech/reply", Audio, DeliveryPolicy.drop_oldest()),
        "spoken": Input("speech/done", SpeechDone),
    }
    gives = {
        "heard": Output("world/heard", Transcript),
        "turn": Output("chat/turn", UserTurn),
    }

    async def setup(self) -> None:
        """Nobody has spoken yet."""
        self._voice_ends = 0  # ns: until then the agent's own voice is heard

    async def process(self, event: AnyEvent, emit: Emit) -> None:
        """Turn what was said into a turn, or into an interruption."""
        now = event.creation_time
        match event.payload:
            case Text(text) if text.strip():
                await emit(turn_from(text.strip(), spoken=False))
            case Transcript() as heard if not self._is_own_voice(event):
                await emit(heard)
                if self.options.answer_speech:
                    turn = turn_from(heard.text, spoken=True, end_time=heard.end_time)
                    await emit(turn)
            case SpeechStarted() if now < self._voice_ends and self._may_interrupt:
                self._voice_ends = now
                await self.context.announce(Interrupted("barge-in"))
            case Audio() as voice:
                # Also its own end, should the component that speaks fail before it says so.
                begin = max(now, self._voice_ends)
                self._voice_ends = begin + int(voice.duration * NS_PER_S)
            case SpeechDone():
                self._voice_ends = min(now, self._voice_ends)
            case _:
                pass

    @property
    def _may_interrupt(self) -> bool:
        return bool(self.options.while_speaking == "barge_in")

    def _is_own_voice(self, event: AnyEvent) -> bool:
        """Whether speech began under the agent's own voice, without ears to tell them apart."""
        return event.originating_time < self._voice_ends and not self._may_interrupt


def turn_from(text: str, *, spoken: bool, end_time: int = 0) -> UserTurn:
    """The turn that ``text`` makes, with what has to be perceived before it can be answered.

    ``end_time`` (ns) is when a spoken one had been said, where that is known.
    """
    needs = ("read",) if asks_to_read(text) else ("document",) if asks_page(text) else ()
    return UserTurn(text, spoken, needs, end_time)
