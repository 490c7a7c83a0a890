"""What both towers are drilled in beside the contrastive loss.

From the embeddings of a picture and of its caption one layer, shared by the two, reads which
attributes are there; others read which shape has which colour, size and material, and which is left
of or above which. The same layers read single things before they are pooled: off the patch in which
a thing's centre lies, and off its noun, each embedded as if there were nothing else. Whoever pools
embeddings of whole things cannot mix up whose colour is whose. The layers are no part of what is
shipped.
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
from sensorium_models.clip.words import vocabulary
from sensorium_sims.world.captions import ORDER, Attribute
from sensorium_sims.world.render import Picture
from sensorium_sims.world.sampling import SceneOptions, pairs_of
from sensorium_sims.world.scene import Scene
from sensorium_sims.world.vocabulary import COLOURS, MATERIALS, SHAPES, SIZES, plural

VALUES: dict[Attribute, tuple[str, ...]] = {
    "size": SIZES, "material": MATERIALS, "colour": COLOURS, "shape": SHAPES,
}  # fmt: skip
HELD: tuple[Attribute, ...] = ("size", "material", "colour")
"""What a shape is bound to."""
CUT = SIDE // PATCH
UNTOLD = -100
COLOUR, SHAPE = list(VALUES).index("colour"), list(VALUES).index("shape")
assert tuple(VALUES) == ORDER
_SEEN = set(pairs_of(SceneOptions()))
PRESENT = 4.0
"""How much more a pair that is there counts than one that is not."""
_LEARNT: dict[Attribute, Tensor] = {
    kind: torch.tensor([
        [float(kind != "colour" or (shape, value) in _SEEN) for shape in SHAPES]
        for value in VALUES[kind]
    ]).flatten()
    for kind in HELD
}  # fmt: skip
"""The pairs that are asked for: what is never seen is not learnt to be absent either."""
_WORDS = {
    vocabulary().index(word): (column, value)
    for column, (kind, names) in enumerate(VALUES.items())
    for value, name in enumerate(names)
    for word in ((name, plural(name)) if kind == "shape" else (name,))
}
"""Tokens that name a value: its column and place in :data:`VALUES`."""


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
    """The layers that read embeddings of ``space`` numbers."""

    def __init__(self, space: int) -> None:
        super().__init__()
        values = sum(map(len, VALUES.values()))
        self.attributes = nn.Linear(space, values)
        self.bound = nn.ModuleDict({k: Bound(space, len(VALUES[k]), len(SHAPES)) for k in HELD})
        self.placed = Bound(space, 2 * len(SHAPES), len(SHAPES))

    def embedded(self, embedded: Tensor, truth: Truth) -> Tensor:
        """The loss of embeddings (N, space), a scalar."""
        total = attribute_loss(self.attributes(embedded).float(), truth.there, truth.told)
        for kind in HELD:
            logits = self.bound[kind](embedded).float()
            # Told of a thing without its shape, nothing is bound to one.
            counts = truth.told[:, list(VALUES).index(kind)] * truth.told[:, -1]
            total = total + bound_loss(logits, truth.pairs[kind], counts, _LEARNT[kind]) / len(HELD)
        placed = self.placed(embedded).float()
        if (truth.placed >= 0).any():
            total = total + functional.cross_entropy(placed, truth.placed, ignore_index=UNTOLD)
        return total


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


def tensors_of(made: Batch, kept: Tensor | None, changed: Tensor, ids: Tensor) -> dict[str, Tensor]:
    """All that :func:`truths` needs, and where single things are and what they are: ``spots``
    (M, 2), row and place among the ``kept`` patches, with ``values`` (M, 4), and ``nouns`` among
    the ``ids`` of the captions with ``said``. The colours of ``changed`` rows have no name."""
    scenes = made.scenes
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
    if len(spots):
        values[changed[spots[:, 0]], COLOUR] = UNTOLD
    nouns, said = nouns_of(ids)
    return found | {
        "spots": spots, "values": values, "nouns": nouns, "said": said, "changed": changed,
    }  # fmt: skip


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


def bound_loss(logits: Tensor, there: Tensor, counts: Tensor, learnt: Tensor) -> Tensor:
    """Squared error of (N, K) against the pairs that are there, rows weighted (N,), columns (K,).

    Not a cross-entropy: of one thing, that is content with the sum of what speaks for the colour
    and what speaks for the shape, and of two things this sum says all that they have and not which
    has what. A sum cannot be 1 for both together and 0 for each by itself.
    """
    weights = (1 + (PRESENT - 1) * there) * learnt
    error = (weights * (logits - there).square()).sum(1)
    return (error * counts).sum() / counts.sum().clamp_min(1)


def truth_of(values: Tensor) -> Truth:
    """Of single things with the values (M, 4), each a place in :data:`VALUES` or UNTOLD."""
    told = (values != UNTOLD).float()
    each = [
        functional.one_hot(column.clamp_min(0), len(names)).float() * told[:, at, None]
        for at, (column, names) in enumerate(zip(values.T, VALUES.values(), strict=True))
    ]
    shapes = each[-1]
    pairs = {
        kind: (one[:, :, None] * shapes[:, None]).flatten(1)
        for kind, one in zip(VALUES, each, strict=True)
        if kind in HELD
    }
    return Truth(torch.cat(each, 1), told, pairs, torch.full((len(values),), UNTOLD))


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
    return torch.tensor(spots).reshape(-1, 2), torch.tensor(values).reshape(-1, len(VALUES))


def nouns_of(ids: Tensor) -> tuple[Tensor, Tensor]:
    """(M, 2) row and place of the shapes among the words ``ids`` (N, L), and (M, 4) what each is
    said to be: its own value and those of the words right before it."""
    spots: list[tuple[int, int]] = []
    values: list[list[int]] = []
    for row, words in enumerate(ids.tolist()):
        said = [UNTOLD] * len(VALUES)
        for place, word in enumerate(words):
            if word not in _WORDS:
                said = [UNTOLD] * len(VALUES)
                continue
            column, value = _WORDS[word]
            said[column] = value
            if column == SHAPE:
                spots.append((row, place))
                values.append(said)
                said = [UNTOLD] * len(VALUES)
    return torch.tensor(spots).reshape(-1, 2), torch.tensor(values).reshape(-1, len(VALUES))


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
