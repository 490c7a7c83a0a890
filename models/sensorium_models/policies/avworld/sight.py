"""Seeing: how far the wall is in each column of a picture, and what things stand where.

A small convolutional network keeps the 64 columns and folds the rows away; each column then says
how far the wall is, whether the middle of a thing lies in it, and of that thing the colour, the
type and the distance: centres as points, in the manner of CenterNet (Zhou et al. 2019,
arXiv:1904.07850), in one dimension, for things stand on a flat floor.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from sensorium_models.policies.avworld.slots import COLOUR_WORDS
from sensorium_sims.avworld.seeing import SIZE
from sensorium_sims.avworld.vocabulary import TYPES

COLOURS, KINDS = len(COLOUR_WORDS), len(TYPES)
OUTPUTS = 4 + COLOURS + KINDS
"""Of each column: log of the wall's distance, whether the middle of a thing lies there, log of the
distance of the thing there, columns from here to its middle; colours; types."""
FOCAL = 2.0


class Sight(nn.Module):
    """Pictures (N, 64, 64, 3) uint8 -> (N, 15, 64), see :data:`OUTPUTS`."""

    def __init__(self) -> None:
        super().__init__()
        self.fold = nn.Sequential(
            nn.Conv2d(3, 16, 5, (2, 1), 2, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
            nn.Conv2d(16, 32, 3, (2, 1), 1, bias=False), nn.BatchNorm2d(32), nn.ReLU(),
            nn.Conv2d(32, 32, 3, (2, 1), 1, bias=False), nn.BatchNorm2d(32), nn.ReLU(),
            nn.Conv2d(32, 48, 3, (2, 1), 1, bias=False), nn.BatchNorm2d(48), nn.ReLU(),
        )  # fmt: skip
        self.row = nn.Sequential(
            nn.Conv1d(48 * SIZE // 16, 96, 3, padding=1, bias=False), nn.BatchNorm1d(96), nn.ReLU(),
            nn.Conv1d(96, 96, 5, padding=2, bias=False), nn.BatchNorm1d(96), nn.ReLU(),
            nn.Conv1d(96, OUTPUTS, 1),
        )  # fmt: skip
        last = self.row[-1]
        assert isinstance(last, nn.Conv1d)
        assert last.bias is not None
        nn.init.constant_(last.bias[1:2], -3.0)

    def forward(self, pictures: Tensor) -> Tensor:
        """See the class."""
        x = pictures.permute(0, 3, 1, 2).float() / 128 - 1  # (N, 3, 64, 64)
        folded: Tensor = self.fold(x).flatten(1, 2)  # (N, 48 * 4, 64)
        seen: Tensor = self.row(folded)
        return seen


def losses(
    seen: Tensor, depth: Tensor, centre: Tensor, about: Tensor, kinds: Tensor
) -> dict[str, Tensor]:
    """How wrong :class:`Sight` was.

    depth (N, 64): log of metres; centre (N, 64): 1 where the middle of a thing lies; about
    (N, 2, 64): of the thing in each column log of its metres, and columns to its middle; kinds
    (N, 2, 64): its colour and type, -1 where there is no thing.
    """
    middle, there = centre > 0, kinds[:, 0] >= 0
    heat = functional.binary_cross_entropy_with_logits(seen[:, 1], centre, reduction="none")
    likely = seen[:, 1].sigmoid()
    sure = torch.where(middle, 1 - likely, likely) ** FOCAL  # Lin et al. 2017
    rows = seen.permute(0, 2, 1)[there]  # (M, 15)
    told = about.permute(0, 2, 1)[there]
    what = kinds.permute(0, 2, 1)[there]
    count, middles = max(1, len(rows)), max(1, int(middle.sum()))
    return {
        "wall": functional.smooth_l1_loss(seen[:, 0], depth, beta=0.1) * 4,
        "centre": (heat * sure).sum() / middles,
        "far": functional.smooth_l1_loss(rows[:, 2:4], told, beta=0.1, reduction="sum") / count * 4,
        "colour": functional.cross_entropy(rows[:, 4 : 4 + COLOURS], what[:, 0], reduction="sum")
        / count,
        "type": functional.cross_entropy(rows[:, 4 + COLOURS :], what[:, 1], reduction="sum")
        / count,
    }
