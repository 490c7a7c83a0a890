"""What a prompt asks for: the things it tells, and words that the bundled model does not know."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from sensorium_sims.world.relations import OPPOSITE, RELATIONS, Relation
from sensorium_sims.world.vocabulary import COLOURS, NUMBERS, SHAPES, SIZES, plural

MEANT: dict[str, str] = {
    "cube": "square", "cubes": "squares", "box": "square", "boxes": "squares", "ball": "circle",
    "balls": "circles", "sphere": "circle", "spheres": "circles", "disc": "circle",
    "disk": "circle", "rhombus": "diamond", "crescent": "moon", "plus": "cross", "big": "large",
    "huge": "large", "little": "small", "tiny": "small", "grey": "black", "gray": "black",
    "violet": "purple", "over": "above", "under": "below", "beneath": "below",
    "underneath": "below", "turquoise": "cyan", "rose": "pink", "another": "a", "1": "one",
    "2": "two", "3": "three", "4": "four",
}  # fmt: skip
"""Words that people use, and what comes nearest to them in the flat world."""
PHRASES = (
    (r"\b(?:on|at|to) the (left|right) (?:side )?of\b", r"to the \1 of"),
    (r"(?<!the )\b(left|right) of\b", r"to the \1 of"),
    (r"\bon top of\b", "above"),
    (r"\b(?:next to|beside|with)\b", "and"),
)
_PLURALS = {plural(shape): shape for shape in SHAPES}
_WORDS = re.compile(r"[^\W_]+|[^\w\s]", re.UNICODE)


@dataclass(frozen=True, slots=True)
class Named:
    """One thing that a prompt asks for; None is what it leaves open.

    ``side`` is where it is, beside the other of two things.
    """

    shape: str
    colour: str | None = None
    size: str | None = None
    side: Relation | None = None


def in_world_words(text: str) -> str:
    """The prompt in the words of the world: a cube is a square, a ball a circle."""
    said = " ".join(MEANT.get(word, word) for word in _WORDS.findall(text.lower()))
    for pattern, better in PHRASES:
        said = re.sub(pattern, better, said)
    return re.sub(r"\s+([,.!?])", r"\1", said).strip(" .!?")


def unknown_words(text: str, known: Collection[str]) -> list[str]:
    """Words of a prompt that are not among the ``known``, in order, once each."""
    words = _WORDS.findall(text.lower())
    return [word for word in dict.fromkeys(words) if word not in known]


def parse(text: str) -> tuple[Named, ...]:
    """The things that a caption of the world names, in its order; a number names several."""
    found: list[Named] = []
    count, colour, size = 1, None, None
    relation: Relation | None = next((r for r in RELATIONS if f" {r} " in text), None)
    for word in _WORDS.findall(text.lower()):
        if word in NUMBERS[1:]:
            count = NUMBERS.index(word)
        elif word in ("a", "an"):
            count, colour, size = 1, None, None
        elif word in COLOURS:
            colour = word
        elif word in SIZES:
            size = word
        elif word in SHAPES or word in _PLURALS:
            found += [Named(_PLURALS.get(word, word), colour, size)] * count
            count, colour, size = 1, None, None
    if relation is None or len(found) != 2:
        return tuple(found)
    one, other = found
    return (
        Named(one.shape, one.colour, one.size, relation),
        Named(other.shape, other.colour, other.size, OPPOSITE[relation]),
    )
