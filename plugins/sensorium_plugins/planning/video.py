"""Answers about the film that a camera showed: a word, a sentence, or a time."""

from __future__ import annotations

from collections import deque

import numpy as np
from pydantic import Field

from sensorium import ComponentOptions, Emit, Event, Image, Input, Output, Planner
from sensorium.delivery import DeliveryPolicy
from sensorium.errors import BadInput
from sensorium.events import NS_PER_S, AnyEvent
from sensorium.payloads import Reply, ReplyPart, UserTurn


class VideoChatOptions(ComponentOptions):
    """Options of :class:`VideoChat`."""

    model: str = "video_language"
    keep: int = Field(300, ge=2, le=10_000)
    """Of so many latest pictures of each camera the film consists."""
    gap_s: float = Field(2.0, gt=0)
    """Two pictures farther apart do not belong to one film."""


class VideoChat(Planner):
    """Answers each turn by the film that was shown last, up to now.

    What it cannot answer (no film, words that it does not know) it says, and goes on.
    """

    Options = VideoChatOptions
    takes = {
        "image": Input("camera/+/image", Image, DeliveryPolicy.block()),
        "turn": Input("chat/turn", UserTurn),
    }
    gives = {
        "part": Output("reply/part", ReplyPart),
        "reply": Output("reply/text", Reply),
    }

    async def setup(self) -> None:
        """Load the model."""
        self._model = self.model(self.options.model)
        self._films: dict[str, deque[Event[Image]]] = {}
        self._shown = ""
        await self._model.load()

    async def process(self, event: AnyEvent, emit: Emit) -> None:
        """Keep a picture, or answer a turn."""
        if isinstance(event.payload, Image):
            self._keep(event)
            return
        film = list(self._films.get(self._shown, ()))
        try:
            answer = await self._answer(film, event.payload.text)
        except BadInput as error:  # what somebody asked must not end what answers
            answer = f"I cannot answer that: {error}."
        parents = (event, *film[-1:])
        await emit(ReplyPart(event.id, answer), parents=parents)
        await emit(Reply(event.id, answer, True), parents=parents)

    async def _answer(self, film: list[Event[Image]], question: str) -> str:
        if len(film) < 2:
            raise BadInput(f"{len(film)} picture(s) were shown, and a film has two or more")
        if len({seen.payload.data.shape for seen in film}) > 1:
            raise BadInput("the pictures shown are not all of one size")
        lasts = (film[-1].originating_time - film[0].originating_time) / NS_PER_S
        found = await self._model.infer({
            "frames": np.stack([seen.payload.data for seen in film]),
            # The last picture is seen as long as each of the others.
            "seconds": lasts * len(film) / (len(film) - 1),
            "question": question,
        })  # fmt: skip
        return str(found["answer"])

    def _keep(self, event: Event[Image]) -> None:
        film = self._films.setdefault(event.source, deque(maxlen=self.options.keep))
        if film:
            apart = event.originating_time - film[-1].originating_time
            if not 0 < apart <= self.options.gap_s * NS_PER_S:
                film.clear()
        film.append(event)
        self._shown = event.source
