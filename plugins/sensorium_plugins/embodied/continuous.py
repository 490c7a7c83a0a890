"""A planner that moves things by sight: it finds them by colour and works out where they are."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from sensorium import Emit, Input, Output, Planner
from sensorium.events import Event
from sensorium.payloads import Plan
from sensorium_plugins.embodied.payloads import Senses
from sensorium_sims.mujoco.pushing import Pusher
from sensorium_sims.mujoco.scene import HALF, unproject

F64 = NDArray[np.float64]
U8 = NDArray[np.uint8]

_ASKED = re.compile(r"push the (red|green|blue) cube to the (left|right) target")
_CHANNEL = {"red": 0, "green": 1, "blue": 2}
_PURE = 1.7
"""A cube's own channel is that many times as bright as either other one, in any light."""
_DARK = 25
_WHITE = 1.7
"""A target is that many times as bright as the table, which is most of the picture."""
_FEWEST = 0.0007
"""Share of the picture below which something is hidden: a cube that is seen whole has 0.006."""
_STAY = "[0.0, 0.0, 0.0]"


class PushBySight(Planner):
    """Pushes the named cube to the named target in ``sensorium/TableTop-v0``, by camera.

    Nothing is learned and nothing is told: cubes and targets are found by colour, and their
    places follow from where the camera stands (it is calibrated). What is hidden is where it was
    last seen. The finger is felt. Without camera, words or finger it stays where it is.
    """

    takes: ClassVar[Mapping[str, Input]] = {"senses": Input("senses/+/+", Senses)}
    gives: ClassVar[Mapping[str, Output]] = {"plan": Output("plan/+/+", Plan)}

    def __init__(self, options: Any, context: Any) -> None:
        super().__init__(options, context)
        self._looking: dict[str, Sight] = {}

    async def process(self, event: Event[Senses], emit: Emit) -> None:
        """Answer each observation."""
        senses = event.payload
        topic = senses.plan_topic
        if senses.step == 0 or topic not in self._looking:
            self._looking[topic] = Sight()
        if senses.final:
            return
        felt = senses.arrays.get("finger")
        step = _STAY
        if senses.image is not None and felt is not None:
            finger = np.asarray(felt.values, np.float64)[:3]
            action = self._looking[topic].act(senses.image.data, finger, senses.text)
            step = _STAY if action is None else json.dumps(action.tolist())
        await emit(Plan(senses.text, (step,)), topic=topic)


class Sight:
    """What was seen in one episode, and how the pushing goes."""

    def __init__(self) -> None:
        self._pusher = Pusher()
        self._cube: F64 | None = None
        self._target: F64 | None = None
        self._clearest = 0

    def act(self, picture: U8, finger: F64, asked: str) -> NDArray[np.float32] | None:
        """The action (3,) for a picture (S, S, 3), the finger's tip (3,) in metres and the
        instruction; None for other instructions, and until both things have been seen."""
        named = _ASKED.fullmatch(asked.strip())
        if named is None:
            return None
        colour, side = named.groups()
        cube = find_cube(picture, colour)
        self._cube = self._cube if cube is None else cube
        found = find_target(picture, side)
        if found is not None and found[1] > self._clearest:  # it does not move: the best look
            self._target, self._clearest = found
        if self._cube is None or self._target is None:
            return None
        return self._pusher.act(finger, self._cube, self._target)


def find_cube(picture: U8, colour: str) -> F64 | None:
    """The x, y (m) of the middle of a cube in a picture (S, S, 3), or None where it is hidden.

    The outline of a box is as good as symmetrical about its middle, so their centres are one.
    """
    own = _CHANNEL[colour]
    light = picture.astype(np.float32)
    others = np.delete(light, own, axis=2).max(2)
    pixels = np.argwhere((light[:, :, own] > _PURE * others) & (light[:, :, own] > _DARK))
    if len(pixels) < _FEWEST * picture.shape[0] ** 2:
        return None
    middle = pixels.mean(0)[None, ::-1]
    places = unproject(middle, HALF, picture.shape[0])
    return np.asarray(places[0])


def find_target(picture: U8, side: str) -> tuple[F64, int] | None:
    """The x, y (m) of the middle of a white disc at that side, and how many pixels show it."""
    green = picture[:, :, 1].astype(np.float32)
    pixels = np.argwhere(
        (green > _WHITE * np.median(green)) & (picture.min(2) > 0.6 * picture.max(2))
    )
    if not len(pixels):
        return None
    places = unproject(pixels[:, ::-1].astype(np.float64), 0.0, picture.shape[0])
    places = places[(places[:, 0] < 0) == (side == "left")]
    if len(places) < _FEWEST * picture.shape[0] ** 2:
        return None
    return (places.min(0) + places.max(0)) / 2, len(places)
