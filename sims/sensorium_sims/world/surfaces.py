"""How the materials and the walls look."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from sensorium_sims.world.scene import Background
from sensorium_sims.world.vocabulary import Material

F32 = NDArray[np.float32]
TINT = 0.62
"""How far the light bands and dots of a pattern are towards white, on a light colour."""
DARK_TINT = 0.6
"""The same on black, as a share of :data:`TINT`: a grey that no wall has."""


@lru_cache(maxsize=512)
def surface(material: Material, side: int) -> tuple[F32, F32]:
    """(side, side) of light (a factor on the colour) and of white (a share mixed in)."""
    axis = (np.arange(side) + 0.5) * (2 / side) - 1
    u, v = np.meshgrid(axis, axis)
    light = 1.05 - 0.09 * (u + v)
    if material == "matte":
        white = np.zeros_like(u)
    elif material == "shiny":
        light = 1.12 - 0.22 * (u + v)
        streak = np.exp(-(((u + v + 0.32) / 0.2) ** 2))
        spot = np.exp(-((u + 0.35) ** 2 + (v + 0.35) ** 2) / 0.05)
        white = np.clip(0.6 * streak + 0.5 * spot, 0, 0.85)
    elif material == "striped":
        white = TINT * _soft(np.sin(1.75 * np.pi * (u * 1.25 + v * 0.9) + 0.6), side)
    else:
        white = TINT * _soft(np.cos(3.0 * np.pi * u) + np.cos(3.0 * np.pi * v) - 0.55, side)
    return light.astype(np.float32), white.astype(np.float32)


def _soft(wave: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    """1 where the wave is above 0, with an edge about a pixel wide."""
    return np.clip(wave * side / 10 + 0.5, 0, 1)


def wall(background: Background, size: int) -> F32:
    """(size, size, 3) of 0 to 255."""
    rng = np.random.default_rng(background.seed)
    colour = np.array(background.rgb, np.float32)
    axis = np.linspace(-1, 1, size, dtype=np.float32)
    shade = np.ones((size, size), np.float32)
    turn = rng.uniform(0, 2 * np.pi)
    slope = 0.09 if background.kind == "gradient" else 0.025
    shade += np.float32(slope * np.cos(turn)) * axis[None, :]
    shade += np.float32(slope * np.sin(turn)) * axis[:, None]
    if background.kind == "grain":
        shade += 0.014 * rng.standard_normal((size, size), dtype=np.float32)
    elif background.kind == "tiles":
        _lines(shade, size, rng, down=True, across=True)
    elif background.kind == "planks":
        _lines(shade, size, rng, down=bool(rng.integers(2)), across=False)
    return shade[:, :, None] * colour


def _lines(shade: F32, size: int, rng: np.random.Generator, *, down: bool, across: bool) -> None:
    """Joints a quarter of the wall apart or so, a little darker."""
    apart = rng.uniform(0.18, 0.34)
    thick = max(1, round(size * 0.012))
    first = rng.uniform(0, apart)
    for place in np.arange(first, 1, apart):
        at = int(place * size)
        if down:
            shade[:, at : at + thick] *= 0.94
        if across or not down:
            shade[at : at + thick] *= 0.94
