"""The world from above, for people."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sensorium_sims.avworld.moving import AGENT_M, COS, SIN, THING_M
from sensorium_sims.avworld.vocabulary import COLOURS
from sensorium_sims.avworld.world import World

U8 = NDArray[np.uint8]
SIDE = 256
"""Pixels of each of the two pictures."""


def draw_scene(world: World, seen: U8) -> U8:
    """(SIDE, 2 * SIDE, 3): the camera's picture enlarged, and the map; rings are sounds."""
    zoom = SIDE // len(seen)
    enlarged = seen.repeat(zoom, axis=0).repeat(zoom, axis=1)
    return np.concatenate([enlarged, draw_map(world)], axis=1)


def draw_map(world: World) -> U8:
    """(SIDE, SIDE, 3): north is up."""
    width, depth = world.episode.world.size
    scale = (SIDE - 8) / max(width, depth)
    rows, columns = np.mgrid[0:SIDE, 0:SIDE]
    x, y = (columns - 4) / scale, (SIDE - 4 - rows) / scale
    picture = np.full((SIDE, SIDE, 3), 24, np.uint8)
    picture[(x >= 0) & (x <= width) & (y >= 0) & (y <= depth)] = 70
    thick = 1.5 / scale
    for at, low, high in world.episode.world.upright.tolist():
        picture[(abs(x - at) < thick) & (y >= low) & (y <= high)] = 200
    for at, low, high in world.episode.world.level.tolist():
        picture[(abs(y - at) < thick) & (x >= low) & (x <= high)] = 200
    for index, (thing, place) in enumerate(zip(world.episode.things, world.places, strict=True)):
        if place.carried:
            continue
        far = np.hypot(x - place.x, y - place.y)
        size = THING_M if thing.solid else THING_M * 0.6
        square = np.maximum(abs(x - place.x), abs(y - place.y))
        inside = square < size * 0.85 if thing.look.kind == "box" else far < size
        picture[inside] = COLOURS[thing.look.colour]
        if thing.sound:
            picture[abs(far - 0.55) < thick] = COLOURS[thing.look.colour]
        if index == world.episode.target:
            picture[abs(square - 0.8) < thick] = (255, 255, 255)
    _draw_agent(picture, world, x, y)
    return picture


def _draw_agent(picture: U8, world: World, x: NDArray[np.float64], y: NDArray[np.float64]) -> None:
    picture[np.hypot(x - world.x, y - world.y) < AGENT_M * 1.2] = (255, 255, 255)
    dx, dy = x - world.x, y - world.y
    ahead = dx * COS[world.heading] + dy * SIN[world.heading]
    aside = abs(dy * COS[world.heading] - dx * SIN[world.heading])
    nose = (ahead > 0) & (ahead < 0.7) & (aside < 0.08)
    picture[nose] = (255, 255, 255)
