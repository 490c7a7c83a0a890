"""What the bundled diffusion model learns to draw: matte things before a plain wall, and captions.

The world's full range of walls and materials would take hours of a processor; shapes, colours,
sizes, counts and places are all there. Pairs of shape and colour are the seen ones only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sensorium_sims.world.captions import OPENINGS, Attribute, noun
from sensorium_sims.world.relations import clear_relation
from sensorium_sims.world.sampling import Pairs, Rng, SceneOptions, sample_scene
from sensorium_sims.world.scene import Background, Scene
from sensorium_sims.world.vocabulary import NUMBERS, article, plural

SIDE = 64
"""Pixels of a picture's side."""
MOST = 4
"""Things in a picture, at most: as many as GenEval's prompts count."""
OPTIONS = SceneOptions(materials=("matte",), gap=0.05)
ALIKE = 0.35
"""How often two things or more are of one shape, so that counts can be asked for."""


def sample_drawn(
    rng: Rng, things: Sequence[float] = (0.45, 0.45, 0.06, 0.04), pairs: Pairs = "seen"
) -> Scene:
    """A scene of 1 to :data:`MOST` things, ``things`` being the chances of each number."""
    count = 1 + int(rng.choice(len(things), p=np.array(things) / sum(things)))
    options = replace(OPTIONS, things=(count, count), pairs=pairs)
    if count > 2 or (count == 2 and rng.random() < ALIKE / 2):
        shape = options.shapes[rng.integers(len(options.shapes))]
        options = replace(options, shapes=(shape,))
    return plain(sample_scene(rng, options))


def plain(scene: Scene) -> Scene:
    """The scene before a wall without grain and joints, its things matte."""
    wall = Background("plain", scene.background.rgb, scene.background.seed)
    things = tuple(replace(thing, material="matte") for thing in scene.things)
    return replace(scene, things=things, background=wall)


def tell(rng: Rng, scene: Scene) -> str:
    """A caption that is true of the scene and says how many things there are.

    Sizes and colours are sometimes left unsaid; two things are told by where they are, or not.
    """
    opening = OPENINGS[rng.integers(len(OPENINGS))] if rng.random() < 0.3 else ""
    said = rng.random()
    words: tuple[Attribute, ...] = ("shape",) if said < 0.15 else ("colour", "shape")
    if said > 0.6:
        words = ("size", "colour", "shape")
    names = [noun(thing, words) for thing in scene.things]
    if len(names) == 2 and names[0] != names[1] and rng.random() < 0.7:
        first = int(rng.integers(2))
        relation = clear_relation(scene, first, 1 - first)
        if relation is not None:
            return f"{opening}{article(names[first])} {relation} {article(names[1 - first])}"
    alike = len(names) > 1 and len({thing.shape for thing in scene.things}) == 1
    if alike and rng.random() < 0.7:
        return f"{opening}{NUMBERS[len(names)]} {plural(scene.things[0].shape)}"
    counted: dict[str, int] = {}
    for place in rng.permutation(len(names)):
        counted[names[place]] = counted.get(names[place], 0) + 1
    parts = [
        article(name) if count == 1 else f"{NUMBERS[count]} {plural(name)}"
        for name, count in counted.items()
    ]
    return opening + " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
