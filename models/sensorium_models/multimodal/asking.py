"""Turns to learn from and to be measured on: pictures, a question about them, the right answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from sensorium.errors import BadInput
from sensorium_sims.world.captions import ORDER, noun, refer
from sensorium_sims.world.questions import KINDS, VALUES, Kind, ask
from sensorium_sims.world.sampling import Rng, SceneOptions, pairs_of, sample_scene
from sensorium_sims.world.scene import Scene, Thing
from sensorium_sims.world.vocabulary import DIAMETER, article

PairKind = Literal["which_picture", "more", "in_picture", "differ"]
PAIR_KINDS: tuple[PairKind, ...] = get_args(PairKind)
"""Questions about two pictures in one turn."""
TELL = "tell"
TurnKind = Kind | PairKind | Literal["tell"]
ALL_KINDS: tuple[str, ...] = (*KINDS, *PAIR_KINDS, TELL)
OPTIONS = SceneOptions(things=(1, 4))
PLACES = ("first", "second")
DIFFER = (
    "What is different between the two pictures?",
    "What is different between the two?",
    "What differs between the pictures?",
    "What has changed?",
)
PROMPTS = (
    "What is in the picture?",
    "What do you see?",
    "Describe the picture.",
    "What does the picture show?",
)


@dataclass(frozen=True, slots=True)
class Turn:
    """``pictures`` are rows of the pictures at hand, one or two of them."""

    pictures: tuple[int, ...]
    text: str
    answer: str
    kind: str


def pair_of(rng: Rng, options: SceneOptions = OPTIONS) -> tuple[Scene, Scene]:
    """A scene, and the same one with one attribute of one thing changed, in either order."""
    while True:
        scene = sample_scene(rng, options)
        twin = _changed(scene, rng, options)
        if twin is not None:
            return (scene, twin) if rng.random() < 0.5 else (twin, scene)


def changed(one: Scene, other: Scene) -> str:
    """The attribute in which two scenes of :func:`pair_of` differ."""
    for thing, now in zip(one.things, other.things, strict=True):
        for name in ORDER:
            if getattr(thing, name) != getattr(now, name):
                return name
    raise BadInput("the two scenes are alike")


def _changed(scene: Scene, rng: Rng, options: SceneOptions) -> Scene | None:
    index = int(rng.integers(len(scene.things)))
    thing = scene.things[index]
    name = ORDER[int(rng.integers(len(ORDER)))]
    others = tuple(value for value in VALUES[name] if value != getattr(thing, name))
    now: Thing = replace(thing, **{name: others[int(rng.integers(len(others)))]})  # type: ignore[arg-type]
    if name == "size":
        if now.size == "large":  # it may find no room
            return None
        now = replace(now, diameter=float(rng.uniform(*DIAMETER["small"])))
    if (now.shape, now.colour) not in pairs_of(options):
        return None
    things = (*scene.things[:index], now, *scene.things[index + 1 :])
    return replace(scene, things=things)


def turn_about(
    scenes: Sequence[Scene], row: int, rng: Rng, kind: str, other: int | None = None
) -> Turn | None:
    """A turn of ``kind`` about scene ``row``, or None when there is none.

    Scenes 2k and 2k + 1 are pairs of :func:`pair_of`; a question about any two pictures takes
    ``other`` as the second.
    """
    for single in KINDS:
        if kind == single:
            question = ask(scenes[row], rng, single)
            if question is None:
                return None
            return Turn((row,), question.text, question.answer, kind)
    if kind == TELL:
        return Turn((row,), _pick(rng, PROMPTS), told(scenes[row]), kind)
    if kind == "differ":
        return Turn((row, row ^ 1), _pick(rng, DIFFER), changed(scenes[row], scenes[row ^ 1]), kind)
    if other is None or other == row:
        return None
    two = (scenes[row], scenes[other])
    makers = {"which_picture": _which, "more": _more, "in_picture": _in_picture}
    if kind not in makers:
        raise BadInput(f"no turns of kind {kind!r}; there are: {', '.join(ALL_KINDS)}")
    made = makers[kind](two, rng)
    return made and Turn((row, other), made[0], made[1], kind)


def told(scene: Scene) -> str:
    """``a red ring and a blue star``: colour and shape of each thing, from the left."""
    things = sorted(scene.things, key=lambda thing: thing.x)
    names = [article(noun(thing, ("colour", "shape"))) for thing in things]
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _which(two: tuple[Scene, Scene], rng: Rng) -> tuple[str, str] | None:
    """``Which picture has the red ring?``"""
    place = int(rng.integers(2))
    thing = two[place].things[int(rng.integers(len(two[place].things)))]
    attributes = (("shape",), ("colour",), ("colour", "shape"))[int(rng.integers(3))]
    name = noun(thing, attributes)  # type: ignore[arg-type]
    if any(noun(t, attributes) == name for t in two[1 - place].things):  # type: ignore[arg-type]
        return None
    form = ("Which picture has {}?", "In which picture is {}?")[int(rng.integers(2))]
    fits = sum(noun(t, attributes) == name for t in two[place].things)  # type: ignore[arg-type]
    called = f"the {name}" if fits == 1 and rng.random() < 0.7 else article(name)
    return form.format(called), PLACES[place]


def _more(two: tuple[Scene, Scene], rng: Rng) -> tuple[str, str] | None:
    counts = [len(scene.things) for scene in two]
    if counts[0] == counts[1]:
        return None
    return "Which picture has more things?", PLACES[int(counts[1] > counts[0])]


def _in_picture(two: tuple[Scene, Scene], rng: Rng) -> tuple[str, str] | None:
    """``What colour is the star in the second picture?``"""
    place = int(rng.integers(2))
    scene = two[place]
    attribute = ORDER[int(rng.integers(len(ORDER)))]
    index = int(rng.integers(len(scene.things)))
    name = "the thing" if len(scene.things) == 1 else refer(scene, index, without=attribute)
    if name is None:
        return None
    where = f"{name} in the {PLACES[place]} picture"
    text = f"Is {where} small or large?" if attribute == "size" else f"What {attribute} is {where}?"
    return text, getattr(scene.things[index], attribute)


def _pick(rng: Rng, texts: Sequence[str]) -> str:
    return texts[int(rng.integers(len(texts)))]
