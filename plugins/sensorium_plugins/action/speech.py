"""Speech: replies spoken piece by piece while the rest is still being generated."""

from __future__ import annotations

import asyncio
from typing import Literal

from sensorium import Actuator, Audio, ComponentOptions, Emit, Input, Output
from sensorium.delivery import DeliveryPolicy
from sensorium.effects import OpenEffect
from sensorium.effects.ledger import Outcome
from sensorium.errors import BadInput, EffectRefused
from sensorium.events import AnyEvent, Event
from sensorium.payloads import FirstSound, Reply, ReplyPart, SpeechDone
from sensorium_plugins.action.phrases import Phrases
from sensorium_plugins.action.voice_out import BLOCK_S, Silence, Speaker, VoiceOut, WavFile
from sensorium_plugins.sources.devices import list_speakers


class SpeechOptions(ComponentOptions):
    """Options of :class:`Speech`."""

    model: str = "text_to_speech"
    to: Literal["auto", "speaker", "file", "nowhere"] = "auto"
    """auto: a speaker where there is one, a WAV file otherwise. nowhere: only the events."""
    path: str = "replies/reply-{n}.wav"
    """Where WAV files go; ``{n}`` counts replies from 1. Without it a reply replaces the last."""
    device: int | str | None = None
    """Speaker, as ``sensorium doctor`` lists it."""


class Speech(Actuator):
    """Speaks replies. What is spoken is also published, as sound, on ``speech/reply``."""

    Options = SpeechOptions
    interruptible = True
    takes = {
        "part": Input("reply/part", ReplyPart, DeliveryPolicy.block(256)),
        "reply": Input("reply/text", Reply),
    }
    gives = {
        "sound": Output("speech/reply", Audio),
        "first_sound": Output("speech/first_sound", FirstSound),
        "done": Output("speech/done", SpeechDone),
    }

    async def setup(self) -> None:
        """Load the voice."""
        self._model = self.model(self.options.model)
        self._phrases = Phrases()
        self._replies = 0
        self._out: VoiceOut | None = None
        self._path = ""  # of the reply's WAV file, as long as all of it could be written
        self._seconds = 0.0
        self._effect: OpenEffect | None = None
        self._silenced = ""  # the turn whose rest is not to be spoken
        self._to_file = self.options.to == "file"
        if self.options.to == "auto":
            speakers = await asyncio.to_thread(list_speakers)
            self._to_file = not any(speaker.ok for speaker in speakers)
        await self._model.load()

    async def process(self, event: AnyEvent, emit: Emit) -> None:
        """Speak what is ready of a part; at the end of a reply, the rest."""
        turn = event.payload.turn
        try:
            for piece in self._pieces(event.payload):
                await self._speak(piece, event, emit)
            if isinstance(event.payload, Reply) and self._out is not None:
                await self._out.finish()
                self._out = None
                await self._end("done")
        except BaseException as error:  # interrupted, or it failed: say no more of this reply
            self._silenced = turn
            if not isinstance(error, asyncio.CancelledError):
                self._path = ""
            self._phrases.finish()
            await self._stop()
            stopped = isinstance(error, asyncio.CancelledError)
            await asyncio.shield(self._end("cancelled" if stopped else "failed"))
            raise
        finally:  # whoever listens for the end of our voice must not wait for ever
            if isinstance(event.payload, Reply):
                done = SpeechDone(turn, self._seconds, self._path)
                self._seconds, self._path = 0.0, ""
                await asyncio.shield(emit(done))

    async def close(self) -> None:
        """Let go of the speaker or the file."""
        await self._stop()

    def _pieces(self, said: ReplyPart | Reply) -> list[str]:
        """What can be spoken now."""
        if isinstance(said, ReplyPart):
            return self._phrases.feed(said.text) if said.turn != self._silenced else []
        rest = self._phrases.finish()
        return rest if said.finished and said.turn != self._silenced else []

    async def _speak(self, text: str, event: Event[ReplyPart | Reply], emit: Emit) -> None:
        try:
            said = await self._model.infer({"text": text})
        except BadInput as error:  # a smiley, a row of dots: nothing that has a sound
            self.log.debug("not spoken: %s", error)
            return
        sound = Audio(said["audio"], said["sample_rate"])
        if not len(sound.samples):
            return
        first = self._out is None
        if self._out is None:
            if not await self._begin(event):
                return
            self._out = await self._open(sound.sample_rate)
            self._path = self._out.path
        await emit(sound)
        begun = round(BLOCK_S * sound.sample_rate) if first else 0
        if begun:
            await self._out.play(sound.samples[:begun])
            await emit(FirstSound(event.payload.turn))
        await self._out.play(sound.samples[begun:])
        self._seconds += float(sound.duration)

    async def _begin(self, event: Event[ReplyPart | Reply]) -> bool:
        """Enter the reply in the ledger; False when it has been spoken, or begun, before."""
        turn = event.payload.turn
        # Turns are counted from 0 in every session; the time tells one session's from another's.
        effect_id = f"say {turn} of {event.originating_time}"
        try:
            self._effect = await self.context.effects.begin(
                effect_id, "say", {"turn": turn}, cause=event
            )
        except EffectRefused as refused:
            self.log.warning("%s", refused)
            self._silenced = turn
            return False
        return True

    async def _end(self, outcome: Outcome) -> None:
        effect, self._effect = self._effect, None
        if effect is not None:
            await effect.end(outcome, f"{self._seconds:.1f} s")

    async def _open(self, sample_rate: int) -> VoiceOut:
        self._replies += 1
        if self.options.to == "nowhere":
            return Silence()
        if self._to_file:
            path = self.options.path.replace("{n}", str(self._replies))
            return await WavFile.at(path, sample_rate)
        return await Speaker.on(self.options.device, sample_rate)

    async def _stop(self) -> None:
        out, self._out = self._out, None
        if out is not None:
            await out.stop()
