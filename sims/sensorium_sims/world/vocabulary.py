"""The words of the world, what each looks like, and which combinations are held out."""

from __future__ import annotations

from typing import Literal

Shape = Literal[
    "circle", "square", "triangle", "diamond", "star", "heart", "cross", "ring", "moon", "arrow"
]
Colour = Literal[
    "red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink", "brown", "black"
]
Material = Literal["matte", "shiny", "striped", "dotted"]
Size = Literal["small", "large"]
Direction = Literal["left", "right", "up", "down"]

SHAPES: tuple[Shape, ...] = (
    "circle",
    "square",
    "triangle",
    "diamond",
    "star",
    "heart",
    "cross",
    "ring",
    "moon",
    "arrow",
)
RGB: dict[Colour, tuple[int, int, int]] = {
    "red": (214, 34, 40),
    "orange": (248, 132, 12),
    "yellow": (246, 214, 24),
    "green": (44, 150, 54),
    "cyan": (22, 190, 204),
    "blue": (36, 76, 208),
    "purple": (126, 46, 170),
    "pink": (246, 116, 184),
    "brown": (122, 72, 34),
    "black": (30, 30, 34),
}
COLOURS: tuple[Colour, ...] = tuple(RGB)
MATERIALS: tuple[Material, ...] = ("matte", "shiny", "striped", "dotted")
SIZES: tuple[Size, ...] = ("small", "large")
DIAMETER: dict[Size, tuple[float, float]] = {"small": (0.24, 0.28), "large": (0.38, 0.44)}
"""Longest side of a thing, as a share of the picture's side."""
DIRECTIONS: dict[Direction, tuple[int, int]] = {
    "left": (-1, 0),
    "right": (1, 0),
    "up": (0, -1),
    "down": (0, 1),
}
SOUNDS: tuple[str, ...] = (
    "humming",
    "beeping",
    "ticking",
    "buzzing",
    "ringing",
    "chirping",
    "hissing",
    "rattling",
    "whistling",
    "gurgling",
)
NUMBERS = ("no", "one", "two", "three", "four", "five", "six")


def _held_out(shape: int, colour: int) -> bool:
    return (colour + 3 * shape) % 5 == 0


UNSEEN_PAIRS: frozenset[tuple[Shape, Colour]] = frozenset(
    (shape, colour)
    for i, shape in enumerate(SHAPES)
    for j, colour in enumerate(COLOURS)
    if _held_out(i, j)
)
"""20 of the 100 pairs of shape and colour: 2 of each shape's, 2 of each colour's."""
SEEN_PAIRS: frozenset[tuple[Shape, Colour]] = (
    frozenset((shape, colour) for shape in SHAPES for colour in COLOURS) - UNSEEN_PAIRS
)
"""The other 80: all that training shows."""


def plural(noun: str) -> str:
    """``cross`` -> ``crosses``, ``heart`` -> ``hearts``."""
    return noun + ("es" if noun.endswith("s") else "s")


def article(words: str) -> str:
    """``orange heart`` -> ``an orange heart``."""
    return ("an " if words[0] in "aeiou" else "a ") + words
