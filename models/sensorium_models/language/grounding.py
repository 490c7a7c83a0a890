"""Grounded conversation: the prompt and the guard a planner needs, behind one small class.

What was measured with SmolLM2-135M: given the facts right before the question it copies them more
often than not ("The camera sees 5 people."); it also invents, miscounts and answers another
question than was asked. So the guard decides what is heard, and where the model fails the answer
is made from the facts alone (:func:`realise`): true, plain, and not the model's. A larger model
runs through the same guard and says more of it in its own words; give it ``patience``,
``facts="always"`` and ``opening="model"``.

By default the facts also open the answer: "I see a cat." is known before a token is made, so the
voice starts while the model still reads its prompt. The model is given that as the beginning of
its own answer and goes on ("It looks like an Egyptian cat.") or, more often, ends there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from .facts import Fact, Scene, describe
from .guard import GroundingGuard
from .prompt import HISTORY_CHARS, SYSTEM, build
from .questions import Question, asks_to_read, is_scene_question, parse_question
from .realise import NOTHING, realise

__all__ = [
    "NOTHING",
    "Fact",
    "GroundedChat",
    "GroundedChatOptions",
    "GroundingGuard",
    "Question",
    "Scene",
    "asks_to_read",
    "describe",
    "is_scene_question",
    "parse_question",
    "realise",
]


class GroundedChatOptions(BaseModel):
    """How a reply is asked for and how strictly it is held to the facts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    system: str = SYSTEM
    """The system message. This wording made SmolLM2-135M answer best of seven tried."""
    facts: Literal["scene", "always"] = "scene"
    """Show the percepts with questions about the surroundings only, or with every message. A
    small model drags them into every answer; a large one knows when they matter."""
    history_chars: int = Field(default=HISTORY_CHARS, ge=0)
    """How much of the conversation to send, in characters (4 are about a token)."""
    opening: Literal["facts", "model"] = "facts"
    """Who makes the first sentence of an answer about the surroundings. ``model`` suits a large
    one that words its own answers; the voice then waits for its first whole clause."""
    max_sentences: int = Field(default=3, ge=1)
    patience: int = Field(default=1, ge=1)
    """Sentences that may fail the check before the model is given up on."""


class GroundedChat:
    """The messages for a language model, and the guard for what it answers."""

    def __init__(self, options: GroundedChatOptions | None = None) -> None:
        self.options = options or GroundedChatOptions()

    def messages(
        self,
        question: str,
        facts: Sequence[Fact],
        history: Sequence[Mapping[str, str]] = (),
        *,
        opening: str = "",
    ) -> list[dict[str, str]]:
        """A request's ``messages``; ``history``: ``{"role", "content"}`` each, oldest first.

        ``opening``: what the guard's ``begin`` has said of the answer already.
        """
        in_view = not Scene(facts).empty
        shown = self.options.facts == "always" or is_scene_question(question, in_view=in_view)
        useful = unsaid(question, facts) if opening else facts
        shown = shown and not (opening and Scene(useful).empty)
        return build(
            question,
            useful if shown else None,
            history,
            system=self.options.system,
            history_chars=self.options.history_chars,
            opening=opening.strip(),
        )

    def guard(self, question: str, facts: Sequence[Fact]) -> GroundingGuard:
        """A fresh guard for one reply: feed it the model's deltas, speak what it lets out."""
        return GroundingGuard(
            question,
            facts,
            max_sentences=self.options.max_sentences,
            patience=self.options.patience,
            opens=self.options.opening == "facts",
        )


def unsaid(question: str, facts: Sequence[Fact]) -> list[Fact]:
    """The facts that an answer which the facts have opened may go on with.

    Words read or heard are in the opening where they matter. Finer classes belong to an open
    question only: told of them, a small model adds them to every "yes".
    """
    asked = parse_question(question).ask
    if asked in ("read", "heard"):
        return []
    seen = [f for f in facts if f.kind in ("seen", "face")]
    if asked != "what" and not Scene(seen).empty:
        return seen
    return [f for f in facts if f.kind not in ("read", "heard")]
