"""What a scene holds: things on a wall, seen straight on, still or moving, silent or heard.

Lengths are shares of the picture's side, x to the right and y down; times are seconds; depth is
metres from the camera, the wall being about 4 m away. A scene is data: it holds no pixel.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any, Literal, Self

from sensorium.errors import BadInput
from sensorium_sims.world.outlines import reach
from sensorium_sims.world.vocabulary import (
    COLOURS,
    DIRECTIONS,
    MATERIALS,
    SHAPES,
    SIZES,
    Colour,
    Direction,
    Material,
    Shape,
    Size,
)

BackgroundKind = Literal["plain", "gradient", "grain", "tiles", "planks"]


@dataclass(frozen=True, slots=True)
class Move:
    """A straight move at ``speed`` (sides a second) from second ``start`` to ``stop``."""

    direction: Direction
    start: float
    stop: float
    speed: float

    def offset(self, time: float) -> tuple[float, float]:
        """How far it has gone at ``time``: (dx, dy)."""
        far = self.speed * (min(max(time, self.start), self.stop) - self.start)
        dx, dy = DIRECTIONS[self.direction]
        return dx * far, dy * far


@dataclass(frozen=True, slots=True)
class Sounding:
    """The ``sound`` a thing makes from second ``start`` to ``stop``; ``variant`` as in avworld."""

    sound: str
    start: float
    stop: float
    variant: int = 0


@dataclass(frozen=True, slots=True)
class Thing:
    """One object: its looks, its centre (``x``, ``y``), its ``depth`` and what it does.

    ``diameter`` is its longest side and agrees with ``size``; ``angle`` is in degrees.
    """

    shape: Shape
    colour: Colour
    size: Size
    material: Material
    x: float
    y: float
    diameter: float
    depth: float = 2.0
    angle: float = 0.0
    moves: tuple[Move, ...] = ()
    sounds: tuple[Sounding, ...] = ()

    def __post_init__(self) -> None:
        for value, known in (
            (self.shape, SHAPES),
            (self.colour, COLOURS),
            (self.size, SIZES),
            (self.material, MATERIALS),
        ):
            if value not in known:
                raise BadInput(f"the world has no {value!r}; it has: {', '.join(known)}")
        if not 0 < self.depth < 4:
            raise BadInput(f"depth is {self.depth} m: a thing hangs between 0 and 4 m")

    def at(self, time: float) -> tuple[float, float]:
        """Its centre at a time."""
        gone = [move.offset(time) for move in self.moves]
        return self.x + sum(dx for dx, _ in gone), self.y + sum(dy for _, dy in gone)

    @property
    def radius(self) -> float:
        """Of the circle around it, whichever way it is turned."""
        return reach(self.shape) * self.diameter

    def velocity(self, time: float) -> tuple[float, float]:
        """(vx, vy) in sides a second at a time."""
        vx = vy = 0.0
        for move in self.moves:
            if move.start <= time < move.stop:
                dx, dy = DIRECTIONS[move.direction]
                vx, vy = vx + dx * move.speed, vy + dy * move.speed
        return vx, vy


@dataclass(frozen=True, slots=True)
class Background:
    """The wall: its kind, its colour (RGB), and a ``seed`` for its grain."""

    kind: BackgroundKind = "plain"
    rgb: tuple[int, int, int] = (222, 222, 222)
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Scene:
    """Things before a wall, for ``seconds`` (0 is a still picture)."""

    things: tuple[Thing, ...]
    background: Background = field(default_factory=Background)
    seconds: float = 0.0

    def gap(self, one: int, other: int, time: float = 0.0) -> float:
        """Free space between two things' bounding circles; negative when they may overlap."""
        a, b = self.things[one], self.things[other]
        (ax, ay), (bx, by) = a.at(time), b.at(time)
        return math.hypot(ax - bx, ay - by) - a.radius - b.radius

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> Self:
        """The scene :meth:`as_dict` came from; raises BadInput for anything else."""
        try:
            things = tuple(
                Thing(
                    **{
                        **thing,
                        "moves": tuple(Move(**move) for move in thing["moves"]),
                        "sounds": tuple(Sounding(**sound) for sound in thing["sounds"]),
                    }
                )
                for thing in plain["things"]
            )
            wall = plain["background"]
            background = Background(wall["kind"], tuple(wall["rgb"]), wall["seed"])
            return cls(things, background, plain["seconds"])
        except (KeyError, TypeError) as error:
            raise BadInput(f"not a scene: {error!r}") from error
