"""What two ears hear: distance, direction, and the way of a sound through doors.

The differences in time between the ears are those of a rigid ball (Woodworth and Schlosberg 1954,
``a / c (sin θ + θ)``), up to 0.66 ms. The far ear is quieter and duller, what is behind is a
little duller, and what comes through a door comes from the direction of the door, with the length
of the whole way, quieter and duller for each door.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sensorium_sims.avworld.maps import Map
from sensorium_sims.avworld.sounds import CHUNK, LEAD, LOOP, SAMPLE_RATE

F32 = NDArray[np.float32]

HEAD_M = 0.0875
SOUND_M_S = 343.0
NEAREST_M = 0.5
"""A sound grows no louder when it comes nearer than this."""
DOOR_GAIN = 0.6
NOISE_RMS = 0.0008
FADE = 160
"""Samples (10 ms) in which the last place of a sound fades into the new one."""
_FADING = np.linspace(0, 1, FADE, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Arrival:
    """How a sound reaches the listener."""

    bearing: float
    """Radians, counter-clockwise from straight ahead: positive is left."""
    distance: float
    """Of the whole way, m."""
    doors: int
    """On the way and not in plain sight."""


class Voice:
    """One loop that is playing, with what it sounded like in the last step.

    ``tape`` is that of :func:`sensorium_sims.avworld.sounds.tape`.
    """

    def __init__(self, tape: F32, begin: int) -> None:
        self._tape = tape
        self._at = begin % LOOP
        self._last: list[tuple[int, F32]] | None = None

    def play(self, arrival: Arrival | None, out: F32) -> None:
        """Add the next chunk to ``out`` (2, CHUNK); None is silence, while time goes on."""
        now = None if arrival is None else [_ear(arrival, 1), _ear(arrival, -1)]
        begin = self._at
        self._at = (begin + CHUNK) % LOOP
        last, self._last = self._last, now
        if now is None and last is None:
            return
        for ear in (0, 1):
            old = 0.0 if last is None else self._slice(begin, FADE, last[ear])
            if now is None:
                out[ear, :FADE] += old * _FADING[::-1]
                continue
            heard = self._slice(begin, CHUNK, now[ear])
            heard[:FADE] += (old - heard[:FADE]) * _FADING[::-1]
            out[ear] += heard

    def _slice(self, begin: int, length: int, ear: tuple[int, F32]) -> F32:
        delay, weights = ear
        start = begin + LEAD - delay
        heard: F32 = weights @ self._tape[:, start : start + length]
        return heard


def _ball(angle: float) -> float:
    """Seconds by which a sound reaches the near ear sooner, ``angle`` off the middle."""
    return HEAD_M / SOUND_M_S * (math.sin(angle) + angle)


_LATEST = _ball(math.pi / 2)


def _ear(arrival: Arrival, side: int) -> tuple[int, F32]:
    """Whole samples of delay, and the weights of plain and muffled, sooner and later samples.

    ``side`` is 1 for the left ear and -1 for the right one.
    """
    lateral = math.sin(arrival.bearing) * side  # 1: straight at this ear
    angle = math.asin(max(-1.0, min(1.0, lateral)))
    delay, part = divmod((_LATEST - _ball(angle)) / 2 * SAMPLE_RATE, 1.0)
    shadow = max(0.0, -lateral)
    gain = DOOR_GAIN**arrival.doors / max(arrival.distance, NEAREST_M)
    gain *= 1.0 - 0.35 * shadow
    dull = 0.35 * shadow + 0.2 * (1 - math.cos(arrival.bearing)) / 2
    dull = min(0.95, dull + (0.5 if arrival.doors else 0.0) + 0.1 * max(0, arrival.doors - 1))
    clear = 1 - dull
    weights = np.array([clear * (1 - part), clear * part, dull * (1 - part), dull * part])
    return int(delay), (gain * weights).astype(np.float32)


def arrival(
    world: Map,
    ears: tuple[float, float, float],
    room: int,
    source: tuple[float, float],
    source_room: int,
) -> Arrival:
    """The way of a sound at ``source`` to a listener at ``ears`` (x, y, heading in radians)."""
    x, y, heading = ears
    sx, sy = source
    if room == source_room or in_sight(world, x, y, sx, sy):
        distance = math.hypot(sx - x, sy - y)
        return Arrival(_bearing(sx - x, sy - y, heading), distance, 0)
    near, far = world.doors_of(room), world.doors_of(source_room)
    to_near = np.hypot(world.doors[near, 0] - x, world.doors[near, 1] - y)
    from_far = np.hypot(world.doors[far, 0] - sx, world.doors[far, 1] - sy)
    ways = to_near[:, None] + world.between[near[:, None], far] + from_far
    best, end = divmod(int(ways.argmin()), len(far))
    door = world.doors[near[best]]
    hops = int(world.hops[near[best], far[end]])
    bearing = _bearing(float(door[0]) - x, float(door[1]) - y, heading)
    return Arrival(bearing, float(ways[best, end]), hops)


def in_sight(world: Map, x: float, y: float, to_x: float, to_y: float) -> bool:
    """Whether no wall stands between two points."""
    dx, dy = to_x - x, to_y - y
    for wall in world.upright.tolist():
        if (x - wall[0]) * (to_x - wall[0]) < 0 and wall[1] <= y + dy * (wall[0] - x) / dx <= wall[
            2
        ]:
            return False
    for wall in world.level.tolist():
        if (y - wall[0]) * (to_y - wall[0]) < 0 and wall[1] <= x + dx * (wall[0] - y) / dy <= wall[
            2
        ]:
            return False
    return True


def _bearing(dx: float, dy: float, heading: float) -> float:
    angle = math.atan2(dy, dx) - heading
    return (angle + math.pi) % (2 * math.pi) - math.pi
