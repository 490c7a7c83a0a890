"""Prompts for text to image in GenEval's six tasks, and whether a picture shows what they say.

Ghosh et al., "GenEval: An Object-Focused Framework for Evaluating Text-to-Image Alignment", 2023.
GenEval finds objects with a detector; here :func:`~sensorium_sims.world.judge.look` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import BadInput
from sensorium_sims.world.judge import look
from sensorium_sims.world.relations import RELATIONS, Placed, Relation, holds
from sensorium_sims.world.sampling import Pairs, Rng, SceneOptions, pairs_of, sample_scene
from sensorium_sims.world.scene import Scene
from sensorium_sims.world.vocabulary import (
    NUMBERS,
    Colour,
    Shape,
    article,
    plural,
)

Task = Literal["single", "two", "count", "colour", "position", "attribution"]
TASKS: tuple[Task, ...] = get_args(Task)


@dataclass(frozen=True, slots=True)
class Want:
    """A thing that must be there; ``colour`` None is any colour."""

    shape: Shape
    colour: Colour | None = None

    def __str__(self) -> str:
        return f"{self.colour} {self.shape}" if self.colour else self.shape


@dataclass(frozen=True, slots=True)
class Prompt:
    """``text`` asks for the ``wants``; ``relation`` holds between the first and the second."""

    task: Task
    text: str
    wants: tuple[Want, ...]
    relation: Relation | None = None


def sample_prompt(rng: Rng, task: Task, pairs: Pairs = "seen") -> Prompt:
    """A prompt; ``pairs`` says which shapes may go with which colours in it.

    The tasks without colours (single, two, count, position) name shapes only, as GenEval's do.
    """
    if task not in TASKS:
        raise BadInput(f"no task {task!r}; there are: {', '.join(TASKS)}")
    allowed = pairs_of(SceneOptions(pairs=pairs))
    shape, colour = allowed[rng.integers(len(allowed))]
    others = [pair for pair in allowed if pair[0] != shape and pair[1] != colour]
    shape2, colour2 = others[rng.integers(len(others))]
    if task == "single":
        return Prompt(task, article(shape), (Want(shape),))
    if task == "colour":
        return Prompt(task, article(f"{colour} {shape}"), (Want(shape, colour),))
    if task == "count":
        count = int(rng.integers(2, 5))
        return Prompt(task, f"{NUMBERS[count]} {plural(shape)}", (Want(shape),) * count)
    wants: tuple[Want, ...] = (Want(shape), Want(shape2))
    if task == "attribution":
        wants = (Want(shape, colour), Want(shape2, colour2))
    relation = RELATIONS[rng.integers(4)] if task == "position" else None
    text = f"{article(str(wants[0]))} {relation or 'and'} {article(str(wants[1]))}"
    return Prompt(task, text, wants, relation)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a picture shows what a prompt says, and if not, why not."""

    correct: bool
    reason: str = ""


def judge(image: NDArray[np.uint8], prompt: Prompt, *, strict: bool = True) -> Verdict:
    """Look at a picture (H, W, 3) and say whether it shows what the prompt asks for.

    ``strict`` also wants nothing else to be there; GenEval itself checks that for counts only.
    """
    return meets(look(image), prompt, strict=strict)


def meets(things: Sequence[Placed], prompt: Prompt, *, strict: bool = True) -> Verdict:
    """The same of things already seen, or of a scene's own."""
    if (strict or prompt.task == "count") and len(things) != len(prompt.wants):
        counted = things if strict else [t for t in things if t.shape == prompt.wants[0].shape]
        if len(counted) != len(prompt.wants):
            return Verdict(False, f"{len(counted)} things where {len(prompt.wants)} were asked for")
    fitting = [
        chosen
        for chosen in permutations(things, len(prompt.wants))
        if all(_fits(thing, want) for thing, want in zip(chosen, prompt.wants, strict=True))
    ]
    if not fitting:
        missing = [str(w) for w in prompt.wants if not any(_fits(t, w) for t in things)]
        return Verdict(False, f"no {missing[0]}" if missing else "too few of a kind")
    if prompt.relation and not any(holds(c[0], prompt.relation, c[1]) for c in fitting):
        return Verdict(False, f"the first is not {prompt.relation} the second")
    return Verdict(True)


def _fits(thing: Placed, want: Want) -> bool:
    return thing.shape == want.shape and want.colour in (None, thing.colour)


def scene_for(rng: Rng, prompt: Prompt, pairs: Pairs = "all") -> Scene:
    """A scene that shows what a prompt asks for and no more: the judge's own touchstone."""
    count = len(prompt.wants)
    options = SceneOptions(things=(count, count), pairs=pairs)
    while True:
        scene = sample_scene(rng, options)
        things = tuple(
            replace(thing, shape=want.shape, colour=want.colour or thing.colour)
            for thing, want in zip(scene.things, prompt.wants, strict=True)
        )
        scene = replace(scene, things=things)
        apart = all(scene.gap(i, j) >= 0.03 for i in range(count) for j in range(i))
        if apart and (not prompt.relation or holds(things[0], prompt.relation, things[1], 0.14)):
            return scene
