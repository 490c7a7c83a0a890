"""BabyAI's language: what an instruction asks for, as data.

The grammar is that of Chevalier-Boisvert et al., 2019, "BabyAI: A Platform to Study the Sample
Efficiency of Grounded Language Learning"::

    sentence = part { ", then " part } [ " after you " part ]
    part     = clause { " and " clause }
    clause   = "go to" thing | "pick up" thing | "open" thing | "put" thing "next to" thing
    thing    = ("the" | "a" | "an") [colour] (kind | "object") [place]
    place    = "in front of you" | "behind you" | "on your left" | "on your right"
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

from sensorium.errors import BadInput

KINDS = ("box", "ball", "key", "door")
COLORS = ("red", "green", "blue", "purple", "yellow", "grey")
Verb = Literal["go to", "pick up", "open", "put"]
Place = Literal["front", "behind", "left", "right"]

_PLACES: dict[str, Place] = {
    "in front of you": "front",
    "behind you": "behind",
    "on your left": "left",
    "on your right": "right",
}
_THING = re.compile(
    rf"(?:the|an?) (?:(?P<color>{'|'.join(COLORS)}) )?"
    rf"(?P<kind>{'|'.join(KINDS)}|object)(?: (?P<place>{'|'.join(_PLACES)}))?"
)
_CLAUSE = re.compile(r"(?P<verb>go to|pick up|open|put) (?P<rest>.+)")


@dataclass(frozen=True, slots=True)
class Described:
    """Things that an instruction means; None is any."""

    kind: str | None = None
    color: str | None = None
    place: Place | None = None
    """Where it lay when the episode began, seen from the agent; then in the agent's own room."""

    def __str__(self) -> str:
        """In BabyAI's words: "the red ball on your left"."""
        words = ["the", self.color or "", self.kind or "object"]
        words += [said for said, place in _PLACES.items() if place == self.place]
        return " ".join(word for word in words if word)


@dataclass(frozen=True, slots=True)
class Goal:
    """One thing to do."""

    verb: Verb
    thing: Described
    beside: Described | None = None
    """Of ``put``: what it is put next to."""

    def __str__(self) -> str:
        """In BabyAI's words: "put the red ball next to the box"."""
        said = f"{self.verb} {self.thing}"
        return said if self.beside is None else f"{said} next to {self.beside}"


Group = tuple[Goal, ...]
"""Goals that may be reached in any order."""


def parse(instruction: str) -> tuple[Group, ...]:
    """What is to be done, group after group.

    Raises :class:`BadInput` naming the words that are not in the language.
    """
    said = " ".join(instruction.lower().strip().rstrip(".").split())
    first, _, before = said.partition(" after you ")
    parts = [part for half in (before, first) if half for part in re.split(r",? then ", half)]
    groups = tuple(_group(part) for part in parts)
    if not groups:
        raise BadInput("the instruction is empty: there is nothing to do")
    return groups


def _group(part: str) -> Group:
    return tuple(_clause(clause.strip(" ,")) for clause in part.split(" and "))


def _clause(clause: str) -> Goal:
    found = _CLAUSE.fullmatch(clause)
    if found is None:
        raise BadInput(
            f"{clause!r} is not understood: a clause begins with go to, pick up, open or put"
        )
    verb, rest = found["verb"], found["rest"]
    if verb != "put":
        thing = _thing(rest)
        return Goal(verb, replace(thing, kind="door") if verb == "open" else thing)  # type: ignore[arg-type]
    moved, joint, beside = rest.partition(" next to ")
    if not joint:
        raise BadInput(f"{clause!r} is not understood: put it next to what?")
    return Goal("put", _thing(moved), _thing(beside))


def _thing(words: str) -> Described:
    found = _THING.fullmatch(words)
    if found is None:
        raise BadInput(
            f"{words!r} is not understood: a thing is the or a, perhaps a colour "
            f"({', '.join(COLORS)}), a kind ({', '.join(KINDS)} or object), perhaps a place "
            f"({', '.join(_PLACES)})"
        )
    kind = found["kind"]
    return Described(
        None if kind == "object" else kind,
        found["color"],
        _PLACES[found["place"]] if found["place"] else None,
    )
