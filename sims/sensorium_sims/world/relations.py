"""Who is left of, right of, above or below whom."""

from __future__ import annotations

from typing import Literal, Protocol

from sensorium_sims.world.scene import Scene
from sensorium_sims.world.vocabulary import Colour, Shape

Relation = Literal["to the left of", "to the right of", "above", "below"]
RELATIONS: tuple[Relation, ...] = ("to the left of", "to the right of", "above", "below")
OPPOSITE: dict[Relation, Relation] = {
    "to the left of": "to the right of",
    "to the right of": "to the left of",
    "above": "below",
    "below": "above",
}
LEAST = 0.1
"""Centres at least this share of the side apart are left, right, above or below."""
CLEAR = 0.16
"""Sentences are only made of relations at least this clear."""


class Placed(Protocol):
    """What has a look and a place: a thing of a scene, or one seen in a picture."""

    @property
    def shape(self) -> Shape | None:
        """None when a picture does not say."""

    @property
    def colour(self) -> Colour:
        """Its colour."""

    @property
    def x(self) -> float:
        """Of its centre, to the right, as a share of the side."""

    @property
    def y(self) -> float:
        """Of its centre, down, as a share of the side."""


def holds(one: Placed, relation: Relation, other: Placed, least: float = LEAST) -> bool:
    """Whether ``one`` is left of, right of, above or below ``other``."""
    dx, dy = one.x - other.x, one.y - other.y
    return {
        "to the left of": -dx,
        "to the right of": dx,
        "above": -dy,
        "below": dy,
    }[relation] >= least


def clear_relation(scene: Scene, one: int, other: int) -> Relation | None:
    """The one relation a person would name, or None when two would do as well."""
    a, b = scene.things[one], scene.things[other]
    dx, dy = a.x - b.x, a.y - b.y
    if max(abs(dx), abs(dy)) < CLEAR or abs(abs(dx) - abs(dy)) < 0.06:
        return None
    if abs(dx) > abs(dy):
        return "to the left of" if dx < 0 else "to the right of"
    return "above" if dy < 0 else "below"
