"""Documents: answers questions about the page in view, on demand, for it takes some seconds."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from sensorium import ComponentOptions, Emit, Event, Image, Input, Output, Perceiver
from sensorium.errors import BadInput
from sensorium.events import AnyEvent
from sensorium.payloads import Detections, State, UserTurn

NEED = "document"


class DocumentsOptions(ComponentOptions):
    """Options of :class:`Documents`."""

    model: str = "documents"


class Documents(Perceiver):
    """Reads the latest picture of each camera when a turn asks of a page (``document`` in its
    needs), and gives the words on it that answer, with their place.

    ``page`` gives all that was read of it: ``text``, and ``regions``, ``fields`` and ``tables`` as
    JSON (:class:`~sensorium_models.documents.model.DocumentResult`). Every such turn gets an
    answer, also when nothing is in view, so that nobody waits in vain; one whose label is empty
    says that there is a page, and that it does not hold what was asked.
    """

    Options = DocumentsOptions
    takes = {
        "image": Input("camera/+/image", Image),
        "turn": Input("chat/turn", UserTurn),
    }
    gives = {
        "answer": Output("vision/answer", Detections),
        "page": Output("vision/page", State),
    }

    async def setup(self) -> None:
        """Prepare; the model is loaded when a page is asked about for the first time."""
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
            await emit(_found([]), to="answer")
        pictures = list(self._latest.values())
        for seen in pictures:
            read = await self._read(seen, event.payload.text)
            # The turn is named by the last one alone: then all that it needs has been read.
            parents = (seen, event) if seen is pictures[-1] else (seen,)
            time = seen.originating_time
            if read:
                await emit(State(_page(read)), to="page", originating_time=time, parents=(seen,))
            await emit(_found(_answers(read)), to="answer", originating_time=time, parents=parents)

    async def _read(self, seen: Event[Image], question: str) -> dict[str, Any]:
        try:
            asked = {"image": seen.payload.data, "questions": [question]}
            read: dict[str, Any] = await self._model.infer(asked)
        except BadInput as error:  # a turn waits: it is told that there is no page
            self.log.warning("cannot read that picture: %s", error)
            return {}
        return read


def _page(read: dict[str, Any]) -> dict[str, float | int | str | bool]:
    parts = {key: json.dumps(read[key]) for key in ("regions", "fields", "tables")}
    return {"text": read["text"], **parts}


def _answers(read: dict[str, Any]) -> list[tuple[str, float, list[float]]]:
    """The answer; one without words where the page has none. What has no words is no page."""
    if not read or not read["text"]:
        return []
    (best,) = read["answers"]
    return [(best["text"], best["score"], best["box"])] if best else [("", 0.0, [0.0] * 4)]


def _found(answers: list[tuple[str, float, list[float]]]) -> Detections:
    return Detections(
        tuple(text for text, _, _ in answers),
        tuple(score for _, score, _ in answers),
        np.array([box for _, _, box in answers], np.float32).reshape(-1, 4),
    )
