"""Drawing and editing: actions become pictures, in files and as events, each at most once."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
from pydantic import Field

from sensorium import Actuator, ComponentOptions, Emit, Image, Input, Output
from sensorium.effects.ledger import Outcome
from sensorium.errors import BadInput, EffectRefused, ModelError, OutputFailed
from sensorium.payloads import Action, ActionResult, State

if TYPE_CHECKING:
    from sensorium.events import AnyEvent, Event

NAMES = ("draw", "edit")


class DrawOptions(ComponentOptions):
    """Options of :class:`Draw`."""

    model: str = "text_to_image"
    path: str = "out/drawing-{n}.png"
    """Where pictures go; ``{n}`` counts from 1 and skips files that are there."""
    progress_every: int = Field(5, ge=1)
    """Steps between two events of progress."""


class Draw(Actuator):
    """Carries out ``draw`` (``prompt``, ``seed``) and ``edit`` (``what`` is to become ``prompt``).

    An edit changes the last picture that was drawn, or shown since. Actions of other names are not
    its own.
    """

    Options = DrawOptions
    takes = {
        "action": Input("action/requested", Action),
        "shown": Input("camera/+/image", Image),
    }
    gives = {
        "image": Output("image/drawn", Image),
        "progress": Output("action/progress", State),
        "result": Output("action/result", ActionResult),
    }

    async def setup(self) -> None:
        """Check the options; the model is loaded when the first picture is asked for."""
        if "{n}" not in self.options.path:
            raise BadInput(f"path is {self.options.path!r}: it needs {{n}}, to count pictures")
        self._model = self.model(self.options.model)
        self._last: Any = None
        self._masks: Any = None

    async def process(self, event: AnyEvent, emit: Emit) -> None:
        """Remember a picture, or carry out an action and emit how it ended."""
        if isinstance(event.payload, Image):
            self._last = event.payload.data
            return
        action = event.payload
        if action.name not in NAMES:
            return
        performing = self.context.effects.perform(
            action.action_id, action.name, action.arguments, cause=event
        )
        try:
            async with performing as effect:
                effect.outcome, effect.detail = await self._carry_out(event, emit)
        except EffectRefused as refused:
            state: Any = refused.state
            outcome: Any = state if state in get_args(Outcome) else "unknown"
            result = ActionResult(action.action_id, outcome, "not done again")
        else:
            result = ActionResult(action.action_id, effect.outcome, effect.detail)
        await emit(result, to="result")

    async def _carry_out(self, event: Event[Action], emit: Emit) -> tuple[Outcome, str]:
        """Draw, write, show; how it ended, and the file or the reason."""
        try:
            request = await self._request(event.payload)
            image = await self._drawn(event.payload, request, emit)
            path = await self._written(image)
        except (BadInput, ModelError, OutputFailed) as error:
            return "failed", str(error)
        self._last = image
        await emit(Image(image), to="image")
        return "done", str(path)

    async def _request(self, action: Action) -> dict[str, Any]:
        arguments = action.arguments
        request = {k: v for k, v in arguments.items() if k in ("prompt", "seed", "steps")}
        if action.name == "edit":
            if self._last is None:
                raise BadInput("there is no picture to change: draw one or show one first")
            request["image"] = self._last
            with self.context.clock.hold():
                request["mask"] = await asyncio.to_thread(
                    self._mask, self._last, str(arguments.get("what", ""))
                )
        return request

    def _mask(self, image: Any, what: str) -> Any:
        from sensorium_models.diffusion.masks import PhraseMasks, patches_of, room_for

        if self._masks is None:
            self._masks = PhraseMasks()
        found = self._masks.find(image, what)
        others = [mask for mask in patches_of(image) if not (mask & found.mask).any()]
        return room_for(found.mask, others).astype(np.uint8)

    async def _drawn(self, action: Action, request: dict[str, Any], emit: Emit) -> Any:
        image: Any = None
        async with self._model.stream(request) as parts:
            async for part in parts:
                if "image" in part:
                    image = np.array(part["image"])
                elif part["step"] % self.options.progress_every == 0:
                    told = {"action": action.action_id, "step": part["step"], "of": part["of"]}
                    await emit(State(told), to="progress")
        return image

    async def _written(self, image: Any) -> Path:
        with self.context.clock.hold():
            return await asyncio.to_thread(_write, self.options.path, image)


def _write(pattern: str, image: Any) -> Path:
    from sensorium_models.diffusion.files import write_picture

    number = 1
    while (path := Path(pattern.replace("{n}", str(number))).expanduser()).exists():
        number += 1
    write_picture(path, image)
    return path
