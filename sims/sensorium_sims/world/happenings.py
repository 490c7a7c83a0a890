"""What happens in a film, when, and questions about it: motion, order, sound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from sensorium.errors import BadInput
from sensorium_sims.world.captions import Attribute, refer
from sensorium_sims.world.questions import Question
from sensorium_sims.world.sampling import Rng
from sensorium_sims.world.scene import Scene

FilmKind = Literal["motion", "order", "first", "movers", "sounder", "sound"]
FILM_KINDS: tuple[FilmKind, ...] = get_args(FilmKind)
APART_S = 0.3
"""Starts closer than this are not asked to be told apart."""


@dataclass(frozen=True, slots=True)
class Happening:
    """``phrase`` is true from second ``start`` to ``stop``, of the scene's ``thing``."""

    phrase: str
    start: float
    stop: float
    thing: int


def happenings(scene: Scene) -> list[Happening]:
    """All that happens and can be named without doubt, by its start."""
    found = []
    for index, thing in enumerate(scene.things):
        name = refer(scene, index)
        if name is None:
            continue
        for move in thing.moves:
            phrase = f"{name} moves {move.direction}"
            found.append(Happening(phrase, move.start, move.stop, index))
        for sound in thing.sounds:
            found.append(Happening(f"{name} is {sound.sound}", sound.start, sound.stop, index))
    return sorted(found, key=lambda happening: happening.start)


def narrate(scene: Scene) -> str:
    """The film in one sentence: ``the red star moves left, then the blue moon moves up``."""
    told = [happening.phrase for happening in happenings(scene)]
    return ", then ".join(told) if told else "nothing happens"


def ask_film(scene: Scene, rng: Rng, kind: FilmKind) -> Question | None:
    """A question that one frame cannot answer, or None when the film has none of this kind."""
    if kind == "motion":
        return _motion(scene, rng)
    if kind in ("order", "first"):
        return _order(scene, rng, kind)
    if kind == "movers":
        movers = tuple(i for i, thing in enumerate(scene.things) if thing.moves)
        return Question("How many things move?", str(len(movers)), kind, movers)
    if kind in ("sounder", "sound"):
        return _sound(scene, rng, kind)
    raise BadInput(f"no film questions of kind {kind!r}; there are: {', '.join(FILM_KINDS)}")


def _motion(scene: Scene, rng: Rng) -> Question | None:
    index = int(rng.integers(len(scene.things)))
    name, moves = refer(scene, index), scene.things[index].moves
    if name is None or len(moves) > 1:
        return None
    answer = moves[0].direction if moves else "nowhere"
    return Question(f"Which way does {name} move?", answer, "motion", (index,))


def _order(scene: Scene, rng: Rng, kind: FilmKind) -> Question | None:
    movers = sorted(
        (thing.moves[0].start, index) for index, thing in enumerate(scene.things) if thing.moves
    )
    if len(movers) < 2 or movers[1][0] - movers[0][0] < APART_S:
        return None
    first, second = movers[0][1], movers[1][1]
    if kind == "first":
        attribute: Attribute = "colour" if rng.random() < 0.5 else "shape"
        answer = getattr(scene.things[first], attribute)
        return Question(f"What {attribute} is the thing that moves first?", answer, kind, (first,))
    asked = (first, second) if rng.random() < 0.5 else (second, first)
    names = [refer(scene, index) for index in asked]
    if None in names:
        return None
    answer = "yes" if asked[0] == first else "no"
    return Question(f"Does {names[0]} move before {names[1]}?", answer, kind, asked)


def _sound(scene: Scene, rng: Rng, kind: FilmKind) -> Question | None:
    index = int(rng.integers(len(scene.things)))
    thing = scene.things[index]
    if kind == "sound":
        name = refer(scene, index)
        if name is None:
            return None
        answer = thing.sounds[0].sound if thing.sounds else "nothing"
        return Question(f"What is {name} doing, by its sound?", answer, kind, (index,))
    if not thing.sounds:
        return None
    attribute: Attribute = "colour" if rng.random() < 0.5 else "shape"
    text = f"What {attribute} is the thing that is {thing.sounds[0].sound}?"
    return Question(text, getattr(thing, attribute), kind, (index,))
