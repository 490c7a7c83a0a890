"""A small task to compare strategies on: one thing in a picture of 28x28 pixels of the world.

Its shape and colour are classes, its place is a number; the parts differ in how hard they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from sensorium_models.training.task import Draw
from sensorium_sims.world.render import render
from sensorium_sims.world.sampling import SceneOptions, Split, rng_for, scenes
from sensorium_sims.world.vocabulary import COLOURS, SHAPES

PIXELS = 28
Goal = Literal["shape", "colour", "place"]
NEAR = 1.0
"""Pixels from its centre within which a thing counts as found."""
NOISE = {"easy": 0.0, "hard": 0.2}
"""Spread of the noise, in shares of white."""


@dataclass(frozen=True)
class Thumbnails:
    """``images`` (N, 3, 28, 28) in [0, 1]; ``shapes`` and ``colours`` (N,) places in the world's
    vocabulary; ``places`` (N, 2) x and y in pixels. The easy ones come first."""

    images: Tensor
    shapes: Tensor
    colours: Tensor
    places: Tensor
    easy: int
    """How many are without noise."""

    def __len__(self) -> int:
        return len(self.images)

    def take(self, rows: Tensor) -> Thumbnails:
        """Some of them."""
        return Thumbnails(
            self.images[rows], self.shapes[rows], self.colours[rows], self.places[rows], 0
        )


@lru_cache(maxsize=8)
def thumbnails(split: Split, easy: int, hard: int) -> Thumbnails:
    """So many easy ones (no noise) and hard ones (noisy) of a split."""
    images, shapes, colours, places = [], [], [], []
    options = SceneOptions(things=(1, 1), sizes=("large",), pairs="all")
    for level, count in (("easy", easy), ("hard", hard)):
        # Numbers of their own: no easy picture is a hard one's twin.
        start = 0 if level == "easy" else 1_000_000
        for at, scene in enumerate(scenes(split, count, options, start=start)):
            (thing,) = scene.things
            noise = rng_for(split, at, 3_000_017).normal(0, NOISE[level], (PIXELS, PIXELS, 3))
            picture = render(scene, PIXELS).image / 255 + noise
            images.append(np.clip(picture, 0, 1).astype(np.float32).transpose(2, 0, 1))
            shapes.append(SHAPES.index(thing.shape))
            colours.append(COLOURS.index(thing.colour))
            places.append((thing.x * PIXELS, thing.y * PIXELS))
    return Thumbnails(
        torch.from_numpy(np.stack(images)), torch.tensor(shapes), torch.tensor(colours),
        torch.tensor(places, dtype=torch.float32), easy,
    )  # fmt: skip


class ThumbnailNetwork(nn.Module):
    """Three convolutions and a shared layer; a head for each goal."""

    def __init__(self, goals: Sequence[Goal]) -> None:
        super().__init__()
        widths = {"shape": len(SHAPES), "colour": len(COLOURS), "place": 2}
        layers: list[nn.Module] = []
        for inner, outer in ((3, 16), (16, 32), (32, 48)):
            layers += [nn.Conv2d(inner, outer, 3, 2, 1), nn.BatchNorm2d(outer), nn.ReLU()]
        self.trunk = nn.Sequential(*layers, nn.Flatten())
        self.shared = nn.Linear(48 * 16, 64)
        self.heads = nn.ModuleDict({goal: nn.Linear(64, widths[goal]) for goal in goals})

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """(B, 3, 28, 28) -> logits, or pixels, by goal."""
        seen = torch.relu(self.shared(self.trunk(4 * images - 2)))
        return {goal: head(seen).float() for goal, head in self.heads.items()}


class NamingThumbnails:
    """Say what a thumbnail shows.

    The score is the mean over goals of what is right, classes counting alike (so a rare shape
    counts as much as a common one).
    """

    score = "right"
    name = "thumbnails"

    def __init__(self, data: Thumbnails, held: Thumbnails, goals: Sequence[Goal]) -> None:
        self.data, self.held, self.goals = data, held, tuple(goals)

    def build(self, seed: int) -> nn.Module:
        """See :class:`~sensorium_models.training.Task`."""
        return ThumbnailNetwork(self.goals)

    def batch(self, draw: Draw) -> Any:
        """Images, shapes, colours and places."""
        some = self.data.take(torch.from_numpy(draw.rows))
        return some.images, some.shapes, some.colours, some.places

    def losses(self, network: Any, batch: Any) -> Mapping[str, Tensor]:
        """Cross-entropies in nats, squared distance in pixels."""
        images, shapes, colours, places = batch
        said = network(images)
        found = {}
        for goal, labels in (("shape", shapes), ("colour", colours)):
            if goal in said:
                found[goal] = functional.cross_entropy(said[goal], labels)
        if "place" in said:
            found["place"] = functional.mse_loss(said["place"], places)
        return found

    def validate(self, network: Any) -> Mapping[str, float]:
        """What is right of the pictures held back."""
        return right(network, self.held)

    def shared(self, network: Any) -> list[nn.Parameter]:
        """The layer before the heads."""
        return [network.shared.weight]


@torch.no_grad()
def right(network: Any, held: Thumbnails) -> dict[str, float]:
    """By goal the share that is right, the mean of that of each class; ``right``: their mean."""
    said = network(held.images)
    found = {}
    for goal, labels in (("shape", held.shapes), ("colour", held.colours)):
        if goal in said:
            hits = (said[goal].argmax(1) == labels).float()
            found[goal] = float(
                np.mean(
                    [
                        float(hits[labels == k].mean())
                        for k in range(10)
                        if bool((labels == k).any())
                    ]
                )
            )
    if "place" in said:
        off = (said["place"] - held.places).norm(dim=1)
        found["place"] = float((off <= NEAR).float().mean())
    return {**found, "right": float(np.mean(list(found.values())))}
