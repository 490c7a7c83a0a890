"""Scenes out of a seed, in splits that share no seed and, for ``unseen``, no pair.

The held-out pairs of shape and colour follow CLEVR-CoGenT (Johnson et al., "CLEVR", 2017): train,
validation and test show the 80 seen pairs only, ``unseen`` the 20 others only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import numpy as np

from sensorium.errors import BadInput
from sensorium_sims.world.outlines import reach
from sensorium_sims.world.scene import Background, BackgroundKind, Move, Scene, Sounding, Thing
from sensorium_sims.world.vocabulary import (
    COLOURS,
    DIAMETER,
    DIRECTIONS,
    MATERIALS,
    SEEN_PAIRS,
    SHAPES,
    SIZES,
    SOUNDS,
    UNSEEN_PAIRS,
    Colour,
    Direction,
    Material,
    Shape,
    Size,
)

Split = Literal["train", "validation", "test", "unseen"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test", "unseen")
Pairs = Literal["seen", "unseen", "all"]
Rng = np.random.Generator
BACKGROUNDS: tuple[BackgroundKind, ...] = ("plain", "gradient", "grain", "tiles", "planks")
EDGE = 0.02
"""Least space between a thing and the picture's edge."""
BOX = 0.6
"""Half the box of a turned thing is at most this share of its diameter."""
DEPTHS = (1.0, 3.4)
"""Nearest and farthest a thing hangs, in metres."""


@dataclass(frozen=True, slots=True)
class SceneOptions:
    """What may be drawn.

    ``things`` is the least and largest number of things; ``gap`` the least space between them
    (negative: they may hide parts of one another). ``seconds`` above 0 makes a film, in which each
    thing moves with the chance ``moving``; ``sounding`` is the chance that a thing makes a sound.
    """

    things: tuple[int, int] = (1, 3)
    pairs: Pairs = "seen"
    shapes: tuple[Shape, ...] = SHAPES
    colours: tuple[Colour, ...] = COLOURS
    sizes: tuple[Size, ...] = SIZES
    materials: tuple[Material, ...] = MATERIALS
    gap: float = 0.03
    seconds: float = 0.0
    moving: float = 0.7
    sounding: float = 0.0

    def __post_init__(self) -> None:
        low, high = self.things
        if not 1 <= low <= high <= 6:
            raise BadInput(f"things is {self.things}: from 1 to 6 things fit a scene")
        if not pairs_of(self):
            raise BadInput(
                f"no pair of these shapes and colours is {self.pairs}: add shapes or colours"
            )


@lru_cache(maxsize=256)
def pairs_of(options: SceneOptions) -> tuple[tuple[Shape, Colour], ...]:
    """The pairs of shape and colour that options allow, in a fixed order."""
    allowed = {"seen": SEEN_PAIRS, "unseen": UNSEEN_PAIRS, "all": SEEN_PAIRS | UNSEEN_PAIRS}
    return tuple(
        (shape, colour)
        for shape in options.shapes
        for colour in options.colours
        if (shape, colour) in allowed[options.pairs]
    )


def rng_for(split: Split, index: int, seed: int = 0) -> Rng:
    """The generator of one sample: no two of (split, index, seed) share one."""
    if split not in SPLITS:
        raise BadInput(f"no split {split!r}; there are: {', '.join(SPLITS)}")
    return np.random.default_rng([SPLITS.index(split), index, seed])


def scenes(
    split: Split, count: int, options: SceneOptions | None = None, *, start: int = 0, seed: int = 0
) -> Iterator[Scene]:
    """``count`` scenes of a split from number ``start`` on, always the same ones.

    The split decides the pairs: ``unseen`` the held-out ones, the others the seen ones, unless the
    options say ``pairs="all"``.
    """
    options = options or SceneOptions()
    if options.pairs != "all":
        options = replace(options, pairs="unseen" if split == "unseen" else "seen")
    for index in range(start, start + count):
        yield sample_scene(rng_for(split, index, seed), options)


def sample_scene(rng: Rng, options: SceneOptions | None = None) -> Scene:
    """One scene. Things that find no room are made small; the last that still find none are left
    out, though never below the least number (then the whole scene is drawn again)."""
    options = options or SceneOptions()
    low, high = options.things
    wanted = int(rng.integers(low, high + 1))
    while True:
        things: list[Thing] = []
        for _ in range(wanted):
            thing = _placed(rng, options, things, wanted)
            if thing is not None:
                things.append(thing)
        if len(things) >= low:
            break
    if options.seconds:
        things = [_moving(rng, options, thing) for thing in things]
    if options.sounding:
        things = _sounding(rng, options, things)
    return Scene(tuple(things), sample_background(rng), options.seconds)


def sample_background(rng: Rng) -> Background:
    """A light wall of little colour."""
    tone = rng.uniform(188, 236)
    tint = rng.uniform(-9, 9, 3)
    red, green, blue = (int(value) for value in np.clip(tone + tint - tint.mean(), 0, 255))
    kind = BACKGROUNDS[rng.integers(len(BACKGROUNDS))]
    return Background(kind, (red, green, blue), int(rng.integers(2**31)))


def _placed(rng: Rng, options: SceneOptions, others: list[Thing], wanted: int) -> Thing | None:
    pairs = pairs_of(options)
    shape, colour = pairs[rng.integers(len(pairs))]
    # Crowds are of small things, as far as the options allow it: four large ones fill a picture.
    crowded = wanted > 3 and "small" in options.sizes
    size = "small" if crowded else options.sizes[rng.integers(len(options.sizes))]
    material = options.materials[rng.integers(len(options.materials))]
    angle = float(rng.uniform(-12, 12))
    depth = round(float(rng.uniform(*DEPTHS)), 3)
    for attempt in range(24):
        if attempt == 12 and "small" in options.sizes:
            size = "small"
        diameter = float(rng.uniform(*DIAMETER[size]))
        low = EDGE + diameter * BOX
        x, y = rng.uniform(low, 1 - low, 2).tolist()
        if all(_apart(x, y, reach(shape) * diameter, other, options.gap) for other in others):
            return Thing(shape, colour, size, material, x, y, diameter, depth, angle)
    return None


def _apart(x: float, y: float, radius: float, other: Thing, gap: float) -> bool:
    least = radius + other.radius + gap
    return (x - other.x) ** 2 + (y - other.y) ** 2 >= least * least


def _moving(rng: Rng, options: SceneOptions, thing: Thing) -> Thing:
    """The thing with one move that stays in the picture, or still."""
    if rng.random() >= options.moving:
        return thing
    names: list[Direction] = list(DIRECTIONS)
    room = {name: _room(thing, name) for name in names}
    free = [name for name in names if room[name] >= 0.2]
    if not free:
        return thing
    name = free[rng.integers(len(free))]
    far = float(rng.uniform(0.2, min(0.6, room[name])))
    length = float(rng.uniform(0.25, 0.5)) * options.seconds
    start = float(rng.uniform(0, options.seconds - length))
    return replace(thing, moves=(Move(name, start, start + length, far / length),))


def _room(thing: Thing, name: Direction) -> float:
    dx, dy = DIRECTIONS[name]
    margin = EDGE + thing.diameter * BOX
    place = thing.x if dx else thing.y
    return (1 - margin - place) if dx + dy > 0 else place - margin


def _sounding(rng: Rng, options: SceneOptions, things: list[Thing]) -> list[Thing]:
    """Each sound once a scene, so that a sound tells the thing."""
    names = rng.permutation(len(SOUNDS))
    total = options.seconds or 2.0
    heard = []
    for thing, name in zip(things, names, strict=False):
        if rng.random() < options.sounding:
            length = float(rng.uniform(0.3, 0.6)) * total if options.seconds else total
            start = float(rng.uniform(0, total - length))
            variant = int(rng.integers(4))
            thing = replace(thing, sounds=(Sounding(SOUNDS[name], start, start + length, variant),))
        heard.append(thing)
    return heard
