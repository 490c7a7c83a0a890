"""The audio-visual-language world as a Gymnasium environment."""

from __future__ import annotations

import operator
import string
from collections.abc import Collection
from typing import Any, Literal, get_args

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from sensorium.errors import BadInput
from sensorium_sims.avworld.drawing import draw_scene
from sensorium_sims.avworld.hearing import NOISE_RMS, Voice, arrival
from sensorium_sims.avworld.maps import SHAPES
from sensorium_sims.avworld.moving import HEADINGS
from sensorium_sims.avworld.oracle import actions_needed, way_left
from sensorium_sims.avworld.seeing import SIZE, Eye
from sensorium_sims.avworld.sounds import CHUNK, SAMPLE_RATE, STEP_S
from sensorium_sims.avworld.speech import Speaker, speak, with_noise
from sensorium_sims.avworld.tasks import TASKS, Episode, SoundSplit, Split, Task, make_episode
from sensorium_sims.avworld.vocabulary import LOOKS
from sensorium_sims.avworld.world import Act, World

F32 = NDArray[np.float32]
Observation = dict[str, Any]
Sense = Literal["camera", "audio", "mission"]

LIMITS = {"Fetch": 200, "Spoken": 150}
LIMIT = 120
"""Steps after which an episode is truncated, where :data:`LIMITS` says nothing else."""
_NOISE_S = 4
_CHARACTERS = string.ascii_lowercase + " "


class AVWorld(gymnasium.Env[Observation, np.int64]):
    """Rooms full of things that look alike or sound alike, and an instruction.

    ## Description

    The agent walks through rooms with doors. Things stand about; some of them sound. The
    instruction names one by what it looks like *and* sounds like ("find the humming red box");
    others share its look or its sound, so that seeing, hearing and language are all needed
    (:mod:`sensorium_sims.avworld.tasks` has the numbers). The tasks:

    | id | task |
    |---|---|
    | `sensorium/AVWorld-Refer-v0` | find the thing that the instruction names |
    | `sensorium/AVWorld-AudioGoal-v0` | go to the one thing that sounds |
    | `sensorium/AVWorld-Fetch-v0` | bring a key of a colour to the box with a sound |
    | `sensorium/AVWorld-Spoken-v0` | Refer, with the instruction spoken, in noise |
    | `sensorium/AVWorld-SilentAfter-v0` | Refer; all sound stops after some steps |
    | `sensorium/AVWorld-MovingSource-v0` | Refer; everything wanders about its room |

    ## Action Space

    `Discrete(6)`: 0 turn left 30 degrees, 1 turn right 30 degrees, 2 forward half a metre (not
    through walls and things), 3 pick up (a key within a metre, ahead), 4 drop (at one's feet),
    5 stop (ends the episode).

    ## Observation Space

    A `Dict`:

    | key | space | what it is |
    |---|---|---|
    | `camera` | `Box(0, 255, (64, 64, 3), uint8)` | RGB, 90 degrees of view |
    | `audio` | `Box(-1, 1, (2, 3200), float32)` | left and right ear, 0.2 s at 16 kHz |
    | `mission` | `Text` | the instruction; empty in Spoken |
    | `carry` | `Discrete(31)` | 0 nothing, else a look (:func:`~.vocabulary.look_of`) |
    | `touch` | `Discrete(2)` | 1 when something barred the last step forward |

    ## Rewards

    `1 - 0.9 * steps / max_steps` for a stop that fulfils the instruction, else 0.

    ## Starting State

    Map, things, places, heading and sounds are drawn from the seed alone.

    ## Episode End

    Terminated by `stop`. It is a success when the thing within a metre that is nearest is the one
    meant (in Fetch: when the right key lies within a metre of the right box). Truncated after
    `max_steps` (120; Fetch 200, Spoken 150).

    ## Info

    Each step: `is_success` and `wrong_object`. At the end also `path_length` and
    `shortest_path` (m), `way_left` and `way_at_start` (m to walk), `actions` and
    `shortest_actions` (the oracle's; 0 unless the episode is a success): what
    :mod:`sensorium_sims.metrics` makes SPL, soft SPL and SNA of. `reset` gives `map` and, though
    it is not spoken of in the observation, the `mission`.

    ## Arguments

    `task`; `rooms` (1, 2, 4 or 6); `maps`, "seen" or "unseen"; `sounds`, "heard" or "unheard";
    `snr_db` and `speaker` of Spoken (the built-in voice strings recorded words together; a
    `speaker` is called with the instruction and returns (T,) float32 at 16 kHz);
    `silent_after` steps in SilentAfter; `max_steps`; `without`, senses that are taken away
    ("camera", "audio", "mission"): their observations are zeros or empty.

    ## Version History

    * v0: first version.
    """

    metadata: dict[str, Any] = {
        "render_modes": ["rgb_array"],
        "render_fps": round(1 / STEP_S),
        "audio_rate": SAMPLE_RATE,
    }

    def __init__(
        self,
        task: Task = "Refer",
        *,
        rooms: int = 4,
        maps: Split = "seen",
        sounds: SoundSplit = "heard",
        snr_db: float = 20.0,
        speaker: Speaker | None = None,
        silent_after: int = 10,
        max_steps: int | None = None,
        without: Collection[Sense] = (),
        render_mode: str | None = None,
    ) -> None:
        _check("task", task, TASKS)
        _check("rooms", rooms, SHAPES)
        _check("maps", maps, get_args(Split))
        _check("sounds", sounds, get_args(SoundSplit))
        _check("render_mode", render_mode, (None, *self.metadata["render_modes"]))
        for sense in without:
            _check("without", sense, get_args(Sense))
        self.task: Task = task
        self.render_mode = render_mode
        self.max_steps = max_steps if max_steps is not None else LIMITS.get(task, LIMIT)
        if self.max_steps < 1 or silent_after < 0:
            raise BadInput("max_steps must be at least 1 and silent_after at least 0")
        self._rooms, self._maps, self._sounds = rooms, maps, sounds
        self._snr_db, self._speaker, self._silent_after = snr_db, speaker, silent_after
        self._without = frozenset(without)
        self.action_space = spaces.Discrete(len(Act))
        self.observation_space = spaces.Dict(
            {
                "camera": spaces.Box(0, 255, (SIZE, SIZE, 3), np.uint8),
                "audio": spaces.Box(-1, 1, (2, CHUNK), np.float32),
                "mission": spaces.Text(min_length=0, max_length=64, charset=_CHARACTERS),
                "carry": spaces.Discrete(LOOKS),
                "touch": spaces.Discrete(2),
            }
        )
        self.world: World | None = None
        """The episode under way: privileged, for oracles."""
        self._speech: F32 = np.zeros(0, np.float32)
        self._way_at_start = 0.0
        self._seen: NDArray[np.uint8] | None = None

    @property
    def action_names(self) -> tuple[str, ...]:
        """The words of a plan."""
        return tuple(act.name.lower() for act in Act)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begin an episode; the same seed gives the same one."""
        super().reset(seed=seed)
        episode = make_episode(self.task, self.np_random, self._rooms, self._maps, self._sounds)
        self._begin(episode)
        info = {"is_success": False, "wrong_object": False}
        return self._observe(), info | {"map": episode.map_seed, "mission": episode.mission}

    def step(self, action: np.int64 | int) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Do one action: see the class's docstring."""
        world = self._under_way()
        world.act(_valid(action))
        terminated = world.stopped
        truncated = not terminated and world.steps >= self.max_steps
        info: dict[str, Any] = {
            "is_success": world.success,
            "wrong_object": world.wrong_object,
        }
        if terminated or truncated:
            info |= self._figures(world)
        reward = 1 - 0.9 * world.steps / self.max_steps if world.success else 0.0
        return self._observe(), reward, terminated, truncated, info

    def render(self) -> NDArray[np.uint8] | None:
        """(256, 512, 3) uint8: what the camera sees, and the map from above."""
        if self.render_mode is None:
            return None
        return draw_scene(self._under_way(), self._look())

    def _begin(self, episode: Episode) -> None:
        self.world = World(episode)
        self._eye = _eye_of(episode)
        self._voices = [
            None if thing.tape is None else Voice(thing.tape, begin)
            for thing, begin in zip(episode.things, episode.voices, strict=True)
        ]
        self._noise_at = episode.walk_seed % (len(_NOISE) - 2 * CHUNK)
        self._way_at_start = way_left(self.world)
        self._speech = np.zeros(0, np.float32)
        if self.task == "Spoken":
            said = (self._speaker or speak)(episode.mission)
            self._speech = with_noise(said, self._snr_db, episode.walk_seed)

    def _observe(self) -> Observation:
        world = self._under_way()
        self._seen = None
        blind, deaf = "camera" in self._without, "audio" in self._without
        wordless = self.task == "Spoken" or "mission" in self._without
        carried = world.carried_look
        return {
            "camera": np.zeros((SIZE, SIZE, 3), np.uint8) if blind else self._look(),
            "audio": np.zeros((2, CHUNK), np.float32) if deaf else self._listen(world),
            "mission": "" if wordless else world.episode.mission,
            "carry": np.int64(0 if carried is None else carried.code),
            "touch": np.int64(world.barred),
        }

    def _look(self) -> NDArray[np.uint8]:
        if self._seen is None:
            world = self._under_way()
            things = [
                (thing.look, place.x, place.y)
                for thing, place in zip(world.episode.things, world.places, strict=True)
                if not place.carried
            ]
            self._seen = self._eye.look(world.x, world.y, _radians(world.heading), things)
        return self._seen

    def _listen(self, world: World) -> F32:
        step = (self._noise_at + world.steps * CHUNK * 7) % (len(_NOISE) - 2 * CHUNK)
        heard = _NOISE[step : step + 2 * CHUNK].reshape(2, CHUNK).copy()
        silent = self.task == "SilentAfter" and world.steps >= self._silent_after
        ears = world.x, world.y, _radians(world.heading)
        for voice, place in zip(self._voices, world.places, strict=True):
            if voice is not None:
                at = (place.x, place.y), place.room
                way = None if silent else arrival(world.episode.world, ears, world.room, *at)
                voice.play(way, heard)
        spoken = self._speech[world.steps * CHUNK : (world.steps + 1) * CHUNK]
        heard[:, : len(spoken)] += spoken
        return np.clip(heard, -1, 1, out=heard)

    def _figures(self, world: World) -> dict[str, Any]:
        return {
            "path_length": world.path_m,
            "shortest_path": self._way_at_start,
            "way_left": way_left(world),
            "way_at_start": self._way_at_start,
            "actions": world.steps,
            "shortest_actions": actions_needed(world.episode) if world.success else 0,
        }

    def _under_way(self) -> World:
        if self.world is None:
            raise BadInput("call reset() before step() and render()")
        return self.world


_NOISE = np.random.default_rng(20_240).standard_normal(
    _NOISE_S * SAMPLE_RATE, np.float32
) * np.float32(NOISE_RMS)
_EYES: dict[int, tuple[Any, Eye]] = {}


def _eye_of(episode: Episode) -> Eye:
    held = _EYES.get(id(episode.world))
    if held is None or held[0] is not episode.world:
        if len(_EYES) >= 1024:
            _EYES.clear()
        held = _EYES[id(episode.world)] = episode.world, Eye(episode.world)
    return held[1]


def _valid(action: object) -> int:
    try:
        number = operator.index(action)  # type: ignore[arg-type]
    except TypeError:
        number = -1
    if not 0 <= number < len(Act):
        raise BadInput(f"action {action!r} is not one of 0 to {len(Act) - 1}")
    return number


def _radians(heading: int) -> float:
    return heading * 2 * np.pi / HEADINGS


def _check(name: str, value: object, allowed: Collection[object]) -> None:
    if value not in allowed:
        listed = ", ".join(map(repr, allowed))
        raise BadInput(f"{name} of AVWorld must be one of {listed}, not {value!r}")
