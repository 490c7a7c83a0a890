"""What both towers are drilled in beside the contrastive loss.

From the embeddings of a picture and of its caption one layer, shared by the two, reads which
attributes are there; others read which shape has which colour, size and material, and which is left
of or above which. The patch in which the centre of a thing lies tells that thing's attributes. The
layers are no part of what is shipped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from sensorium_models.clip.network import PATCH, SIDE
from sensorium_models.clip.pairs import TOLD, Batch, side_of
from sensorium_sims.world.captions import ORDER, Attribute
from sensorium_sims.world.render import Picture
from sensorium_sims.world.scene import Scene
from sensorium_sims.world.vocabulary import COLOURS, MATERIALS, SHAPES, SIZES

VALUES: dict[Attribute, tuple[str, ...]] = {
    "size": SIZES, "material": MATERIALS, "colour": COLOURS, "shape": SHAPES,
}  # fmt: skip
HELD: tuple[Attribute, ...] = ("size", "material", "colour")
"""What a shape is bound to."""
CUT = SIDE // PATCH
UNTOLD = -100
COLOUR = list(VALUES).index("colour")
assert tuple(VALUES) == ORDER


class Bound(nn.Module):
    """Which of ``first`` goes with which of ``second``: logits (N, first * second) of embeddings.

    A low-rank product, so that what is learnt of some pairs holds for others.
    """

    def __init__(self, space: int, first: int, second: int, rank: int = 96) -> None:
        super().__init__()
        self.turn = nn.Linear(space, rank)
        self.first = nn.Parameter(torch.randn(first, rank) * 0.3)
        self.second = nn.Parameter(torch.randn(second, rank) * 0.3)

    def forward(self, embedded: Tensor) -> Tensor:
        """(N, space) -> (N, first * second)."""
        both = self.first[:, None] * self.second[None]  # (first, second, rank)
        logits: Tensor = self.turn(embedded) @ both.flatten(0, 1).T
        return logits


class Drill(nn.Module):
    """The layers that read embeddings, and patches of ``width`` numbers."""

    def __init__(self, space: int, width: int) -> None:
        super().__init__()
        values = sum(map(len, VALUES.values()))
        self.attributes = nn.Linear(space, values)
        self.bound = nn.ModuleDict({k: Bound(space, len(VALUES[k]), len(SHAPES)) for k in HELD})
        self.placed = Bound(space, 2 * len(SHAPES), len(SHAPES))
        self.patches = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, values))

    def embedded(self, embedded: Tensor, truth: Truth) -> Tensor:
        """The loss of embeddings (N, space), a scalar."""
        total = attribute_loss(self.attributes(embedded).float(), truth.there, truth.told)
        for kind in HELD:
            logits = self.bound[kind](embedded).float()
            # Told of a thing without its shape, nothing is bound to one.
            counts = truth.told[:, list(VALUES).index(kind)] * truth.told[:, -1]
            total = total + shares_loss(logits, truth.pairs[kind], counts) / len(HELD)
        placed = self.placed(embedded).float()
        if (truth.placed >= 0).any():
            total = total + functional.cross_entropy(placed, truth.placed, ignore_index=UNTOLD)
        return total

    def looked_at(self, patches: Tensor, spots: Tensor, values: Tensor) -> Tensor:
        """The loss of patches (N, T, width): those at ``spots`` (M, 2), row and place, tell
        ``values`` (M, 4)."""
        logits = self.patches(patches[spots[:, 0], spots[:, 1]]).float()
        parts = logits.split([len(v) for v in VALUES.values()], 1)
        losses = [
            functional.cross_entropy(part, values[:, column], ignore_index=UNTOLD)
            for column, part in enumerate(parts)
        ]
        return torch.stack(losses).mean()


@dataclass(frozen=True)
class Truth:
    """What is true of N embeddings, and how much of it they can be asked."""

    there: Tensor
    """(N, 26): values that are there."""
    told: Tensor
    """(N, 4): attributes that count."""
    pairs: dict[Attribute, Tensor]
    """For each of :data:`HELD` (N, values * shapes): which go together."""
    placed: Tensor
    """(N,): who is where, or UNTOLD."""


def tensors_of(made: Batch, kept: Tensor | None, changed: Tensor) -> dict[str, Tensor]:
    """All that :func:`truths` needs, and what the patches are asked: ``spots`` (M, 2), row and
    place among the ``kept`` ones, and ``values`` (M, 4). The colours of ``changed`` rows have no
    name."""
    scenes = [picture.scene for picture in made.pictures]
    there = [
        [float(any(getattr(thing, k) == v for thing in scene.things)) for k in VALUES
         for v in VALUES[k]]
        for scene in scenes
    ]  # fmt: skip
    found = {
        "there": torch.tensor(there),
        "told": torch.tensor(
            [[float(k in TOLD[at]) for k in VALUES] for r in made.told for at in r]
        ),
        "related": torch.tensor([said for row in made.related for said in row]),
        "placed": torch.tensor([_placed(scene) for scene in scenes]),
    }
    for kind in HELD:
        pairs = torch.zeros(len(scenes), len(VALUES[kind]), len(SHAPES))
        for row, scene in enumerate(scenes):
            for thing in scene.things:
                value = VALUES[kind].index(getattr(thing, kind))
                pairs[row, value, SHAPES.index(thing.shape)] = 1
        found[f"pairs of {kind}"] = pairs.flatten(1)
    spots, values = spots_of(made.pictures, kept)
    values[changed[spots[:, 0]], COLOUR] = UNTOLD
    return found | {"spots": spots, "values": values, "changed": changed}


def truths(batch: Mapping[str, Tensor]) -> tuple[Truth, Truth]:
    """Of the pictures, and of their captions: of those only what each tells counts."""
    there, told, placed = batch["there"], batch["told"], batch["placed"]
    count = len(told) // len(there)
    pairs = {kind: batch[f"pairs of {kind}"] for kind in HELD}
    shown = torch.ones(len(there), len(VALUES))
    shown[batch["changed"], COLOUR] = 0
    said = Truth(
        there.repeat(count, 1),
        told,
        {kind: value.repeat(count, 1) for kind, value in pairs.items()},
        torch.where(batch["related"], placed.repeat(count), UNTOLD),
    )
    return Truth(there, shown, pairs, placed), said


def attribute_loss(logits: Tensor, there: Tensor, told: Tensor) -> Tensor:
    """Cross-entropy of logits (N, 26) against the values that are there (N, 26), by attribute.

    An attribute with several values there asks for equal shares; ``told`` (N, 4) says which
    attributes count.
    """
    total = logits.new_zeros(())
    at = 0
    for column, values in enumerate(VALUES.values()):
        part = slice(at, at + len(values))
        total = total + shares_loss(logits[:, part], there[:, part], told[:, column])
        at += len(values)
    return total / len(VALUES)


def shares_loss(logits: Tensor, there: Tensor, counts: Tensor) -> Tensor:
    """Cross-entropy of (N, K) against equal shares for what is there, rows weighted (N,)."""
    wanted = there / there.sum(1, keepdim=True).clamp_min(1)
    loss = -(wanted * logits.log_softmax(1)).sum(1)
    return (loss * counts).sum() / counts.sum().clamp_min(1)


def spots_of(pictures: Sequence[Picture], kept: Tensor | None) -> tuple[Tensor, Tensor]:
    """(M, 2) picture and place among its kept patches, and (M, 4) values, of things' centres."""
    spots: list[tuple[int, int]] = []
    values: list[list[int]] = []
    for row, picture in enumerate(pictures):
        for thing in picture.scene.things:
            patch = min(int(thing.y * CUT), CUT - 1) * CUT + min(int(thing.x * CUT), CUT - 1)
            if kept is not None:
                found = (kept[row] == patch).nonzero()
                if not len(found):
                    continue
                patch = int(found[0, 0])
            spots.append((row, patch))
            values.append([v.index(getattr(thing, k)) for k, v in VALUES.items()])
    return torch.tensor(spots), torch.tensor(values)


def recoloured(
    images: NDArray[np.uint8], families: NDArray[np.bool_], rng: np.random.Generator
) -> tuple[NDArray[np.uint8], Tensor]:
    """Pictures (N, H, W, 3) with the channels of the chosen families (N // 2,) exchanged, half of
    those inverted too, and which (N,) they are: so a shape is learnt in colours it never has."""
    changed = images.copy()
    for family in np.flatnonzero(families):
        rows = slice(2 * family, 2 * family + 2)
        changed[rows] = changed[rows][..., rng.permutation(3)]
        if rng.random() < 0.5:
            changed[rows] = 255 - changed[rows]
    return changed, torch.from_numpy(np.repeat(families, 2))


def _placed(scene: Scene) -> int:
    """Class of who is left of or above whom, by shape; UNTOLD where it is not clear."""
    shapes = [thing.shape for thing in scene.things]
    side = side_of(scene, shapes) if len(shapes) == 2 else None
    if side is None:
        return UNTOLD
    way, first = side
    other = shapes[1] if first == shapes[0] else shapes[0]
    count = len(SHAPES)
    return ((way - 1) * count + SHAPES.index(first)) * count + SHAPES.index(other)
