"""Asking for pictures, drawing them once, and telling of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from sensorium import Image
from sensorium.errors import BadInput
from sensorium.events import AnyEvent
from sensorium.payloads import Action, ActionResult, GroundedTurn, State, UserTurn, WorldState
from sensorium.testing import Harness, assert_conforms, run_component
from sensorium.workers.model import Model
from sensorium_plugins.generation.actuator import Draw
from sensorium_plugins.generation.asking import Asked, asked_for
from sensorium_plugins.generation.planner import DrawOnRequest


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        ("draw a red cube left of a green ball", Asked("draw", "a red cube left of a green ball")),
        ("Could you please draw me a ring?", Asked("draw", "a ring")),
        ("make a picture of two rings, please.", Asked("draw", "two rings")),
        ("Replace the ball with a blue star!", Asked("edit", "a blue star", "the ball")),
        ("turn the red ring into a moon", Asked("edit", "a moon", "the red ring")),
        ("what is in this picture?", None),
        ("who drew a red cube?", None),
    ],
)
def test_a_sentence_asks_for_a_picture_or_it_does_not(said: str, asked: Asked | None) -> None:
    assert asked_for(said) == asked


async def ground(harness: Harness, turn: UserTurn) -> AnyEvent:
    """As the world does: the turn with what is known, derived from what was said."""
    said = await harness.session.bus.publish("chat/turn", turn, source="user")
    await harness.session.bus.publish(
        "chat/grounded",
        GroundedTurn(turn, WorldState(()), asked=said.id),
        source="world",
        parents=(said.id,),
    )
    return said


async def test_a_turn_that_wants_a_picture_becomes_an_action_and_its_result_the_reply() -> None:
    async with run_component(DrawOnRequest) as harness:
        turn = UserTurn("draw a red star")
        said = await ground(harness, turn)
        await harness.settled()
        (action,) = harness.events
        assert action.topic == "action/requested"
        assert action.payload.name == "draw"
        assert action.payload.arguments["prompt"] == "a red star"
        await harness.send("action/result", ActionResult("somebody/else", "done"))
        await harness.send(
            "action/result", ActionResult(action.payload.action_id, "done", "out/drawing-1.png")
        )
        await harness.settled()
    part, reply = harness.events[1:]
    assert reply.payload.turn == part.payload.turn == said.id
    assert reply.payload.text == "Here it is: out/drawing-1.png"


async def test_other_turns_go_on_to_the_chat_and_name_what_asked() -> None:
    async with run_component(DrawOnRequest) as harness:
        turn = UserTurn("what do you see?")
        said = await ground(harness, turn)
        await harness.settled()
        (other,) = harness.events
    assert (other.topic, other.payload.turn) == ("chat/other", turn)
    assert other.payload.asked == said.id


class Brush(Model[Any, Any]):
    """Draws a picture of one colour in ten steps; keeps what it was asked."""

    def __init__(self, options: Any = None) -> None:
        super().__init__(options)
        self.asked: list[dict[str, Any]] = []

    def load(self, device: str) -> None:
        """There is nothing to load."""

    def infer(self, batch: Sequence[Any]) -> list[Any]:
        """The last part of each."""
        return [list(self.stream(request))[-1] for request in batch]

    def stream(self, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
        self.asked.append(request)
        if "dog" in request["prompt"]:
            raise BadInput("this model does not know 'dog'")
        for step in range(1, 11):
            yield {"step": step, "of": 10}
        yield {"image": np.full((64, 64, 3), 80, np.uint8), "prompt": request["prompt"]}


async def test_an_action_is_drawn_once_written_shown_and_told_of(tmp_path: Path) -> None:
    brush = Brush()
    options = {"path": str(tmp_path / "drawing-{n}.png")}
    async with run_component(Draw, options=options, models={"text_to_image": brush}) as harness:
        action = Action("a1", "draw", {"prompt": "a ring", "seed": 7})
        await harness.send("action/requested", action)
        await harness.send("action/requested", action)
        await harness.send("action/requested", Action("a2", "lamp/on", {}))
        await harness.settled()
    assert brush.asked == [{"prompt": "a ring", "seed": 7}]
    payloads = [event.payload for event in harness.events if not event.topic.startswith("effects")]
    progress = [p for p in payloads if isinstance(p, State)]
    assert [p.values["step"] for p in progress] == [5, 10]
    (image,) = [p for p in payloads if isinstance(p, Image)]
    written = tmp_path / "drawing-1.png"
    assert (np.array(PIL.Image.open(written)) == image.data).all()
    results = [p for p in payloads if isinstance(p, ActionResult)]
    told = [(result.outcome, result.detail) for result in results]
    assert told == [("done", str(written)), ("done", "not done again")]
    assert [file.name for file in tmp_path.iterdir()] == ["drawing-1.png"]


async def test_what_cannot_be_drawn_or_changed_fails_with_the_reason(tmp_path: Path) -> None:
    options = {"path": str(tmp_path / "drawing-{n}.png")}
    async with run_component(Draw, options=options, models={"text_to_image": Brush()}) as harness:
        await harness.send("action/requested", Action("a1", "draw", {"prompt": "a dog"}))
        edit = Action("a2", "edit", {"prompt": "a ring", "what": "the ball"})
        await harness.send("action/requested", edit)
        await harness.settled()
    results = [e.payload for e in harness.events if isinstance(e.payload, ActionResult)]
    assert [result.outcome for result in results] == ["failed", "failed"]
    assert "does not know 'dog'" in results[0].detail
    assert "no picture to change" in results[1].detail
    assert not list(tmp_path.iterdir())


def test_they_conform(tmp_path: Path) -> None:
    turn = UserTurn("draw a ring")
    assert_conforms(
        DrawOnRequest,
        [("chat/grounded", GroundedTurn(turn, WorldState(()), asked="user#1"))],
    )
