"""Sentences about a scene that are true of it and name every thing in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from sensorium.errors import BadInput
from sensorium_sims.world.relations import OPPOSITE, clear_relation
from sensorium_sims.world.sampling import Rng, SceneOptions, pairs_of, sample_scene
from sensorium_sims.world.scene import Scene, Thing
from sensorium_sims.world.vocabulary import NUMBERS, article, plural

Attribute = Literal["size", "material", "colour", "shape"]
ORDER: tuple[Attribute, ...] = ("size", "material", "colour", "shape")
"""Adjectives stand in this order."""
Detail = Literal["colour", "size", "full"]
DETAILS: dict[Detail, tuple[Attribute, ...]] = {
    "colour": ("colour", "shape"),
    "size": ("size", "colour", "shape"),
    "full": ORDER,
}
OPENINGS = ("", "a picture of ", "there is ", "we see ", "this shows ", "here is ")
_NAMES: tuple[tuple[Attribute, ...], ...] = (
    ("shape",),
    ("colour",),
    ("colour", "shape"),
    ("size", "shape"),
    ("material", "shape"),
    ("size", "colour"),
    ("material", "colour"),
    ("size", "colour", "shape"),
    ("material", "colour", "shape"),
    ("size", "material", "shape"),
    ORDER,
)


@dataclass(frozen=True, slots=True)
class Mention:
    """Characters ``start`` to ``stop`` of a text name the ``things`` (places in the scene)."""

    start: int
    stop: int
    things: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Caption:
    """A sentence and which words of it name what."""

    text: str
    mentions: tuple[Mention, ...]


def noun(thing: Thing, attributes: Sequence[Attribute] = ORDER) -> str:
    """``small striped red star``; without a shape it is a ``thing``."""
    words = [getattr(thing, name) for name in ORDER if name in attributes and name != "shape"]
    return " ".join([*words, thing.shape if "shape" in attributes else "thing"])


def refer(scene: Scene, index: int, without: Attribute | None = None) -> str | None:
    """The shortest name that fits only this thing (``the red star``), or None if none does.

    ``without`` leaves one attribute unsaid, so that it can be asked for.
    """
    for attributes in _NAMES:
        if without in attributes:
            continue
        name = noun(scene.things[index], attributes)
        if all(noun(t, attributes) != name for i, t in enumerate(scene.things) if i != index):
            return f"the {name}"
    return None


def describe(scene: Scene, rng: Rng | None = None, detail: Detail = "colour") -> Caption:
    """One of the ways to caption a scene; without ``rng``, the plainest.

    Two things in a clear relation are told with it; things that look alike are counted.
    """
    if detail not in get_args(Detail):
        raise BadInput(f"no detail {detail!r}; there are: {', '.join(get_args(Detail))}")
    attributes = DETAILS[detail]
    opening = OPENINGS[rng.integers(len(OPENINGS))] if rng is not None else ""
    if len(scene.things) == 2:
        one, other = (0, 1) if rng is None or rng.random() < 0.5 else (1, 0)
        relation = clear_relation(scene, one, other)
        names = [article(noun(scene.things[i], attributes)) for i in (one, other)]
        if relation is not None and names[0] != names[1]:
            return _joined([(opening, ()), (names[0], (one,)), (f" {relation} ", ()),
                            (names[1], (other,))])  # fmt: skip
    groups: dict[str, list[int]] = {}
    for index, thing in enumerate(scene.things):
        groups.setdefault(noun(thing, attributes), []).append(index)
    listed = list(groups.items())
    if rng is not None:
        listed = [listed[i] for i in rng.permutation(len(listed))]
    parts: list[tuple[str, tuple[int, ...]]] = [(opening, ())]
    for place, (name, members) in enumerate(listed):
        glue = "" if place == 0 else " and " if place == len(listed) - 1 else ", "
        count = len(members)
        words = article(name) if count == 1 else f"{NUMBERS[count]} {plural(name)}"
        parts += [(glue, ()), (words, tuple(members))]
    return _joined(parts)


def distinct(scenes: Iterable[Scene], detail: Detail = "colour") -> Iterator[tuple[int, Scene]]:
    """Those scenes, with their numbers, whose caption is true of no scene kept before: a gallery
    in which each caption has one right picture, whatever its wording."""
    kept: dict[tuple[str, ...], set[tuple[str, str] | None]] = {}
    for number, scene in enumerate(scenes):
        names = [noun(thing, DETAILS[detail]) for thing in scene.things]
        sides = kept.setdefault(tuple(sorted(names)), set())
        side = _side(scene, names)
        # Without a relation a caption fits every scene of the same things.
        if not sides or (side is not None and side not in sides and None not in sides):
            sides.add(side)
            yield number, scene


def _side(scene: Scene, names: list[str]) -> tuple[str, str] | None:
    """Which of two is left or above, or None when a caption does not say."""
    if len(names) != 2 or names[0] == names[1]:
        return None
    relation = clear_relation(scene, 0, 1)
    if relation is None:
        return None
    if relation in ("to the right of", "below"):
        return OPPOSITE[relation], names[1]
    return relation, names[0]


def _joined(parts: Sequence[tuple[str, tuple[int, ...]]]) -> Caption:
    text, mentions = "", []
    for words, things in parts:
        if things:
            mentions.append(Mention(len(text), len(text) + len(words), things))
        text += words
    return Caption(text, tuple(mentions))


TwinKind = Literal["colour", "size", "material", "relation"]


@dataclass(frozen=True, slots=True)
class Twins:
    """Two scenes and two captions of the same words: each caption is true of its scene only.

    The protocol is Winoground's (Thrush et al., 2022).
    """

    kind: TwinKind
    scenes: tuple[Scene, Scene]
    captions: tuple[str, str]


def twins(rng: Rng, kind: TwinKind, options: SceneOptions | None = None) -> Twins:
    """A pair that differs only in who has which colour, size or material, or is on which side."""
    if kind not in get_args(TwinKind):
        raise BadInput(f"no twins of {kind!r}; there are: {', '.join(get_args(TwinKind))}")
    options = replace(options or SceneOptions(), things=(2, 2), gap=0.1)
    while True:
        scene = sample_scene(rng, options)
        first, second = scene.things
        relation = clear_relation(scene, 0, 1)
        if relation is None or first.shape == second.shape:
            continue
        if kind == "relation":
            # Each goes to the other's place, as far as the walls let the larger one.
            moved = (
                replace(first, x=second.x, y=second.y),
                replace(second, x=first.x, y=first.y),
            )
            if not all(_inside(thing) for thing in moved) or first.colour == second.colour:
                continue
            names = [noun(thing, ("colour", "shape")) for thing in (first, second)]
            captions = [
                f"{article(names[0])} {side} {article(names[1])}"
                for side in (relation, OPPOSITE[relation])
            ]
            # The words must be the same in both: the other order of names, not another word.
            captions[1] = f"{article(names[1])} {relation} {article(names[0])}"
            other = replace(scene, things=moved)
        else:
            a, b = getattr(first, kind), getattr(second, kind)
            if a == b:
                continue
            swapped = _swapped(first, second, kind)
            if any((thing.shape, thing.colour) not in pairs_of(options) for thing in swapped):
                continue  # held out
            other = replace(scene, things=swapped)
            if kind == "size" and (not all(_inside(t) for t in swapped) or other.gap(0, 1) < 0):
                continue
            captions = [_told(scene.things, kind), _told(swapped, kind)]
        return Twins(kind, (scene, other), (captions[0], captions[1]))


def _swapped(first: Thing, second: Thing, kind: TwinKind) -> tuple[Thing, Thing]:
    if kind == "colour":
        return replace(first, colour=second.colour), replace(second, colour=first.colour)
    if kind == "material":
        return replace(first, material=second.material), replace(second, material=first.material)
    return (
        replace(first, size=second.size, diameter=second.diameter),
        replace(second, size=first.size, diameter=first.diameter),
    )


def _told(things: Sequence[Thing], kind: TwinKind) -> str:
    attribute: Attribute = "colour" if kind == "relation" else kind
    return " and ".join(article(noun(thing, (attribute, "shape"))) for thing in things)


def _inside(thing: Thing) -> bool:
    half = thing.diameter * 0.6
    return half <= min(thing.x, thing.y) and max(thing.x, thing.y) <= 1 - half
