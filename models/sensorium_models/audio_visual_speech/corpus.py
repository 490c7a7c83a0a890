"""Commands of the synthetic world, said by a voice with a face: to learn from and to measure on.

Sentences, faces and cameras follow from the seed alone, voices from the split: the voices and faces
that are measured with were never heard or seen in training.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from sensorium_models.audio_visual_speech.espeak import Split, espeak_voice, voices_of
from sensorium_models.audio_visual_speech.lips import SIDE, cut, grey
from sensorium_models.speech.waveform import SAMPLE_RATE
from sensorium_sims.world.face import FPS, Talk, sample_identity, talk
from sensorium_sims.world.lips import Camera, filmed
from sensorium_sims.world.noise import babble
from sensorium_sims.world.pronunciation import sample_command
from sensorium_sims.world.sampling import Rng
from sensorium_sims.world.speech import Phone

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]
POOR = Camera(detail=4, blur=0.5, noise=130.0, shake=1.0, lost=0.1)
"""What lips are measured with, in the dark: by them alone about half of the words are right."""


@dataclass(frozen=True, slots=True)
class Clip:
    """One command: ``samples`` (N,) at 16 kHz, ``takes`` each (T, 24, 24) uint8 grey at 25 a s."""

    text: str
    voice: str
    samples: F32
    takes: tuple[U8, ...]
    phones: tuple[Phone, ...]


def sample_camera(rng: Rng) -> Camera:
    """A camera from good to poor: of training, so that it can do with any.

    Most of the noise and of the lost pictures is added anew each time that a clip comes up.
    """
    return Camera(
        detail=int(rng.integers(4, 13)),
        blur=float(rng.uniform(0, 0.75)),
        noise=float(rng.uniform(2, 10)),
        shake=float(rng.uniform(0, 2)),
        lost=float(rng.uniform(0, 0.1)),
    )


def say(split: Split, number: int, *, seed: int = 0, size: int = 96) -> tuple[Talk, str, Rng]:
    """Talk number ``number`` of a split, its voice, and the generator to go on with."""
    place = get_args(Split).index(split)
    rng = np.random.default_rng([seed, place, number, 31])
    names = voices_of(split)
    voice = names[int(rng.integers(len(names)))]
    speaker = espeak_voice(
        voice, speed=int(rng.integers(110, 181)), pitch=int(rng.integers(25, 76))
    )
    text = sample_command(rng)
    return talk(text, speaker, sample_identity(rng), rng, size=size), voice, rng


def clip(split: Split, number: int, cameras: Sequence[Camera] | int = 2, *, seed: int = 0) -> Clip:
    """Clip number ``number`` of a split, its lips filmed by each of ``cameras``, or so many."""
    said, voice, rng = say(split, number, seed=seed)
    if isinstance(cameras, int):
        cameras = [sample_camera(rng) for _ in range(cameras)]
    takes = tuple(grey(filmed(_framed(said, rng), camera, rng)) for camera in cameras)
    return Clip(said.text, voice, said.speech.samples, takes, said.speech.phones)


def clips(
    split: Split,
    count: int,
    cameras: Sequence[Camera] | int = 2,
    *,
    seed: int = 0,
    tell: Callable[[str], None] = lambda line: None,
) -> list[Clip]:
    """The first ``count`` clips of a split: about 30 ms each on one core."""
    made = []
    for number in range(count):
        made.append(clip(split, number, cameras, seed=seed))
        if (number + 1) % 1000 == 0:
            tell(f"{number + 1:,} of {count:,} clips are made")
    return made


def crowd(split: Split, seconds: float, tracks: int, *, seed: int = 0) -> list[F32]:
    """Babble of six people of a split, in several tracks; none says what any clip says."""
    found = []
    for track in range(tracks):
        voices = [say_only(split, 1_000_000 + 6 * track + person, seed=seed) for person in range(6)]
        rng = np.random.default_rng([seed, track, 37])
        found.append(babble(voices, round(seconds * SAMPLE_RATE), rng))
    return found


def say_only(split: Split, number: int, *, seed: int = 0) -> F32:
    """The sound of three commands in a row by one voice, without a face."""
    rng = np.random.default_rng([seed, get_args(Split).index(split), number, 41])
    names = voices_of(split)
    speaker = espeak_voice(names[int(rng.integers(len(names)))], speed=int(rng.integers(110, 181)))
    return np.concatenate([speaker(sample_command(rng)).samples for _ in range(3)])


def _framed(said: Talk, rng: Rng) -> U8:
    """(T, 24, 24, 3): lips, as far off the middle and of as wrong a size as a detector has them."""
    off, zoom = rng.normal(0, 0.04, 2), rng.normal(0.0, 0.06)
    x0, y0, x1, y1 = said.mouths.T.astype(np.float64)
    half = (x1 - x0) / 2 * np.exp(np.clip(zoom, -0.15, 0.15))
    wobble = rng.normal(0, 0.015, (len(half), 2))
    cx = (x0 + x1) / 2 + (off[0] + wobble[:, 0]) * 2 * half
    cy = (y0 + y1) / 2 + (off[1] + wobble[:, 1]) * 2 * half
    return np.stack([
        cut(frame, (x, y), h) for frame, x, y, h in zip(said.frames, cx, cy, half, strict=True)
    ])  # fmt: skip


__all__ = ["FPS", "POOR", "SIDE", "Clip", "clip", "clips", "crowd", "sample_camera", "say"]
