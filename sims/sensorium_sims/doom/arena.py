"""The arena where one has to listen, as a Gymnasium environment."""

from __future__ import annotations

import math
import operator
import string
from collections.abc import Collection
from typing import Any, Literal

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from sensorium.errors import BadInput
from sensorium_sims.doom import need_sound
from sensorium_sims.doom.game import HEARD, SKIP, Game
from sensorium_sims.doom.layouts import REACHED, Layout, draw_layout, waypoint

Observation = dict[str, Any]
Sense = Literal["camera", "audio", "mission"]
Task = Literal["Find", "Told"]

ACTIONS = ("left", "right", "forward")
TURN = 15.0
"""Degrees of a step."""
IN_VIEW = 42.0
"""Degrees from the middle of the view within which a pillar is seen whole."""
LIMIT = 100
_SPEED = 40.0
_UNIT_M = 1 / 32
MISSIONS = {"Find": "go to the pillar that sounds", "Told": "go to the pillar that you are told"}


class DoomArena(gymnasium.Env[Observation, np.int64]):
    """Four pillars in an arena, and a sound that says which.

    ## Description

    The arena, in ViZDoom, is 1,024 map units square (about 32 m). In `sensorium/DoomFind-v0` all
    pillars look alike and one of them sounds: who hears where can find it. In
    `sensorium/DoomTold-v0` each has a colour, and a sound without a place names one: hum green,
    ring red, rattle blue, siren yellow. Who cannot hear does no better than one in four in either.
    After the tasks of Hegde et al., Agents that Listen (2021).

    ## Action Space

    `Discrete(3)`: 0 turn left 15 degrees, 1 turn right 15 degrees, 2 forward. A step is 4 tics,
    4/35 s.

    ## Observation Space

    A `Dict`:

    | key | space | what it is |
    |---|---|---|
    | `camera` | `Box(0, 255, (120, 160, 3), uint8)` | RGB, 90 degrees of view |
    | `audio` | `Box(-1, 1, (2, 1260), float32)` | left and right ear, 4/35 s at 11,025 Hz |
    | `mission` | `Text` | the instruction, the same in all episodes of a task |

    ## Rewards

    `1 - 0.9 * steps / max_steps` for reaching the pillar meant, else 0.

    ## Starting State

    Pillars, player, heading and sound are drawn from the seed, so that no pillar stands in the
    straight way to another, and all are at least 220 units away.

    ## Episode End

    Terminated when the player reaches a pillar; success when it is the one meant. Truncated after
    `max_steps` (100).

    ## Info

    Each step: `is_success` and `wrong_object`. At the end also `path_length`, `shortest_path`,
    `way_left` and `way_at_start`, in metres.

    ## Arguments

    `task`, "Find" or "Told"; `max_steps`; `without`, senses that are taken away ("camera",
    "audio", "mission"): zeros, or no words.

    ## Version History

    * v0: first version.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 35}
    frame_skip = SKIP
    action_names = ACTIONS

    def __init__(
        self,
        task: Task = "Find",
        *,
        max_steps: int = LIMIT,
        without: Collection[Sense] = (),
        render_mode: str | None = None,
    ) -> None:
        _check("task", task, tuple(MISSIONS))
        _check("render_mode", render_mode, (None, *self.metadata["render_modes"]))
        for sense in without:
            _check("without", sense, ("camera", "audio", "mission"))
        if max_steps < 1:
            raise BadInput("max_steps of DoomArena is at least 1")
        self.task, self.max_steps, self.render_mode = task, max_steps, render_mode
        self._without = frozenset(without)
        if "audio" not in self._without:
            need_sound(f"sensorium/Doom{task}-v0")
        self._game: Game | None = None
        self.layout: Layout | None = None
        """The episode under way: privileged, for oracles."""
        self.pillars: tuple[tuple[float, float], ...] = ()
        self.action_space = spaces.Discrete(len(ACTIONS))
        letters = string.ascii_lowercase + " "
        self.observation_space = spaces.Dict(
            {
                "camera": spaces.Box(0, 255, (120, 160, 3), np.uint8),
                "audio": spaces.Box(-1, 1, (2, HEARD), np.float32),
                "mission": spaces.Text(min_length=0, max_length=64, charset=letters),
            }
        )

    @property
    def player(self) -> tuple[float, float, float]:
        """x, y in map units and heading in degrees: privileged."""
        return self._running().player

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begin an episode; the same seed gives the same one."""
        super().reset(seed=seed)
        layout = draw_layout(self.np_random, self.task)
        if self._game is None:
            self._game = Game(sound="audio" not in self._without)
        pillars = [
            (f"Pillar{colour}", place)
            for colour, place in zip(layout.colours, layout.pillars, strict=True)
        ]
        told = self.task == "Told"
        sounds = f"{layout.sound}{'Everywhere' if told else 'There'}"
        sounding = (sounds, layout.player if told else layout.pillars[layout.target])
        seed = int(self.np_random.integers(1 << 31))
        stood = self._game.begin(seed, [*pillars, sounding], layout.player, layout.heading)
        self.layout, self.pillars = layout, tuple(stood[:-1])
        self.steps, self._path, self._was = 0, 0.0, self.player[:2]
        self._begin = self._way()
        return self._observe(), {"is_success": False, "wrong_object": False}

    def step(self, action: np.int64 | int) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Do one action: see the class's docstring."""
        layout, game = self._under_way(), self._running()
        turn, forward = {0: (-TURN / SKIP, 0.0), 1: (TURN / SKIP, 0.0), 2: (0.0, _SPEED)}[
            _valid(action)
        ]
        game.act(turn, forward)
        self.steps += 1
        now = self.player[:2]
        self._path += math.dist(self._was, now)
        self._was = now
        reached = [n for n, pillar in enumerate(self.pillars) if math.dist(now, pillar) <= REACHED]
        success = layout.target in reached
        terminated = bool(reached)
        truncated = not terminated and self.steps >= self.max_steps
        info: dict[str, Any] = {"is_success": success, "wrong_object": terminated and not success}
        if terminated or truncated:
            info |= {
                "path_length": self._path * _UNIT_M,
                "shortest_path": self._begin * _UNIT_M,
                "way_left": self._way() * _UNIT_M,
                "way_at_start": self._begin * _UNIT_M,
            }
        reward = 1 - 0.9 * self.steps / self.max_steps if success else 0.0
        return self._observe(), reward, terminated, truncated, info

    def render(self) -> NDArray[np.uint8] | None:
        """(120, 160, 3) uint8: what the player sees."""
        if self.render_mode is None:
            return None
        self._under_way()
        return self._running().camera

    def close(self) -> None:
        """End the game's process."""
        game, self._game, self.layout = self._game, None, None
        if game is not None:
            game.close()

    def _observe(self) -> Observation:
        game = self._running()
        blind, deaf = "camera" in self._without, "audio" in self._without
        return {
            "camera": np.zeros((120, 160, 3), np.uint8) if blind else game.camera,
            "audio": np.zeros((2, HEARD), np.float32) if deaf else game.ears,
            "mission": "" if "mission" in self._without else MISSIONS[self.task],
        }

    def _way(self) -> float:
        target = self.pillars[self._under_way().target]
        return max(0.0, math.dist(self.player[:2], target) - REACHED)

    def _under_way(self) -> Layout:
        if self.layout is None:
            raise BadInput("call reset() before step() and render()")
        return self.layout

    def _running(self) -> Game:
        if self._game is None:
            raise BadInput("call reset() before step() and render()")
        return self._game


class DoomExpert:
    """Turns to the pillar that is meant, and walks: the planner ``oracle``."""

    def __init__(self, environment: Any) -> None:
        self._env: DoomArena = environment.unwrapped
        layout = self._env.layout
        self.target = layout.target if layout is not None else 0

    def act(self, last: Any) -> int:
        """The next action."""
        del last
        off = self.bearing
        if abs(off) <= TURN / 2:
            return 2
        return 0 if off > 0 else 1

    @property
    def bearing(self) -> float:
        """Degrees to the left of where it looks at which its pillar is, -180 to 180."""
        return self._turn_to(self.target)

    def _turn_to(self, target: int) -> float:
        x, y, heading = self._env.player
        aim = waypoint((x, y), self._env.pillars, target)
        bearing = math.degrees(math.atan2(aim[1] - y, aim[0] - x))
        return (bearing - heading + 180) % 360 - 180


class DoomSearcher(DoomExpert):
    """Knows the pillar, but turns left until it is in view: what one can learn who is told its
    colour and not its place."""

    def act(self, last: Any) -> int:
        """The next action."""
        return 0 if abs(self.bearing) > IN_VIEW else super().act(last)


class DoomGuesser(DoomSearcher):
    """Goes to the pillar that is nearest to the middle of its view, and turns left where there is
    none: as good as can be without hearing, which is one in four."""

    def act(self, last: Any) -> int:
        """The next action."""
        pillars = range(len(self._env.pillars))
        self.target = min(pillars, key=lambda number: abs(self._turn_to(number)))
        return super().act(last)


def _valid(action: object) -> int:
    try:
        number = operator.index(action)  # type: ignore[arg-type]
    except TypeError:
        number = -1
    if not 0 <= number < len(ACTIONS):
        raise BadInput(f"action {action!r} is not one of 0 to {len(ACTIONS) - 1}")
    return number


def _check(name: str, value: object, allowed: Collection[object]) -> None:
    if value not in allowed:
        listed = ", ".join(map(repr, allowed))
        raise BadInput(f"{name} of DoomArena must be one of {listed}, not {value!r}")
