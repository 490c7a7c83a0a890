"""Questions about a still scene with one right answer each, of the kinds of CLEVR.

Johnson et al., "CLEVR: A Diagnostic Dataset for Compositional Language and Elementary Visual
Reasoning", 2017: exist, count, query, compare and relation. Yes and no are equally likely where a
scene allows both, and what is asked for in vain differs from something there in one attribute, so
that a guess without looking earns little.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, get_args

from sensorium.errors import BadInput
from sensorium_sims.world.captions import ORDER, Attribute, noun, refer
from sensorium_sims.world.relations import RELATIONS, clear_relation, holds
from sensorium_sims.world.sampling import Rng
from sensorium_sims.world.scene import Scene, Thing
from sensorium_sims.world.vocabulary import (
    COLOURS,
    DIRECTIONS,
    MATERIALS,
    NUMBERS,
    SHAPES,
    SIZES,
    SOUNDS,
    article,
    plural,
)

Kind = Literal["exist", "count", "query", "relation", "across", "compare_number", "compare"]
KINDS: tuple[Kind, ...] = get_args(Kind)
VALUES: dict[Attribute, tuple[str, ...]] = {
    "size": SIZES,
    "material": MATERIALS,
    "colour": COLOURS,
    "shape": SHAPES,
}
ANSWERS: tuple[str, ...] = (
    "yes", "no", *(str(n) for n in range(len(NUMBERS))), *SIZES, *MATERIALS, *COLOURS, *SHAPES,
    *DIRECTIONS, "nowhere", "nothing", *SOUNDS,
)  # fmt: skip
"""Every answer there is, in a fixed order."""


@dataclass(frozen=True, slots=True)
class Question:
    """``things`` are the places in the scene that the answer rests on."""

    text: str
    answer: str
    kind: str
    things: tuple[int, ...] = ()


def ask(scene: Scene, rng: Rng, kind: Kind) -> Question | None:
    """A question of a kind, or None when this scene has none without two answers."""
    if kind not in _MAKERS:
        raise BadInput(f"no questions of kind {kind!r}; there are: {', '.join(KINDS)}")
    return _MAKERS[kind](scene, rng)


def ask_any(scene: Scene, rng: Rng) -> Question:
    """A question of a kind drawn at random among those this scene has (it always has some)."""
    for place in rng.permutation(len(KINDS)):
        question = ask(scene, rng, KINDS[place])
        if question is not None:
            return question
    raise AssertionError("unreachable: existence can always be asked")


def _pick(rng: Rng, values: tuple[str, ...]) -> str:
    return values[int(rng.integers(len(values)))]


def _some(rng: Rng) -> tuple[Attribute, ...]:
    options: tuple[tuple[Attribute, ...], ...] = (
        ("shape",), ("colour",), ("colour", "shape"), ("size", "shape"),
        ("material", "shape"), ("size", "colour", "shape"),
    )  # fmt: skip
    return options[int(rng.integers(len(options)))]


def _members(scene: Scene, attributes: tuple[Attribute, ...], name: str) -> tuple[int, ...]:
    return tuple(i for i, t in enumerate(scene.things) if noun(t, attributes) == name)


def _near_miss(thing: Thing, attributes: tuple[Attribute, ...], rng: Rng) -> Thing:
    changed = attributes[int(rng.integers(len(attributes)))]
    others = tuple(v for v in VALUES[changed] if v != getattr(thing, changed))
    return replace(thing, **{changed: _pick(rng, others)})  # type: ignore[arg-type]


def _exist(scene: Scene, rng: Rng) -> Question | None:
    attributes = _some(rng)
    wanted = scene.things[int(rng.integers(len(scene.things)))]
    if rng.random() < 0.5:
        wanted = _near_miss(wanted, attributes, rng)
    name = noun(wanted, attributes)
    there = _members(scene, attributes, name)
    return Question(f"Is there {article(name)}?", "yes" if there else "no", "exist", there)


def _count(scene: Scene, rng: Rng) -> Question | None:
    options: tuple[tuple[Attribute, ...], ...] = (("shape",), ("colour",), ("size",), ())
    attributes = options[int(rng.integers(len(options)))]
    wanted = scene.things[int(rng.integers(len(scene.things)))]
    if attributes and rng.random() < 0.2:
        wanted = _near_miss(wanted, attributes, rng)
    name = noun(wanted, attributes)
    there = _members(scene, attributes, name)
    return Question(f"How many {plural(name)} are there?", str(len(there)), "count", there)


def _query(scene: Scene, rng: Rng) -> Question | None:
    attribute = ORDER[int(rng.integers(len(ORDER)))]
    index = int(rng.integers(len(scene.things)))
    name = "the thing" if len(scene.things) == 1 else refer(scene, index, without=attribute)
    if name is None:
        return None
    return Question(_what(attribute, name), getattr(scene.things[index], attribute), "query",
                    (index,))  # fmt: skip


def _what(attribute: Attribute, name: str) -> str:
    if attribute == "size":
        return f"Is {name} small or large?"
    return f"What {attribute} is {name}?"


def _two(scene: Scene, rng: Rng) -> tuple[int, int] | None:
    if len(scene.things) < 2:
        return None
    one, other = rng.permutation(len(scene.things))[:2]
    return int(one), int(other)


def _relation(scene: Scene, rng: Rng) -> Question | None:
    two = _two(scene, rng)
    if two is None:
        return None
    names = [refer(scene, i) for i in two]
    true = clear_relation(scene, *two)
    if true is None or None in names:
        return None
    a, b = (scene.things[i] for i in two)
    said = true
    if rng.random() < 0.5:  # one that is clearly false: on the other side
        false = [r for r in RELATIONS if not holds(a, r, b, least=-0.05)]
        if not false:
            return None
        said = false[int(rng.integers(len(false)))]
    return Question(f"Is {names[0]} {said} {names[1]}?", "yes" if said == true else "no",
                    "relation", two)  # fmt: skip


def _across(scene: Scene, rng: Rng) -> Question | None:
    """``What colour is the thing above the red star?``: a relation leads to what is asked."""
    index = int(rng.integers(len(scene.things)))
    name = refer(scene, index)
    relation = RELATIONS[int(rng.integers(4))]
    anchor = scene.things[index]
    others = [i for i in range(len(scene.things)) if i != index]
    there = [i for i in others if holds(scene.things[i], relation, anchor, least=0.0)]
    sure = [i for i in there if clear_relation(scene, i, index) == relation]
    if name is None or len(there) != 1 or there != sure:
        return None
    attribute = ORDER[int(rng.integers(len(ORDER)))]
    answer = getattr(scene.things[sure[0]], attribute)
    return Question(_what(attribute, f"the thing {relation} {name}"), answer, "across",
                    (sure[0], index))  # fmt: skip


def _compare_number(scene: Scene, rng: Rng) -> Question | None:
    attribute: Attribute = "shape" if rng.random() < 0.5 else "colour"
    two = _two(scene, rng)
    if two is None:
        return None
    names = [noun(scene.things[i], (attribute,)) for i in two]
    if names[0] == names[1]:
        return None
    sets = [_members(scene, (attribute,), name) for name in names]
    if len(sets[0]) == len(sets[1]) and rng.random() > 0.12:  # most sets are equal
        return None
    more = len(sets[0]) > len(sets[1])
    text = f"Are there more {plural(names[0])} than {plural(names[1])}?"
    return Question(text, "yes" if more else "no", "compare_number", sets[0] + sets[1])


def _compare(scene: Scene, rng: Rng) -> Question | None:
    two = _two(scene, rng)
    if two is None:
        return None
    attribute = ORDER[int(rng.integers(len(ORDER)))]
    names = [refer(scene, i, without=attribute) for i in two]
    if None in names:
        return None
    values = [getattr(scene.things[i], attribute) for i in two]
    if attribute == "size":
        text = f"Is {names[0]} larger than {names[1]}?"
        answer = values == ["large", "small"]
    else:
        text = f"Are {names[0]} and {names[1]} of the same {attribute}?"
        answer = values[0] == values[1]
    if not answer and rng.random() > 0.2:  # most things differ
        return None
    return Question(text, "yes" if answer else "no", "compare", two)


_MAKERS: dict[Kind, Callable[[Scene, Rng], Question | None]] = {
    "exist": _exist,
    "count": _count,
    "query": _query,
    "relation": _relation,
    "across": _across,
    "compare_number": _compare_number,
    "compare": _compare,
}
