"""The chat planner: a language model whose words are held to what is perceived."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from pydantic import Field

from sensorium import ComponentOptions, Emit, Event, Input, Output, Planner
from sensorium.events import NS_PER_S
from sensorium.payloads import GroundedTurn, Reply, ReplyPart, WorldState
from sensorium_models.language.facts import Fact
from sensorium_models.language.grounding import (
    GroundedChat,
    GroundedChatOptions,
    GroundingGuard,
)
from sensorium_models.language.prompt import size, trim


class ChatOptions(ComponentOptions):
    """Options of :class:`Chat`."""

    model: str = "language_model"
    """Any model with the language contract: ``language_model`` (llama.cpp, GGUF),
    ``language_model_transformers``, ``language_model_openai`` (a server)."""
    grounding: GroundedChatOptions = GroundedChatOptions()
    max_tokens: int = Field(96, ge=1)
    temperature: float = Field(0.0, ge=0, le=2)
    in_view_s: float = Field(0.0, ge=0)
    """Percepts younger than this are spoken of as present, whatever their age."""
    history_turns: int = Field(8, ge=0)
    """Exchanges the model is reminded of at most. Beyond that the older half is forgotten."""


class Chat(Planner):
    """Answers each grounded turn, letting words out as they are generated and found supported.

    What the percepts answer by themselves is said at once, and the model goes on from there.
    The history holds what was let out: when an answer is interrupted, as much as was said.
    """

    Options = ChatOptions
    interruptible = True
    takes = {"turn": Input("chat/grounded", GroundedTurn)}
    gives = {
        "part": Output("reply/part", ReplyPart),
        "reply": Output("reply/text", Reply),
    }

    async def setup(self) -> None:
        """Load the model."""
        self._model = self.model(self.options.model)
        self._chat = GroundedChat(self.options.grounding)
        self._history: list[dict[str, str]] = []
        await self._model.load()

    async def process(self, event: Event[GroundedTurn], emit: Emit) -> None:
        """Answer one turn."""
        question = event.payload.turn.text
        now = self.context.clock.now()
        facts = facts_of(event.payload.world, now, self.options.in_view_s)
        turn = event.payload.asked or event.parents[0]
        guard = self._chat.guard(question, facts)
        finished = False
        try:
            opening = guard.begin()
            await self._say(opening, turn, emit)
            if not guard.done:
                await self._go_on(guard, self._request(question, facts, opening), turn, emit)
            await self._say(guard.finish(), turn, emit)
            finished = True
        finally:
            self._remember(question, guard.text.strip())
            await asyncio.shield(emit(Reply(turn, guard.text.strip(), finished)))

    async def _go_on(
        self, guard: GroundingGuard, request: dict[str, Any], turn: str, emit: Emit
    ) -> None:
        async with self._model.stream(request) as parts:
            async for part in parts:
                await self._say(guard.feed(part["text"]), turn, emit)
                if guard.done:
                    break

    def _request(self, question: str, facts: list[Fact], opening: str) -> dict[str, Any]:
        return {
            "messages": self._chat.messages(question, facts, self._history, opening=opening),
            "max_tokens": self.options.max_tokens,
            "temperature": self.options.temperature,
            "seed": self.context.seed,
            "stop": [],
        }

    async def _say(self, text: str, turn: str, emit: Emit) -> None:
        if text:
            await emit(ReplyPart(turn, text))

    def _remember(self, question: str, answer: str) -> None:
        if not answer:  # stopped before a word was said
            return
        said = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
        turns, chars = self.options.history_turns, self.options.grounding.history_chars
        self._history = [*self._history, *said]
        if len(self._history) > 2 * turns or size(self._history) > chars:
            # Half goes at once: a model that keeps what it has read need not read it all again
            # at every question from here on.
            recent = self._history[-2 * ((turns + 1) // 2) :] if turns else []
            self._history = trim(recent, chars // 2) or trim(recent[-2:], chars)


def facts_of(world: WorldState, now: int, in_view_s: float = 0.0) -> list[Fact]:
    """The world's percepts as facts at ``now`` (ns): things alike in one picture are counted.

    What is younger than ``in_view_s`` is there now: its age is 0.
    """
    alike = Counter((p.kind, p.text, p.origin) for p in world.percepts)
    best: dict[tuple[str, str, str], float] = {}
    newest: dict[tuple[str, str, str], int] = {}
    for p in world.percepts:
        key = (p.kind, p.text, p.origin)
        best[key] = max(best.get(key, 0.0), p.score)
        newest[key] = max(newest.get(key, 0), p.originating_time)
    return [
        Fact(
            kind=key[0],  # type: ignore[arg-type]
            text=key[1],
            score=best[key],
            age_s=age if (age := max(0, now - newest[key]) / NS_PER_S) >= in_view_s else 0.0,
            count=count,
            source=key[2],
        )
        for key, count in alike.items()
    ]
