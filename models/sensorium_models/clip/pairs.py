"""What the bundled CLIP learns from: pictures of the world with captions, and which fits which.

A batch is made of families: a scene and the same scene with one thing about it changed (a shape, a
colour, who has which, who is on which side), so that whoever reads the colours alone cannot tell
them apart. The drill has one thing a picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sensorium_models.clip.words import PHOTOS
from sensorium_sims.world.captions import OPENINGS, ORDER, Attribute, noun
from sensorium_sims.world.relations import OPPOSITE, Relation, clear_relation
from sensorium_sims.world.render import Picture, render
from sensorium_sims.world.sampling import Rng, SceneOptions, pairs_of, sample_scene
from sensorium_sims.world.scene import Scene, Thing
from sensorium_sims.world.vocabulary import NUMBERS, article, plural

Edit = Literal["shape", "colour", "swap colour", "swap size", "swap material", "swap places"]
ALONE: tuple[Edit, ...] = ("shape", "shape", "shape", "colour")
TOGETHER: tuple[Edit, ...] = (
    "shape", "shape", "colour", "swap colour", "swap colour", "swap size", "swap material",
    "swap places",
)  # fmt: skip
"""Edits of a family, as often as they stand here."""
TOLD: tuple[tuple[Attribute, ...], ...] = (
    ("colour", "shape"),
    ("shape",),
    ("size", "shape"),
    ("material", "shape"),
    ("size", "colour", "shape"),
    ORDER,
    ("colour",),
)
"""What a caption says of each thing."""
CHANCES = (0.4, 0.2, 0.1, 0.1, 0.1, 0.07, 0.03)
SAYS: dict[str, tuple[int, ...]] = {
    kind: tuple(i for i, told in enumerate(TOLD) if kind in told)
    for kind in ("shape", "colour", "size", "material")
}
RELATED = 0.75
"""How often a caption of two things in a clear relation tells it."""
SIDES: dict[Relation, int] = {"to the left of": 1, "above": 2}


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a caption claims: ``names`` of all things at ``told``, and perhaps who is where."""

    told: int
    names: tuple[str, ...]
    side: tuple[int, str] | None = None


@dataclass(frozen=True)
class Batch:
    """N scenes, K lists of N captions, and whether each is true; the pictures (N, side, side, 3)
    uint8, or none.

    ``true`` is (N, K * N): of picture i and caption k * N + j. Caption k * N + i is of picture i.
    """

    images: NDArray[np.uint8]
    captions: tuple[tuple[str, ...], ...]
    true: NDArray[np.bool_]
    told: tuple[tuple[int, ...], ...]
    """What each caption says of things: a place in :data:`TOLD`."""
    related: tuple[tuple[bool, ...], ...]
    """Whether it says who is where."""
    scenes: tuple[Scene, ...]
    pictures: tuple[Picture, ...]


def sample_batch(
    rng: Rng, count: int, things: Sequence[float], *, captions: int = 2, side: int = 64
) -> Batch:
    """``count`` scenes (an even number) of seen pairs; ``things`` are the chances of 1, 2, 3.

    With a ``side`` of 0 there are no pictures of them.
    """
    scenes: list[Scene] = []
    told: list[list[tuple[str, Meaning]]] = [[] for _ in range(captions)]
    for _ in range(count // 2):
        number = 1 + int(rng.choice(len(things), p=things))
        scene, other, edit = family(rng, number)
        scenes += [scene, other]
        for k in range(captions):
            at = _told_of(rng, edit if k == 0 else None)
            # The two are told in the same way: what differs is what is true.
            seed = int(rng.integers(2**31))
            told[k] += [tell(np.random.default_rng(seed), one, at) for one in (scene, other)]
    meanings = [meaning for row in told for _, meaning in row]
    pictures = tuple(render(scene, side) for scene in scenes) if side else ()
    return Batch(
        np.stack([p.image for p in pictures]) if side else np.empty((0, 0, 0, 3), np.uint8),
        tuple(tuple(text for text, _ in row) for row in told),
        truth(scenes, meanings),
        tuple(tuple(meaning.told for _, meaning in row) for row in told),
        tuple(tuple(meaning.side is not None for _, meaning in row) for row in told),
        tuple(scenes),
        pictures,
    )


def family(rng: Rng, things: int) -> tuple[Scene, Scene, Edit]:
    """A scene of seen pairs, the same with one edit, and the edit."""
    options = SceneOptions(things=(things, things))
    edits = ALONE if things == 1 else TOGETHER
    while True:
        scene = sample_scene(rng, options)
        edit = edits[rng.integers(len(edits))]
        other = edited(rng, scene, edit, options)
        if other is not None:
            return scene, other, edit


def edited(rng: Rng, scene: Scene, edit: Edit, options: SceneOptions) -> Scene | None:
    """The scene after an edit, or None where it would change nothing or make an unseen pair."""
    things = list(scene.things)
    i, j = (int(n) for n in rng.permutation(len(things))[:2]) if len(things) > 1 else (0, 0)
    a, b = things[i], things[j]
    pairs = pairs_of(options)
    if edit in ("shape", "colour"):
        others = [
            (shape, colour)
            for shape, colour in pairs
            if (colour == a.colour and shape != a.shape and edit == "shape")
            or (shape == a.shape and colour != a.colour and edit == "colour")
        ]
        shape, colour = others[rng.integers(len(others))]
        things[i] = replace(a, shape=shape, colour=colour)
    elif edit == "swap places":
        things[i], things[j] = replace(a, x=b.x, y=b.y), replace(b, x=a.x, y=a.y)
    elif edit == "swap size":
        things[i] = replace(a, size=b.size, diameter=b.diameter)
        things[j] = replace(b, size=a.size, diameter=a.diameter)
    else:
        kind = edit.removeprefix("swap ")
        things[i] = replace(a, **{kind: getattr(b, kind)})
        things[j] = replace(b, **{kind: getattr(a, kind)})
    if any((thing.shape, thing.colour) not in pairs for thing in (things[i], things[j])):
        return None
    other = replace(scene, things=tuple(things))
    if not all(map(_inside, things)) or (len(things) > 1 and other.gap(i, j) < 0):
        return None
    return None if sorted(_full(other)) == sorted(_full(scene)) and edit != "swap places" else other


def tell(rng: Rng, scene: Scene, told: int) -> tuple[str, Meaning]:
    """A caption that says ``TOLD[told]`` of every thing, and what it claims.

    Worded as :func:`sensorium_sims.world.captions.describe`, with more openings; two things may
    be told without their relation.
    """
    openings = OPENINGS + PHOTOS
    opening = openings[rng.integers(len(openings))] if rng.random() < 0.7 else ""
    attributes = TOLD[told]
    names = [noun(thing, attributes) for thing in scene.things]
    first, relate = int(rng.integers(2)), rng.random() < RELATED
    meaning = Meaning(told, tuple(sorted(names)))
    if len(names) == 2 and relate and names[0] != names[1]:
        relation = clear_relation(scene, first, 1 - first)
        if relation is not None:
            text = f"{article(names[first])} {relation} {article(names[1 - first])}"
            return opening + text, replace(meaning, side=side_of(scene, names))
    counted: dict[str, int] = {}
    for place in rng.permutation(len(names)):
        counted[names[place]] = counted.get(names[place], 0) + 1
    parts = [
        article(name) if count == 1 else f"{NUMBERS[count]} {plural(name)}"
        for name, count in counted.items()
    ]
    listed = " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
    return opening + listed, meaning


def side_of(scene: Scene, names: Sequence[str]) -> tuple[int, str] | None:
    """Which of two things is left (1) or above (2), by name; None where nothing clear is."""
    if len(names) != 2 or names[0] == names[1]:
        return None
    relation = clear_relation(scene, 0, 1)
    if relation is None:
        return None
    if relation in SIDES:
        return SIDES[relation], names[0]
    return SIDES[OPPOSITE[relation]], names[1]


def truth(scenes: Sequence[Scene], meanings: Sequence[Meaning]) -> NDArray[np.bool_]:
    """(scenes, meanings): whether the caption fits the picture; a fit names every thing."""
    names = np.empty((len(scenes), len(TOLD)), np.int64)
    sides = np.empty((len(scenes), len(TOLD)), np.int64)
    for row, scene in enumerate(scenes):
        for at, attributes in enumerate(TOLD):
            said = [noun(thing, attributes) for thing in scene.things]
            names[row, at] = hash(tuple(sorted(said)))
            sides[row, at] = hash(side_of(scene, said))
    told = np.array([meaning.told for meaning in meanings])
    claimed = np.array([hash(meaning.names) for meaning in meanings])
    placed = np.array([hash(meaning.side) for meaning in meanings])
    silent = np.array([meaning.side is None for meaning in meanings])
    fits: NDArray[np.bool_] = names[:, told] == claimed
    fits &= silent | (sides[:, told] == placed)
    return fits


def _told_of(rng: Rng, edit: Edit | None) -> int:
    """What to tell, so that the edit shows in it."""
    chances = np.array(CHANCES)
    if edit not in (None, "swap places"):
        kind = edit.removeprefix("swap ")
        chances[[i for i in range(len(TOLD)) if i not in SAYS[kind]]] = 0
        if kind != "shape" and edit != "colour":
            chances[[i for i in range(len(TOLD)) if i not in SAYS["shape"]]] = 0
    return int(rng.choice(len(TOLD), p=chances / chances.sum()))


def _full(scene: Scene) -> list[str]:
    return [noun(thing) for thing in scene.things]


def _inside(thing: Thing) -> bool:
    half = thing.diameter * 0.55
    return half <= min(thing.x, thing.y) and max(thing.x, thing.y) <= 1 - half
