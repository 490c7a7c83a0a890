"""Films to learn from and to be measured on, and what is asked, told and looked for in them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise, permutations
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import BadInput
from sensorium_models.video_language.words import TELL, WHEN
from sensorium_sims.world.captions import noun
from sensorium_sims.world.happenings import APART_S, ask_film, happenings
from sensorium_sims.world.questions import Question, ask
from sensorium_sims.world.render import render
from sensorium_sims.world.sampling import (
    Pairs,
    Rng,
    SceneOptions,
    Split,
    rng_for,
    sample_scene,
)
from sensorium_sims.world.scene import Move, Scene, Thing

U8 = NDArray[np.uint8]
FRAMES = 20
"""Pictures taken of a film, evenly, however long it is."""
SECONDS = 4.0
LENGTHS = (0.12, 0.5)
"""A move lasts this share of the film, and"""
EDGES = 0.6
"""it begins early or late more often than midway (a beta distribution): more varied than the
world's own films, where one fixed span overlaps 22 % of all moves by 0.7."""
OWN = 0.25
"""Share of the training films that move as the world's own do."""
MovingKind = Literal["motion", "order", "first", "movers"]
StillKind = Literal["exist", "count", "query", "compare", "compare_number"]
MOVING: tuple[MovingKind, ...] = ("motion", "order", "first", "movers")
STILL: tuple[StillKind, ...] = ("exist", "count", "query", "compare", "compare_number")
AskKind = MovingKind | StillKind
ASK_KINDS: tuple[AskKind, ...] = (*MOVING, *STILL)
"""Questions about films: what one frame cannot answer, and what one can."""
PROMPTS = ("what happens", "what happens in the film", "describe the film", "tell me what happens")
FIRST = (
    "what happens first",
    "what happens first in the film",
    "what is the first thing that moves",
)
LAST = ("what happens last", "what happens last in the film")


def sample_film(rng: Rng, pairs: Pairs = "seen", own: float = 0.0) -> Scene:
    """A film of 1 to 3 things (mostly 2 or 3), each of which moves once or stays.

    ``own`` is the chance that it moves at the times the world's own films do.
    """
    low = 1 if rng.random() < 0.1 else 2
    options = SceneOptions(things=(low, 3), pairs=pairs, seconds=SECONDS)
    scene = sample_scene(rng, options)
    if rng.random() < own:
        return scene
    return replace(scene, things=tuple(_retimed(rng, thing) for thing in scene.things))


def film_of(split: Split, index: int, seed: int = 0, own: float = 0.0) -> Scene:
    """Film ``index`` of a split, always the same one."""
    pairs: Pairs = "unseen" if split == "unseen" else "seen"
    return sample_film(rng_for(split, index, seed + 77), pairs, own)


def _retimed(rng: Rng, thing: Thing) -> Thing:
    """The same way gone at another time."""
    moves = []
    for move in thing.moves:
        far = move.speed * (move.stop - move.start)
        length = float(rng.uniform(*LENGTHS)) * SECONDS
        start = float(rng.beta(EDGES, EDGES)) * (SECONDS - length)
        moves.append(Move(move.direction, start, start + length, far / length))
    return replace(thing, moves=tuple(moves))


def pictures_of(scene: Scene, size: int) -> U8:
    """(FRAMES, size, size, 3): the pictures that are looked at."""
    times = np.arange(FRAMES) * scene.seconds / FRAMES
    return np.stack([render(scene, size, float(time)).image for time in times])


def chosen(frames: U8) -> U8:
    """(T, H, W, 3) of any length -> (FRAMES, H, W, 3), evenly.

    Raises BadInput for what is no film: one picture, or pictures that are not RGB of 8 bits.
    """
    frames = np.asarray(frames)
    if frames.ndim != 4 or frames.shape[-1] != 3 or frames.dtype != np.uint8:
        raise BadInput(f"a film is (T, H, W, 3) of uint8 RGB, not {frames.shape} of {frames.dtype}")
    if len(frames) < 2:
        raise BadInput(f"a film of {len(frames)} frame(s): nothing can move in it; give 2 or more")
    return np.asarray(frames[np.arange(FRAMES) * len(frames) // FRAMES])


@dataclass(frozen=True, slots=True)
class Found:
    """A phrase and when it is true, as shares of the film."""

    phrase: str
    start: float
    stop: float


def ask_of(scene: Scene, rng: Rng, kind: AskKind) -> Question | None:
    """A question of a kind, or None when the film has none."""
    for still in STILL:
        if kind == still:
            return ask(scene, rng, still)
    return next(ask_film(scene, rng, moving) for moving in MOVING if kind == moving)


def ask_some(scene: Scene, rng: Rng, count: int) -> list[Question]:
    """``count`` questions, of kinds drawn at random; what takes more than one frame more often."""
    kinds: tuple[AskKind, ...] = (*MOVING, *MOVING, "order", "first", *STILL)
    asked: list[Question] = []
    while len(asked) < count:
        question = ask_of(scene, rng, kinds[rng.integers(len(kinds))])
        if question is not None:
            asked.append(question)
    return asked


def moves_of(scene: Scene) -> list[Found]:
    """What moves and can be named without doubt, for grounding."""
    return [
        Found(found.phrase, found.start / scene.seconds, found.stop / scene.seconds)
        for found in happenings(scene)
        if " moves " in found.phrase
    ]


def as_question(rng: Rng, phrase: str) -> Question:
    """``the red star moves left`` -> ``When does the red star move left?``."""
    name, _, way = phrase.partition(" moves ")
    text = f"When does {name} move {way}?" if rng.random() < 0.6 else f"When does {name} move?"
    return Question(text, WHEN, "when")


@dataclass(frozen=True, slots=True)
class Telling:
    """A request and the sentences that are a right answer; the first is what is learned."""

    prompt: str
    sentences: tuple[str, ...]

    @property
    def question(self) -> Question:
        """As a question that is answered by a sentence."""
        return Question(self.prompt, TELL, "tell")


def tellings(scene: Scene, rng: Rng) -> list[Telling]:
    """The whole film, and what comes first and last where that is clear."""
    made = [Telling(_pick(rng, PROMPTS), narrations(scene))]
    movers = _movers(scene)
    if not movers:
        return [*made, Telling(_pick(rng, FIRST), ("nothing moves",))]
    starts = [scene.things[i].moves[0].start for i in movers]
    if len(movers) == 1 or starts[1] - starts[0] >= APART_S:
        made.append(Telling(_pick(rng, FIRST), (_clause(scene.things[movers[0]]),)))
    if len(movers) == 1 or starts[-1] - starts[-2] >= APART_S:
        made.append(Telling(_pick(rng, LAST), (_clause(scene.things[movers[-1]]),)))
    return made


def narrations(scene: Scene) -> tuple[str, ...]:
    """The film in one sentence, in each right order; things that stay come last, from the left.

    Moves that start less than ``APART_S`` apart may be told in either order.
    """
    movers = _movers(scene)
    stay = sorted((i for i in range(len(scene.things)) if i not in movers),
                  key=lambda i: scene.things[i].x)  # fmt: skip
    told = []
    for one in permutations(movers):
        starts = [scene.things[i].moves[0].start for i in one]
        if all(b > a - APART_S for a, b in pairwise(starts)):
            told += [(one, other) for other in permutations(stay)]
    plain = (tuple(movers), tuple(stay))
    told.sort(key=lambda order: order != plain)
    return tuple(dict.fromkeys(_sentence(scene, *order) for order in told))


def _movers(scene: Scene) -> list[int]:
    moving = [i for i, thing in enumerate(scene.things) if thing.moves]
    return sorted(moving, key=lambda i: scene.things[i].moves[0].start)


def _sentence(scene: Scene, movers: tuple[int, ...], stay: tuple[int, ...]) -> str:
    moving = ", then ".join(_clause(scene.things[i]) for i in movers)
    still = ", and ".join(_clause(scene.things[i]) for i in stay)
    return ", and ".join(part for part in (moving, still) if part)


def _clause(thing: Thing) -> str:
    does = f"moves {thing.moves[0].direction}" if thing.moves else "stays"
    return f"the {noun(thing, ('colour', 'shape'))} {does}"


def _pick(rng: Rng, texts: tuple[str, ...]) -> str:
    return texts[int(rng.integers(len(texts)))]
