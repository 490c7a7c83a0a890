"""Drawing on request: turns that ask for a picture become actions, the others go on to the chat."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sensorium import Emit, Input, Output, Planner
from sensorium.payloads import Action, ActionResult, GroundedTurn, Reply, ReplyPart
from sensorium_plugins.generation.asking import asked_for

if TYPE_CHECKING:
    from sensorium.events import AnyEvent


class DrawOnRequest(Planner):
    """Asks for a picture when a turn does, and says what became of it.

    It stands before the chat: turns that want words go on to ``chat/other``.
    """

    takes = {
        "turn": Input("chat/grounded", GroundedTurn),
        "result": Input("action/result", ActionResult),
    }
    gives = {
        "action": Output("action/requested", Action),
        "other": Output("chat/other", GroundedTurn),
        "part": Output("reply/part", ReplyPart),
        "reply": Output("reply/text", Reply),
    }

    async def setup(self) -> None:
        """Nothing is being drawn."""
        self._asked: dict[str, AnyEvent] = {}  # grounded turns by the id of their action
        self._count = 0

    async def process(self, event: AnyEvent, emit: Emit) -> None:
        """Ask for what a turn wants, or answer it with what came of it."""
        if isinstance(event.payload, ActionResult):
            await self._answer(event, emit)
            return
        said = event.payload.turn.text
        asked = asked_for(said)
        if asked is None:
            await emit(event.payload, to="other")
            return
        action_id = f"{asked.name}/{event.id}"
        self._asked[action_id] = event
        arguments = {"prompt": asked.prompt, "seed": (self.context.seed + self._count) % 2**31}
        self._count += 1
        if asked.what:
            arguments["what"] = asked.what
        await emit(Action(action_id, asked.name, arguments), to="action")

    async def _answer(self, event: AnyEvent, emit: Emit) -> None:
        result = event.payload
        asked = self._asked.pop(result.action_id, None)
        if asked is None:
            return  # somebody else's
        if result.outcome == "done":
            text = f"Here it is: {result.detail}"
        else:
            text = f"I could not draw that: {result.detail or result.outcome}"
        turn = _turn_of(asked)
        await emit(ReplyPart(turn, text), to="part")
        await emit(Reply(turn, text), to="reply")


def _turn_of(grounded: AnyEvent) -> str:
    """The id of what asked."""
    return str(grounded.payload.asked or grounded.parents[0])
