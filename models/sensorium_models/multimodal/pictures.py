"""Pictures of the world as the eye sees them, once: rows of regions with the scenes they show."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file, save_file
from torch import Tensor

from sensorium_models.multimodal.asking import OPTIONS, pair_of
from sensorium_models.multimodal.connector import SEEN, SLOTS, look
from sensorium_models.video_language.eye import SIDE, Eye
from sensorium_sims.world.render import render
from sensorium_sims.world.sampling import Pairs, SceneOptions, Split, rng_for
from sensorium_sims.world.scene import Scene

CHUNK = 64


@dataclass(frozen=True)
class Album:
    """N pictures: ``regions`` (N, SLOTS, SEEN) float16, ``there`` (N, SLOTS), ``scenes``."""

    scenes: Sequence[Scene]
    regions: Tensor
    there: Tensor

    def take(self, rows: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
        """Regions (B, P, SLOTS, SEEN) and which are there, of turns with P pictures at the
        most; of one with fewer the rest is not there."""
        most = max(map(len, rows))
        index = torch.tensor([[*row, *[row[0]] * (most - len(row))] for row in rows])
        shown = torch.tensor([[at < len(row) for at in range(most)] for row in rows])
        return self.regions[index].float(), self.there[index] & shown[..., None]


def scene_pairs(split: Split, count: int, seed: int = 0) -> list[Scene]:
    """``count`` scenes (an even number), of which 2k and 2k + 1 differ in one attribute."""
    pairs: Pairs = "unseen" if split == "unseen" else "seen"
    options: SceneOptions = replace(OPTIONS, pairs=pairs)
    scenes: list[Scene] = []
    for index in range(count // 2):
        scenes += pair_of(rng_for(split, index, seed + 4040), options)
    return scenes


def album(
    eye: Eye, split: Split, count: int, seed: int = 0,
    tell: Callable[[str], None] = lambda line: None,
) -> Album:  # fmt: skip
    """Render the first ``count`` pictures of a split and let the eye see them."""
    scenes = scene_pairs(split, count, seed)
    regions = torch.empty(len(scenes), SLOTS, SEEN, dtype=torch.float16)
    there = torch.empty(len(scenes), SLOTS, dtype=torch.bool)
    for first in range(0, len(scenes), CHUNK):
        some = np.stack([render(one, SIDE).image for one in scenes[first : first + CHUNK]])
        seen, are = look(eye, torch.from_numpy(some))
        regions[first : first + CHUNK], there[first : first + CHUNK] = seen, are
        if first % (CHUNK * 50) == 0:
            tell(f"pictures seen: {first:,} of {len(scenes):,}")
    return Album(scenes, regions, there)


def kept_album(
    path: Path, eye: Eye, count: int, seed: int, tell: Callable[[str], None] = lambda line: None
) -> Album:
    """The training pictures: from the file of an earlier run, or made and put there."""
    if path.exists():
        kept = load_file(path)
        if len(kept["regions"]) == count and int(kept["seed"][0]) == seed:
            regions, there = (torch.from_numpy(kept[name]) for name in ("regions", "there"))
            return Album(scene_pairs("train", count, seed), regions, there)
    made = album(eye, "train", count, seed, tell)
    arrays = {"regions": made.regions.numpy(), "there": made.there.numpy(),
              "seed": np.array([seed])}  # fmt: skip
    partial = path.with_suffix(".partial")
    save_file(arrays, partial)
    partial.replace(path)
    return made
