"""The table top as a Gymnasium environment."""

from __future__ import annotations

import string
from collections.abc import Collection
from typing import Any, Literal

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from sensorium.errors import BadInput
from sensorium_sims.mujoco.graphics import let_go, load_mujoco, renderer
from sensorium_sims.mujoco.layouts import Layout, draw_layout
from sensorium_sims.mujoco.pushing import SPEED, STEP_S
from sensorium_sims.mujoco.scene import (
    COLOURS,
    HALF,
    LOWERED,
    RAISED,
    REACH,
    SIDES,
    TIMESTEP,
    xml,
)  # fmt: skip

F64 = NDArray[np.float64]
Observation = dict[str, Any]
Sense = Literal["camera", "finger", "mission"]

ID = "sensorium/TableTop-v0"
LIMIT = 200
"""Steps after which an episode is truncated."""
REACHED = 0.03
"""A cube is on a target when its middle is that near to the target's, in metres."""
_FILM = 256


class TableTop(gymnasium.Env[Observation, NDArray[np.float32]]):
    """Three cubes, two targets, a finger, and an instruction.

    ## Description

    A gantry moves a finger over a table, and up and down. On the table stand a red, a green and a
    blue cube; two white discs are the left and the right target. The instruction names a cube and
    a target: "push the red cube to the left target". Physics by MuJoCo: the cubes slide and turn
    with friction.

    ## Action Space

    `Box(-1, 1, (3,), float32)`: speed to the right, away from the camera, and up. 1 is 0.25 m/s
    across and 0.4 m/s up; a step is 0.1 s. The finger stays within 0.36 m (x) and 0.28 m (y) of
    the middle; its tip between 1.5 and 11 cm above the table.

    ## Observation Space

    A `Dict`:

    | key | space | what it is |
    |---|---|---|
    | `camera` | `Box(0, 255, (128, 128, 3), uint8)` | RGB, from the front, from above |
    | `finger` | `Box(-2, 2, (6,), float32)` | the tip's x, y, z (m) and their speeds (m/s) |
    | `mission` | `Text` | the instruction |

    The camera's place and angle are fixed (:mod:`sensorium_sims.mujoco.scene`).

    ## Rewards

    `1 - 0.9 * steps / max_steps` when the cube meant reaches the target meant, else 0.

    ## Starting State

    Cubes (turned by any angle), targets, finger (raised) and instruction are drawn from the seed,
    so that no other cube stands in the straight way of the one meant.

    ## Episode End

    Terminated when the middle of any cube is within 3 cm of the middle of any target; success when
    both are those of the instruction. Truncated after `max_steps` (200).

    ## Info

    Each step: `is_success` and `wrong_object`. At the end also `path_length`, `shortest_path`,
    `way_left` and `way_at_start`, in metres: of the cube that was meant.

    ## Arguments

    `max_steps`; `size`, pixels of the camera (32 to 640); `light`, "plain" or "varied" (its
    direction, brightness and tint are drawn from the seed); `without`, senses that are taken away
    ("camera", "finger", "mission"): zeros, or no words.

    ## Version History

    * v0: first version.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": round(1 / STEP_S)}

    def __init__(
        self,
        *,
        max_steps: int = LIMIT,
        size: int = 128,
        light: Literal["plain", "varied"] = "plain",
        without: Collection[Sense] = (),
        render_mode: str | None = None,
    ) -> None:
        if max_steps < 1 or not 32 <= size <= 640:
            raise BadInput("max_steps of TableTop is at least 1, and size 32 to 640 pixels")
        _check("light", light, ("plain", "varied"))
        _check("render_mode", render_mode, (None, *self.metadata["render_modes"]))
        for sense in without:
            _check("without", sense, ("camera", "finger", "mission"))
        self._mujoco: Any = load_mujoco(ID)
        self._model = self._mujoco.MjModel.from_xml_string(xml())
        self._data = self._mujoco.MjData(self._model)
        self.render_mode, self.max_steps, self.size = render_mode, max_steps, size
        self._light, self._without = light, frozenset(without)
        self._lamp = self._model.light("lamp").diffuse.copy()
        self._drawing: dict[int, Any] = {}
        self._substeps = round(STEP_S / TIMESTEP)
        self.layout: Layout | None = None
        """The episode under way: privileged, for oracles."""
        self.steps = 0
        self.action_space = spaces.Box(-1, 1, (3,), np.float32)
        self.observation_space = spaces.Dict(
            {
                "camera": spaces.Box(0, 255, (size, size, 3), np.uint8),
                "finger": spaces.Box(-2, 2, (6,), np.float32),
                "mission": spaces.Text(
                    min_length=0, max_length=64, charset=string.ascii_lowercase + " "
                ),
            }
        )

    @property
    def finger(self) -> F64:
        """The tip's x, y, z in metres."""
        return np.array([*self._data.qpos[-3:-1], LOWERED + self._data.qpos[-1]])

    def cube(self, colour: str) -> F64:
        """The x, y of a cube: privileged."""
        return np.array(self._data.joint(colour).qpos[:2])

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begin an episode; the same seed gives the same one."""
        super().reset(seed=seed)
        self.layout = layout = draw_layout(self.np_random)
        self._mujoco.mj_resetData(self._model, self._data)
        for colour, (x, y, turn) in layout.cubes.items():
            place = [x, y, HALF, np.cos(turn / 2), 0, 0, np.sin(turn / 2)]
            self._data.joint(colour).qpos[:] = place
        for number, side in enumerate(SIDES):
            self._data.mocap_pos[number] = *layout.targets[side], 0.0005
        start = [*layout.finger, RAISED - LOWERED]
        self._data.qpos[-3:] = start
        self._data.ctrl[:] = start
        self._aim = np.array(start)
        self._set_light(layout)
        self._mujoco.mj_forward(self._model, self._data)
        self.steps, self._path, self._was = 0, 0.0, self.cube(layout.colour)
        return self._observe(), {"is_success": False, "wrong_object": False}

    def step(
        self, action: NDArray[np.float32]
    ) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Move for a tenth of a second: see the class's docstring."""
        layout, wanted = self._under_way(), np.asarray(action, np.float64)
        if wanted.shape != (3,) or not np.isfinite(wanted).all():
            raise BadInput(f"action {action!r} is not three finite numbers")
        self._move(np.clip(wanted, -1, 1))
        self.steps += 1
        now = self.cube(layout.colour)
        self._path += float(np.linalg.norm(now - self._was))
        self._was = now
        arrived = self._arrived()
        success = arrived == (layout.colour, layout.side)
        terminated = arrived is not None
        truncated = not terminated and self.steps >= self.max_steps
        info: dict[str, Any] = {"is_success": success, "wrong_object": terminated and not success}
        if terminated or truncated:
            info |= self._figures(layout)
        reward = 1 - 0.9 * self.steps / self.max_steps if success else 0.0
        return self._observe(), reward, terminated, truncated, info

    def render(self) -> NDArray[np.uint8] | None:
        """(256, 256, 3) uint8: what the camera sees."""
        if self.render_mode is None:
            return None
        self._under_way()
        return self._draw(_FILM)

    def close(self) -> None:
        """Let go of the renderers."""
        for drawing in self._drawing.values():
            drawing.close()
        self._drawing.clear()

    def _move(self, action: F64) -> None:
        low = np.array([-REACH[0], -REACH[1], 0.0])
        high = np.array([*REACH, RAISED - LOWERED])
        begin = self._aim
        end = begin + action * (SPEED[0], SPEED[0], SPEED[1]) * STEP_S
        self._aim = np.clip(end, low, high)
        for part in range(1, self._substeps + 1):  # the set point moves evenly, not in jumps
            self._data.ctrl[:] = begin + (self._aim - begin) * (part / self._substeps)
            self._mujoco.mj_step(self._model, self._data)

    def _arrived(self) -> tuple[str, str] | None:
        layout = self._under_way()
        for colour in COLOURS:
            for side, place in layout.targets.items():
                if np.linalg.norm(self.cube(colour) - place) <= REACHED:
                    return colour, side
        return None

    def _observe(self) -> Observation:
        layout = self._under_way()
        seen: Any = np.zeros((self.size, self.size, 3), np.uint8)
        felt = np.zeros(6, np.float32)
        if "camera" not in self._without:
            seen = self._draw(self.size)
        if "finger" not in self._without:
            felt = np.concatenate([self.finger, self._data.qvel[-3:]]).astype(np.float32)
        mission = "" if "mission" in self._without else layout.mission
        return {"camera": seen, "finger": np.clip(felt, -2, 2), "mission": mission}

    def _draw(self, size: int) -> NDArray[np.uint8]:
        if size not in self._drawing:
            self._drawing[size] = renderer(self._mujoco, self._model, size, size)
        drawing = self._drawing[size]
        drawing.update_scene(self._data, "front")
        picture: NDArray[np.uint8] = drawing.render()
        let_go()
        return picture

    def _set_light(self, layout: Layout) -> None:
        lamp = self._model.light("lamp")
        varied = self._light == "varied"
        lamp.diffuse[:] = self._lamp * (layout.tint if varied else 1.0)
        lamp.dir[:] = layout.lamp if varied else (0.0, 0.1, -1.0)

    def _figures(self, layout: Layout) -> dict[str, float]:
        target = layout.targets[layout.side]
        begin = float(np.linalg.norm(np.array(layout.cubes[layout.colour][:2]) - target))
        left = float(np.linalg.norm(self._was - target))
        return {
            "path_length": self._path,
            "shortest_path": max(0.0, begin - REACHED),
            "way_left": max(0.0, left - REACHED),
            "way_at_start": max(0.0, begin - REACHED),
        }

    def _under_way(self) -> Layout:
        if self.layout is None:
            raise BadInput("call reset() before step() and render()")
        return self.layout


class TableTopExpert:
    """Pushes with the truth before it: the planner ``oracle`` of this environment."""

    def __init__(self, environment: Any) -> None:
        from sensorium_sims.mujoco.pushing import Pusher

        self._env: TableTop = environment.unwrapped
        self._pusher = Pusher()

    def act(self, last: Any) -> NDArray[np.float32]:
        """The next action."""
        del last
        layout = self._env.layout
        assert layout is not None
        target = np.array(layout.targets[layout.side])
        return self._pusher.act(self._env.finger, self._env.cube(layout.colour), target)


def _check(name: str, value: object, allowed: Collection[object]) -> None:
    if value not in allowed:
        listed = ", ".join(map(repr, allowed))
        raise BadInput(f"{name} of TableTop must be one of {listed}, not {value!r}")
