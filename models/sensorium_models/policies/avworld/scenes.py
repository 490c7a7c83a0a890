"""What the senses learn from: random moments in the world, with what is really there.

Every moment is observed through the environment itself, at a random place with a random heading.
Maps are those of training, sounds the heard variants, played faster and slower by a few percent,
and now and then a made-up sound that no word names, so that hearing does not hold on to the four
variants of each word.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from sensorium_models.policies.avworld.hearing import (
    ANY,
    DIRECTIONS,
    MAPS,
    RINGS,
    direction_of,
    ring_of,
)  # fmt: skip
from sensorium_models.policies.avworld.slots import COLOUR_WORDS
from sensorium_sims.avworld import sounds
from sensorium_sims.avworld.env import AVWorld
from sensorium_sims.avworld.hearing import arrival
from sensorium_sims.avworld.moving import HEADINGS
from sensorium_sims.avworld.seeing import NEAR_M, SIZE, THING_M
from sensorium_sims.avworld.tasks import Episode, Task, Thing, make_episode
from sensorium_sims.avworld.vocabulary import SOUNDS, TYPES, Look
from sensorium_sims.avworld.world import Act, World

F32 = NDArray[np.float32]
TASKS: tuple[Task, ...] = ("Refer", "Spoken", "AudioGoal", "Fetch")
OFTEN = (0.4, 0.25, 0.15, 0.2)
ROOMS = (1, 2, 4, 4, 4, 6)
PACES = (0.94, 0.97, 1.0, 1.03, 1.06)
MADE_UP = 48
"""How many sounds without a word there are, and how often one takes the place of a word's:"""
MADE_UP_SHARE = 0.12
MOMENTS = 8
"""Of each episode."""
SHOWN = 0.35
"""A thing counts as in sight where at least this share of its width shows."""
FOCUS = SIZE / 2
ASIDE = 8.0
"""Columns that one unit of "columns to its middle" stands for."""


@dataclass(frozen=True, slots=True)
class Moments:
    """Observations, and what is there. N moments."""

    pictures: NDArray[np.uint8]
    """(N, 64, 64, 3)"""
    sound: F32
    """(N, 2, 3200)"""
    depth: F32
    """(N, 64): log of the metres to the wall in each column."""
    centre: F32
    """(N, 64): 1 where the middle of a thing in sight lies."""
    about: F32
    """(N, 2, 64): of the thing in each column log of its metres ahead, and how many
    :data:`ASIDE` columns to the right its middle lies."""
    kinds: NDArray[np.int64]
    """(N, 2, 64): its colour and type; -1 where there is none."""
    heard: F32
    """(N, 9, 24, 5): see :class:`~.hearing.Hearing`."""


class Studio(AVWorld):
    """The world, where the learner may be put anywhere."""

    def __init__(self, task: Task, rooms: int) -> None:
        super().__init__(task, rooms=rooms, max_steps=1_000_000)

    def stage(self, rng: np.random.Generator) -> None:
        """Begin a random episode with altered sounds."""
        episode = make_episode(self.task, rng, self._rooms, "seen", "heard")
        self._begin(_altered(episode, rng))
        if self.task == "Spoken":
            self._speech = self._speech * np.float32(rng.uniform(0.7, 1.2))

    def put(self, rng: np.random.Generator) -> None:
        """Move the learner to a random place."""
        world = self.world
        assert world is not None
        world.x, world.y = _somewhere(world, rng)
        world.room = world.episode.world.room_at(world.x, world.y)
        world.heading = int(rng.integers(HEADINGS))

    def in_sight(self) -> tuple[F32, F32, F32, NDArray[np.int64]]:
        """Depth, centre, about and kinds of :class:`Moments`, of this moment."""
        world = self.world
        assert world is not None
        heading = world.heading * 2 * math.pi / HEADINGS
        depth = self._eye.depth(world.x, world.y, heading)
        centre = np.zeros(SIZE, np.float32)
        about = np.zeros((2, SIZE), np.float32)
        kinds = np.full((2, SIZE), -1, np.int64)
        nearest = depth.copy()  # what hides what: filled from the nearest thing on
        for ahead, across, look in _ahead(world, heading):
            middle, half = FOCUS * (1 + across / ahead), FOCUS * THING_M / 2 / ahead
            columns = np.arange(
                max(0, math.ceil(middle - half - 0.5)), min(SIZE, math.ceil(middle + half - 0.5))
            )
            shown = columns[nearest[columns] > ahead]
            nearest[columns] = np.minimum(nearest[columns], ahead)
            at = math.floor(middle)
            if len(shown) < max(1.0, SHOWN * 2 * half):
                continue
            if 0 <= at < SIZE:
                centre[at] = 1
            about[0, shown], about[1, shown] = math.log(ahead), (middle - shown - 0.5) / ASIDE
            kinds[0, shown] = COLOUR_WORDS.index(look.colour)
            kinds[1, shown] = TYPES.index(look.kind)
        return np.log(depth), centre, about, kinds


def moments(rng: np.random.Generator, count: int) -> Moments:
    """``count`` moments, :data:`MOMENTS` of each episode; the same for the same ``rng``."""
    pictures: list[NDArray[np.uint8]] = []
    heard: list[F32] = []
    labels: list[F32] = []
    things: list[tuple[F32, F32, F32, NDArray[np.int64]]] = []
    while len(pictures) < count:
        task = TASKS[int(rng.choice(len(TASKS), p=OFTEN))]
        studio = Studio(task, int(rng.choice(ROOMS)))
        studio.stage(rng)
        for _ in range(min(MOMENTS, count - len(pictures))):
            studio.put(rng)
            seen, *_ = studio.step(Act.LEFT if rng.random() < 0.5 else Act.RIGHT)
            assert studio.world is not None
            pictures.append(seen["camera"])
            heard.append(seen["audio"])
            labels.append(sounding(studio.world))
            things.append(studio.in_sight())
    depth, centre, about, kinds = zip(*things, strict=True)
    return Moments(
        np.stack(pictures), np.stack(heard), np.stack(depth), np.stack(centre), np.stack(about),
        np.stack(kinds), np.stack(labels),
    )  # fmt: skip


def sounding(world: World) -> F32:
    """(9, 24, 5): 1 where each sound arrives from, as the world knows it."""
    truth = np.zeros((MAPS, DIRECTIONS, RINGS), np.float32)
    ears = world.x, world.y, world.heading * 2 * math.pi / HEADINGS
    for thing, place in zip(world.episode.things, world.places, strict=True):
        if thing.tape is None:
            continue
        way = arrival(world.episode.world, ears, world.room, (place.x, place.y), place.room)
        at = direction_of(way.bearing), ring_of(way.distance, way.doors)
        truth[(ANY, *at)] = 1
        if thing.sound in SOUNDS:
            truth[(SOUNDS.index(thing.sound), *at)] = 1
    return truth


def _ahead(world: World, heading: float) -> list[tuple[float, float, Look]]:
    """Things before the camera, the nearest first: metres ahead, metres to the right, look."""
    cos, sin = math.cos(heading), math.sin(heading)
    found = []
    for thing, place in zip(world.episode.things, world.places, strict=True):
        dx, dy = place.x - world.x, place.y - world.y
        ahead, across = dx * cos + dy * sin, dx * sin - dy * cos
        if ahead > NEAR_M and abs(across) < ahead and not place.carried:
            found.append((ahead, across, thing.look))
    return sorted(found, key=lambda thing: thing[0])


def _somewhere(world: World, rng: np.random.Generator) -> tuple[float, float]:
    """Free of walls and things; every other time near one of the things."""
    width, depth = world.episode.world.size
    ground = world.ground
    while True:
        x, y = rng.random() * width, rng.random() * depth
        if rng.random() < 0.5:
            near = world.places[int(rng.integers(len(world.places)))]
            x, y = near.x + rng.uniform(-2, 2), near.y + rng.uniform(-2, 2)
        inside = 0 < x < width and 0 < y < depth
        clear = all(math.hypot(a - x, b - y) > 0.5 for a, b in world.solids())
        if inside and clear and ground.room_for(x, y, 0.2):
            return float(x), float(y)


def _altered(episode: Episode, rng: np.random.Generator) -> Episode:
    """The same with sounds at another pace, or made up ones."""
    said: dict[str, tuple[str, F32]] = {}
    things: list[Thing] = []
    for thing in episode.things:
        if thing.sound and thing.sound not in said:
            if rng.random() < MADE_UP_SHARE:
                said[thing.sound] = "?", made_up(int(rng.integers(MADE_UP)))
            else:
                variant, pace = int(rng.integers(sounds.HEARD)), float(rng.choice(PACES))
                said[thing.sound] = thing.sound, paced(thing.sound, variant, pace)
        sound, tape = said[thing.sound] if thing.sound else ("", None)
        things.append(dataclasses.replace(thing, sound=sound, tape=tape))
    return dataclasses.replace(episode, things=tuple(things))


@lru_cache(maxsize=256)
def paced(word: str, variant: int, pace: float) -> F32:
    """The tape of a sound, played ``pace`` times as fast (and as high)."""
    loop = sounds.loop(word, variant)
    at = np.arange(sounds.LOOP) * pace
    heard = np.interp(at, np.arange(sounds.LOOP), loop, period=sounds.LOOP)
    return sounds.unrolled(heard.astype(np.float32))


@lru_cache(maxsize=MADE_UP)
def made_up(number: int) -> F32:
    """The tape of a sound that no word names: tones or noise, steady or struck or swelling."""
    rng = np.random.default_rng([number, 4711])
    time = np.arange(sounds.LOOP) / sounds.SAMPLE_RATE
    if rng.random() < 0.5:
        low = float(np.exp(rng.uniform(np.log(80), np.log(2500))))
        bend = 1 + rng.uniform(0, 0.3) * np.sin(2 * np.pi * rng.integers(1, 8) / 2 * time)
        turned = 2 * np.pi * np.cumsum(low * bend) / sounds.SAMPLE_RATE
        falling = rng.uniform(0.3, 2)
        partials = [n for n in range(1, int(rng.integers(2, 12))) if n * low < 7000]
        wave = sum(np.sin(n * turned + rng.uniform(0, 6)) / n**falling for n in partials or [1])
    else:
        spectrum = np.fft.rfft(rng.standard_normal(sounds.LOOP))
        hertz = np.fft.rfftfreq(sounds.LOOP, 1 / sounds.SAMPLE_RATE)
        low = float(np.exp(rng.uniform(np.log(150), np.log(4000))))
        spectrum[(hertz < low) | (hertz > low * rng.uniform(1.2, 4))] = 0
        wave = np.fft.irfft(spectrum, sounds.LOOP)
    beat = (time * rng.integers(2, 25) / sounds.LOOP_S) % 1
    shape = int(rng.integers(3))
    if shape == 1:
        wave = wave * np.exp(-beat * rng.uniform(2, 12))
    elif shape == 2:
        wave = wave * np.sin(np.pi * beat) ** 2
    wave = np.asarray(wave) - np.mean(wave)
    wave *= sounds.RMS / np.sqrt(np.mean(wave**2))
    return sounds.unrolled(np.clip(wave, -1, 1))
