"""The chat planner that sees: turns with pictures go to a multimodal model, others as before."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
from pydantic import Field

from sensorium import Emit, Event, Image, Input
from sensorium.delivery import DeliveryPolicy
from sensorium.errors import BadInput
from sensorium.events import NS_PER_S, AnyEvent
from sensorium.payloads import GroundedTurn, Reply
from sensorium_plugins.planning.chat import Chat, ChatOptions


class MultimodalChatOptions(ChatOptions):
    """Options of :class:`MultimodalChat`: those of the chat, and"""

    sees: str = "multimodal"
    """The model that is asked about pictures. Without a picture ``model`` is asked."""
    pictures: int = Field(8, ge=1, le=16)
    """Of so many cameras (or files), those that showed something last, the picture is looked at.
    A model that takes fewer says so: the bundled one takes 2."""
    shown_s: float = Field(86_400.0, gt=0)
    """A picture older than this is not looked at any more."""


class MultimodalChat(Chat):
    """Answers by what the cameras show, a picture of each, the answer let out as it is made.

    A turn while nothing is shown is answered as :class:`Chat` does. What the model cannot take (too
    many pictures) is said, and the next turn is answered.
    """

    Options = MultimodalChatOptions
    takes = {
        "image": Input("camera/+/image", Image, DeliveryPolicy.block()),
        "turn": Input("chat/grounded", GroundedTurn),
    }

    async def setup(self) -> None:
        """Load both models."""
        await super().setup()
        self._sees = self.model(self.options.sees)
        self._shown: dict[str, Event[Image]] = {}
        await self._sees.load()

    async def process(self, event: AnyEvent, emit: Emit) -> None:
        """Keep a picture, or answer a turn."""
        if isinstance(event.payload, Image):
            self._shown.pop(event.source, None)  # to the end: shown last
            self._shown[event.source] = event
            return
        seen = self._in_view()
        if seen:
            await self._look(event, seen, emit)
        else:
            await super().process(event, emit)

    def _in_view(self) -> list[Event[Image]]:
        """The latest picture of each camera, in the order in which the cameras are named."""
        now = self.context.clock.now()
        oldest = now - round(self.options.shown_s * NS_PER_S)
        self._shown = {k: e for k, e in self._shown.items() if e.originating_time >= oldest}
        latest = list(self._shown.items())[-self.options.pictures :]
        return [seen for _, seen in sorted(latest, key=lambda item: item[0])]

    async def _look(self, event: Event[GroundedTurn], seen: list[Event[Image]], emit: Emit) -> None:
        turn, question = event.parents[0], event.payload.turn.text
        said: list[str] = []
        finished = False
        try:
            async with self._sees.stream(self._asked(question, seen)) as parts:
                async for part in parts:
                    said.append(part["text"])
                    await self._say(part["text"], turn, emit)
            finished = True
        except BadInput as error:  # what somebody asked must not end what answers
            said = [f"I cannot answer that: {error}."]
            await self._say(said[0], turn, emit)
            finished = True
        finally:
            answer = "".join(said).strip()
            self._remember(question, answer)
            await asyncio.shield(emit(Reply(turn, answer, finished)))

    def _asked(self, question: str, seen: list[Event[Image]]) -> dict[str, Any]:
        return {
            "messages": [{"role": "user", "content": question}],
            "images": [np.asarray(event.payload.data) for event in seen],
            "max_tokens": self.options.max_tokens,
            "temperature": self.options.temperature,
            "seed": self.context.seed,
        }
