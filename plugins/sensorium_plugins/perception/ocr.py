"""Reading: the text in a picture, on demand, for it takes a second or two."""

from __future__ import annotations

import numpy as np

from sensorium import ComponentOptions, Emit, Event, Image, Input, Output, Perceiver
from sensorium.events import AnyEvent
from sensorium.payloads import TextLines, UserTurn

NEED = "read"


class OcrOptions(ComponentOptions):
    """Options of :class:`Ocr`."""

    model: str = "ocr"


class Ocr(Perceiver):
    """Reads the latest picture of each camera when a turn needs it (``read`` in its needs).

    Answers every such turn, also when there is nothing to read, so that nobody waits in vain.
    """

    Options = OcrOptions
    takes = {
        "image": Input("camera/+/image", Image),
        "turn": Input("chat/turn", UserTurn),
    }
    gives = {"text": Output("vision/text", TextLines)}

    async def setup(self) -> None:
        """Prepare; the model is loaded when something is to be read for the first time."""
        self._model = self.model(self.options.model)
        self._latest: dict[str, Event[Image]] = {}

    async def process(self, event: AnyEvent, emit: Emit) -> None:
        """Keep a picture, or read for a turn."""
        if isinstance(event.payload, Image):
            self._latest[event.source] = event
            return
        if NEED not in event.payload.needs:
            return
        if not self._latest:
            await emit(TextLines((), (), np.zeros((0, 4, 2), np.float32)))
        pictures = list(self._latest.values())
        for seen in pictures:
            read = await self._model.infer({"image": seen.payload.data})
            lines = TextLines(tuple(read["lines"]), tuple(read["scores"]), read["boxes"])
            # The turn is named by the last one alone: then all that it needs has been read.
            parents = (seen, event) if seen is pictures[-1] else (seen,)
            await emit(lines, originating_time=seen.originating_time, parents=parents)
