"""Episodes: which things there are, what the instruction is, and where everything stands.

In Refer, Spoken, SilentAfter and MovingSource six things stand about, built so that no sense can
be left out. Two colours and two pairs of type and sound make four things that sound; the target
is one of them. Then there are two silent look-alikes: the target's, and that of one of the other
three. So the target always has a silent look-alike, a thing with its sound in another colour, and
one with its colour of another type and sound. The best that one can do

* with everything is 100 %,
* without seeing 50 % (two things have that sound),
* without hearing 50 % (two things have that look),
* without the instruction 50 % (two things that sound have a silent look-alike),
* by walking up to anything 17 %.

AudioGoal has one thing that sounds and five that do not, among them its look-alike. Fetch has two
keys, and four boxes: two colours, one sound each, and their silent look-alikes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import BadInput
from sensorium_sims.avworld import sounds
from sensorium_sims.avworld.maps import SEEN_MAPS, UNSEEN_FROM, UNSEEN_MAPS, Map, make_map
from sensorium_sims.avworld.moving import HEADINGS, Ground
from sensorium_sims.avworld.vocabulary import (
    COLOURS,
    SOUNDING_TYPES,
    SOUNDS,
    STRANGE_SOUNDS,
    Look,
)

F32 = NDArray[np.float32]
Task = Literal["Refer", "AudioGoal", "Fetch", "Spoken", "SilentAfter", "MovingSource"]
TASKS: tuple[Task, ...] = get_args(Task)
Split = Literal["seen", "unseen"]
SoundSplit = Literal["heard", "unheard"]

APART_M = 1.5
WALL_MARGIN_M = 0.55
DOOR_MARGIN_M = 1.0
START_MARGIN_M = 1.2


@dataclass(frozen=True, slots=True, eq=False)
class Thing:
    """One thing at the beginning of an episode."""

    look: Look
    sound: str
    """Its word, or "" for silent."""
    tape: F32 | None
    """Of :func:`sensorium_sims.avworld.sounds.tape`."""
    x: float = 0.0
    y: float = 0.0

    @property
    def solid(self) -> bool:
        """Whether one cannot walk through it: keys lie on the floor."""
        return self.look.kind != "key"


@dataclass(frozen=True, slots=True, eq=False)
class Episode:
    """Everything about an episode before its first step; made from one seed alone."""

    task: Task
    world: Map
    map_seed: int
    things: tuple[Thing, ...]
    target: int
    """Index of the thing to go to; in Fetch, of the box."""
    wanted: int | None
    """Index of the key to bring, in Fetch."""
    mission: str
    start: tuple[float, float, int]
    """x, y and heading in twelfths of a turn."""
    voices: tuple[int, ...]
    """Where in its loop each thing begins, in samples."""
    walk_seed: int
    """Seed of how things wander in MovingSource, and of the noise."""


def make_episode(
    task: Task, rng: np.random.Generator, rooms: int, maps: Split, split: SoundSplit
) -> Episode:
    """Draw an episode. Raises :class:`BadInput` when the things find no place (never seen)."""
    first, count = (0, SEEN_MAPS) if maps == "seen" else (UNSEEN_FROM, UNSEEN_MAPS)
    map_seed = first + int(rng.integers(count))
    world = make_map(map_seed, rooms)
    kinds, target, wanted, mission = _CASTS[task](task, rng, split)
    places = _places(world, len(kinds), rng)
    order = rng.permutation(len(kinds))  # the first place drawn is the freest: no hint in that
    things: list[Thing | None] = [None] * len(kinds)
    for place, index in zip(places, order, strict=True):
        kind = kinds[int(index)]
        things[int(index)] = Thing(kind.look, kind.sound, kind.tape, *place)
    return Episode(
        task=task,
        world=world,
        map_seed=map_seed,
        things=tuple(thing for thing in things if thing is not None),
        target=target,
        wanted=wanted,
        mission=mission,
        start=_start(world, places, rng),
        voices=tuple(int(v) for v in rng.integers(sounds.LOOP, size=len(kinds))),
        walk_seed=int(rng.integers(2**31)),
    )


_Cast = tuple[list[Thing], int, int | None, str]


def _square(task: Task, rng: np.random.Generator, split: SoundSplit) -> _Cast:
    """Four that sound, two silent look-alikes."""
    colours = [str(c) for c in rng.choice(list(COLOURS), 2, replace=False)]
    kinds = [str(k) for k in rng.choice(SOUNDING_TYPES, 2, replace=False)]
    words = [str(w) for w in rng.choice(SOUNDS, 2, replace=False)]
    tapes = [sounds.pick(word, split, rng) for word in words]
    things = [
        Thing(Look(colour, kinds[pair]), words[pair], tapes[pair])
        for pair in (0, 1)
        for colour in colours
    ]
    others = int(rng.integers(1, 4))
    things += [Thing(things[0].look, "", None), Thing(things[others].look, "", None)]
    verb = "follow" if task == "MovingSource" else "find"
    return things, 0, None, f"{verb} the {words[0]} {things[0].look}"


def _single(task: Task, rng: np.random.Generator, split: SoundSplit) -> _Cast:
    """One that sounds among five that do not."""
    word = str(rng.choice(SOUNDS if split == "heard" else STRANGE_SOUNDS))
    tape = sounds.pick(word, "heard", rng)
    pairs = [(colour, kind) for colour in COLOURS for kind in SOUNDING_TYPES]
    looks = [Look(*pairs[int(i)]) for i in rng.choice(len(pairs), 3, replace=False)]
    things = [Thing(looks[0], word, tape), Thing(looks[0], "", None)]
    things += [Thing(look, "", None) for look in looks[1:] for _ in range(2)]
    return things, 0, None, "go to the sound"


def _fetch(task: Task, rng: np.random.Generator, split: SoundSplit) -> _Cast:
    """Two keys and four boxes."""
    keys = [str(c) for c in rng.choice(list(COLOURS), 2, replace=False)]
    boxes = [str(c) for c in rng.choice(list(COLOURS), 2, replace=False)]
    words = [str(w) for w in rng.choice(SOUNDS, 2, replace=False)]
    things = [
        Thing(Look(colour, "box"), word, sounds.pick(word, split, rng))
        for colour, word in zip(boxes, words, strict=True)
    ]
    things += [Thing(Look(colour, "box"), "", None) for colour in boxes]
    things += [Thing(Look(colour, "key"), "", None) for colour in keys]
    return things, 0, 4, f"bring the {keys[0]} key to the {words[0]} box"


_CASTS = {
    "Refer": _square,
    "Spoken": _square,
    "SilentAfter": _square,
    "MovingSource": _square,
    "AudioGoal": _single,
    "Fetch": _fetch,
}


def _places(world: Map, count: int, rng: np.random.Generator) -> list[tuple[float, float]]:
    """Places for things, clear of walls, of doors and of each other."""
    ground = ground_of(world)
    for closeness in (1.0, 0.9, 0.8, 0.7, 0.6):
        for _ in range(40):
            places: list[tuple[float, float]] = []
            for _ in range(30 * count):
                x, y = _somewhere(world, rng)
                clear = all(math.hypot(x - a, y - b) >= APART_M * closeness for a, b in places)
                if clear and _clear_of_doors(world, x, y) and ground.room_for(x, y, WALL_MARGIN_M):
                    places.append((x, y))
                    if len(places) == count:
                        return places
    raise BadInput(f"no room for {count} things in map with rooms {world.rooms.tolist()}")


def _start(
    world: Map, places: list[tuple[float, float]], rng: np.random.Generator
) -> tuple[float, float, int]:
    ground = ground_of(world)
    best, margin = (-1.0, 0.0, 0.0), START_MARGIN_M
    for _ in range(200):
        x, y = _somewhere(world, rng)
        if not ground.room_for(x, y, 0.35):
            continue
        near = min(math.hypot(x - a, y - b) for a, b in places)
        best = max(best, (near, x, y))
        if near >= margin:
            break
    return best[1], best[2], int(rng.integers(HEADINGS))


def _somewhere(world: Map, rng: np.random.Generator) -> tuple[float, float]:
    x0, y0, x1, y1 = world.rooms[int(rng.integers(len(world.rooms)))].tolist()
    u, v = rng.random(2).tolist()
    return x0 + (x1 - x0) * u, y0 + (y1 - y0) * v


def _clear_of_doors(world: Map, x: float, y: float) -> bool:
    return all(math.hypot(x - a, y - b) >= DOOR_MARGIN_M for a, b in world.doors.tolist())


_GROUNDS: dict[int, tuple[Map, Ground]] = {}


def ground_of(world: Map) -> Ground:
    """Where one can stand in a map; worked out once."""
    held = _GROUNDS.get(id(world))
    if held is None or held[0] is not world:
        if len(_GROUNDS) >= 1024:
            _GROUNDS.clear()
        held = _GROUNDS[id(world)] = world, Ground(world)
    return held[1]
