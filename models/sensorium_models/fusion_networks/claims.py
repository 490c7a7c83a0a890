"""A task of the synthetic world: is what is said true of what is seen and heard?

Each row is a scene of one thing that makes a sound, and a claim: "the red star is humming". The
colour may be another thing's and the sound may be another, each half of the time, so that no
modality alone, and no two of them, can do it: picture and words decide about the colour, sound and
words about the sound. Shapes are always told right: these features cannot see them.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from sensorium_models.fusion_networks.signals import (
    picture_features,
    sound_features,
    words_features,
)
from sensorium_models.fusion_networks.worlds import FusionData, Part, Rows
from sensorium_sims.avworld.sounds import HEARD, UNHEARD
from sensorium_sims.world.film import soundtrack
from sensorium_sims.world.render import render
from sensorium_sims.world.sampling import SceneOptions, Split, rng_for, scenes
from sensorium_sims.world.scene import Scene
from sensorium_sims.world.vocabulary import COLOURS, SOUNDS, Colour

F32 = NDArray[np.float32]
CLAIMS = ("as said", "looks otherwise", "sounds otherwise", "looks and sounds otherwise")
COUNTS: dict[Part, int] = {"train": 6000, "validation": 500, "test": 2000}
SCENES = SceneOptions(things=(1, 1), sounding=1.0)
PIXELS = 48
SECONDS = 1.0
HISS = (-4.5, -2.0)
"""Powers of ten: the spread of a microphone's noise."""
GAIN = (-0.5, 0.3)
"""Powers of ten: how loud it is."""
TEMPLATES = (
    "the {colour} {shape} is {sound}",
    "a {sound} {colour} {shape}",
    "i hear the {colour} {shape} {sound}",
    "something {sound}, a {colour} {shape}",
)


def claim_about(scene: Scene, rng: np.random.Generator) -> tuple[str, int]:
    """A claim, and which of :data:`CLAIMS` is right about it."""
    (thing,) = scene.things
    looks_otherwise, sounds_otherwise = bool(rng.integers(2)), bool(rng.integers(2))
    colour: Colour = thing.colour
    sound = thing.sounds[0].sound
    if looks_otherwise:
        colour = COLOURS[
            (COLOURS.index(colour) + int(rng.integers(1, len(COLOURS)))) % len(COLOURS)
        ]
    if sounds_otherwise:
        sound = SOUNDS[(SOUNDS.index(sound) + int(rng.integers(1, len(SOUNDS)))) % len(SOUNDS)]
    template = TEMPLATES[rng.integers(len(TEMPLATES))]
    words = template.format(colour=colour, shape=thing.shape, sound=sound)
    return words, looks_otherwise + 2 * sounds_otherwise


def heard(scene: Scene, seconds: float = SECONDS) -> F32:
    """(2, T) at 16 kHz: the scene's sound, all through."""
    (thing,) = scene.things
    whole = replace(thing.sounds[0], start=0.0, stop=seconds)
    return soundtrack(replace(scene, things=(replace(thing, sounds=(whole,)),)), seconds)


def _recorded(sound: F32, rng: np.random.Generator, rooms: bool) -> F32:
    """The sound with a hiss; in ``rooms`` louder or softer, with any hiss from none to a loud one.

    Learnt at one level alone, a network fails in silence: the logarithm of a band that holds
    nothing is unlike all it knows.
    """
    hiss, gain = 0.002, 1.0
    if rooms:
        hiss = rng.choice([0.0, 1.0], p=[0.15, 0.85]) * 10 ** rng.uniform(*HISS)
        gain = 10 ** rng.uniform(*GAIN)
    return (sound * gain + rng.normal(0, hiss, sound.shape).astype(np.float32)).astype(np.float32)


def _as_never_heard(scene: Scene, rng: np.random.Generator) -> Scene:
    (thing,) = scene.things
    sound = replace(thing.sounds[0], variant=HEARD + int(rng.integers(UNHEARD)))
    return replace(scene, things=(replace(thing, sounds=(sound,)),))


@lru_cache(maxsize=4)
def world(seed: int = 0, *, rooms: bool = False) -> FusionData:
    """The task: 6000 scenes to learn from, 500 to choose by, 2000 to measure with.

    ``rooms``: as microphones hear it in any room, louder or softer and with any hiss.
    """
    parts = {part: rows_of(part, count, seed, rooms=rooms) for part, count in COUNTS.items()}
    return FusionData(
        "world_rooms" if rooms else "world",
        parts["train"],
        parts["validation"],
        parts["test"],
        CLAIMS,
    )


def rows_of(
    split: Split, count: int, seed: int = 0, *, unheard: bool = False, rooms: bool = False
) -> Rows:
    """Rows of a split; ``unseen`` shows the pairs of shape and colour that training holds out.

    ``unheard`` takes variants of the sounds that are in no other rows; ``rooms`` as in
    :func:`world`.
    """
    made: dict[str, list[F32]]
    made = {"picture": [], "sound": [], "words": []}
    labels = []
    for index, scene in enumerate(scenes(split, count, SCENES, seed=seed)):
        rng = rng_for(split, index, seed + 2_000_003)
        words, label = claim_about(scene, rng)
        if unheard:
            scene = _as_never_heard(scene, rng)
        made["picture"].append(picture_features(render(scene, PIXELS).image))
        wave = _recorded(heard(scene), rng, rooms)
        made["sound"].append(sound_features(wave, 16_000))
        made["words"].append(words_features(words))
        labels.append(label)
    inputs = {name: torch.from_numpy(np.stack(rows)) for name, rows in made.items()}
    return Rows(inputs, torch.tensor(labels))
