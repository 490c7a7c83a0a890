"""Speech to text: one transcript an utterance, stamped with the time span of the speech."""

from __future__ import annotations

from sensorium import ComponentOptions, Emit, Event, Input, Output, Perceiver
from sensorium.payloads import Transcript, Utterance


class SpeechToTextOptions(ComponentOptions):
    """Options of :class:`SpeechToText`."""

    model: str = "speech_to_text"


class SpeechToText(Perceiver):
    """Writes down each utterance. Noise in which no word is heard gives nothing."""

    Options = SpeechToTextOptions
    takes = {"utterance": Input("speech/utterance", Utterance)}
    gives = {"transcript": Output("speech/transcript", Transcript)}

    async def setup(self) -> None:
        """Load the model."""
        self._model = self.model(self.options.model)
        await self._model.load()

    async def process(self, event: Event[Utterance], emit: Emit) -> None:
        """Recognise one utterance."""
        heard = await self._model.infer({"audio": event.payload.samples})
        text = heard["text"].strip()
        if text:
            await emit(Transcript(text, heard["confidence"], event.payload.end_time))
