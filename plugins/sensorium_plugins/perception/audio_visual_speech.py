"""Audio-visual speech recognition: each utterance, with the lips that were seen while it lasted."""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import Field

from sensorium import DeliveryPolicy, Emit, Image, Input, Output
from sensorium.errors import BadInput
from sensorium.events import NS_PER_S
from sensorium.fusion import Aligned, Joiner, Joining, With
from sensorium.fusion.joiner import LIVES
from sensorium.fusion.plan import Match, Mode
from sensorium.payloads import Classes, Transcript, Utterance

SAMPLE_RATE = 16_000


class AudioVisualSpeechOptions(Joining):
    """Options of :class:`AudioVisualSpeech`; the join's have defaults that fit speech."""

    model: str = "audio_visual_speech"
    primary: str = "utterance"
    others: dict[str, With] = Field(
        default={"lips": With(match=Match.WINDOW, before_ms=100, after_ms=100, keep_s=35)},
        min_length=1,
    )
    mode: Mode = Mode.AVAILABLE
    wait_ms: float = Field(400.0, ge=0)
    """How long an utterance waits at most for pictures that are still being looked at."""


class AudioVisualSpeech(Joiner):
    """Writes down each utterance by its sound and by the lips of its time.

    Where no lips were seen it goes by the sound alone: ``modalities`` then names ``audio`` only,
    and the log says why. An utterance that cannot be read is logged and left out.
    """

    Options = AudioVisualSpeechOptions
    takes = {
        "utterance": Input("speech/utterance", Utterance),
        "lips": Input("vision/lips", Image, DeliveryPolicy.drop_oldest(1024)),
        **LIVES,
    }
    gives = {
        "transcript": Output("speech/transcript", Transcript),
        "modalities": Output("speech/{name}/modalities", Classes),
    }

    @property
    def joining(self) -> Joining:
        """The options."""
        options: Joining = self.options
        return options

    async def setup(self) -> None:
        """Load the model."""
        await super().setup()
        self._model = self.model(self.options.model)
        await self._model.load()

    async def joined(self, aligned: Aligned, emit: Emit) -> None:
        """Recognise one utterance. Scores of ``modalities``: the share of its time that was seen.

        What is emitted has every picture of the lips as a parent.
        """
        said: Utterance = aligned.primary.payload
        seen = aligned.members("lips")
        if said.sample_rate != SAMPLE_RATE:
            self.log.warning("an utterance at %d Hz is not read: %d Hz is wanted",
                             said.sample_rate, SAMPLE_RATE)  # fmt: skip
            return
        start = aligned.primary.originating_time
        request: dict[str, Any] = {"audio": said.samples, "lips": None}
        if seen:
            request["lips"] = np.stack([event.payload.data for event in seen])
            request["times"] = [(event.originating_time - start) / NS_PER_S for event in seen]
        try:
            heard = await self._model.infer(request)
        except BadInput as error:  # one utterance that cannot be read: the next one may be
            self.log.warning("an utterance is not read: %s", error)
            return
        if "lips" not in heard["used"]:
            self.log.info("by sound alone: %s", heard["note"] or "no lips were in view")
        scores = {"audio": 1.0, "lips": heard["seen"]}
        used = tuple(heard["used"])
        await emit(Classes(used, tuple(scores[name] for name in used)), to="modalities")
        text = heard["text"].strip()
        if text:
            await emit(Transcript(text, heard["confidence"], said.end_time), to="transcript")
