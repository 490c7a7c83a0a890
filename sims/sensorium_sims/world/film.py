"""Films of scenes, and their sound."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import BadInput
from sensorium_sims.avworld.sounds import SAMPLE_RATE, loop
from sensorium_sims.world.render import Picture, render
from sensorium_sims.world.scene import Scene, Sounding, Thing

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
FADE_S = 0.02


def frames(scene: Scene, size: int = 64, fps: float = 10.0) -> Iterator[Picture]:
    """The scene's pictures, each with its own masks, depth and edges, from second 0 on."""
    if fps <= 0:
        raise BadInput(f"fps is {fps}: it must be above 0")
    for index in range(max(1, round(scene.seconds * fps))):
        yield render(scene, size, index / fps)


def film(scene: Scene, size: int = 64, fps: float = 10.0) -> U8:
    """(T, size, size, 3) uint8, T = seconds x fps (1 for a still scene)."""
    return np.stack([picture.image for picture in frames(scene, size, fps)])


def soundtrack(scene: Scene, seconds: float | None = None) -> F32:
    """(2, n) at 16 kHz: what is to the left of the picture is louder on the left.

    The sounds are those of :mod:`sensorium_sims.avworld.sounds`. Lasts as long as the film, or
    2 s for a still scene, unless ``seconds`` says otherwise.
    """
    length = round((seconds or scene.seconds or 2.0) * SAMPLE_RATE)
    track = np.zeros((2, length), np.float32)
    for thing in scene.things:
        for sound in thing.sounds:
            _mix(track, thing, sound)
    return np.clip(track, -1, 1)


def _mix(track: F32, thing: Thing, sound: Sounding) -> None:
    first = round(sound.start * SAMPLE_RATE)
    last = min(round(sound.stop * SAMPLE_RATE), track.shape[1])
    if last <= first:
        return
    wave = np.resize(loop(sound.sound, sound.variant), last - first)
    ramp = np.arange(last - first) / (FADE_S * SAMPLE_RATE)
    wave = wave * np.clip(np.minimum(ramp, ramp[::-1]), 0, 1)
    times = np.linspace(sound.start, last / SAMPLE_RATE, 20)
    places = np.array([thing.at(time)[0] for time in times])
    angle = np.interp(np.arange(last - first), np.linspace(0, last - first, 20), places)
    angle = np.clip(angle, 0, 1) * np.pi / 2  # equal power across the picture
    track[0, first:last] += (wave * np.cos(angle)).astype(np.float32)
    track[1, first:last] += (wave * np.sin(angle)).astype(np.float32)
