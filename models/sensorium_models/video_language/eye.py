"""The eye: a small convolutional network that finds the things of a picture and describes each.

A detector of centres (Zhou et al., "Objects as Points", 2019) whose features at the found centres
are the picture's tokens, as the regions of Anderson et al., "Bottom-Up and Top-Down Attention",
2018. A few tokens a picture keep what looks at films, or talks about pictures, cheap.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from sensorium_sims.world.captions import ORDER
from sensorium_sims.world.questions import VALUES

SIDE = 64
"""Pixels of the square that it looks at."""
GRID = 16
"""Cells of a side of the map of centres: 4 x 4 pixels each."""
WIDTH = 96
"""Numbers of a region's feature."""
SEEN_FROM = 0.2
"""A centre is a thing from this score on."""
SIZES = {name: len(VALUES[name]) for name in ORDER}
"""Values of each attribute, in the order of the logits."""


@dataclass(frozen=True, slots=True)
class Regions:
    """The K best things of each of N pictures, best first.

    ``tokens`` (N, K, WIDTH + 3): feature, x, y (shares of the side, minus a half) and score;
    ``there`` (N, K) bool: False where there were fewer.
    """

    tokens: Tensor
    there: Tensor


class Residual(nn.Module):
    """Two 3x3 convolutions around which the input is led (He et al., 2016)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.second = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norms = nn.ModuleList([nn.BatchNorm2d(width), nn.BatchNorm2d(width)])

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the same."""
        inner = torch.relu(self.norms[0](self.first(x)))
        return torch.relu(x + self.norms[1](self.second(inner)))


def _halve(taken: int, given: int, kernel: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(taken, given, kernel, 2, kernel // 2, bias=False),
        nn.BatchNorm2d(given),
        nn.ReLU(),
    )


class Eye(nn.Module):
    """Pictures (N, 3, 64, 64) in 0..1 to features (N, WIDTH, 16, 16) and what they are read by."""

    def __init__(self) -> None:
        super().__init__()
        self.fine = nn.Sequential(_halve(3, 32, 5), _halve(32, 48, 3), Residual(48), Residual(48))
        self.coarse = nn.Sequential(_halve(48, WIDTH, 3), Residual(WIDTH), Residual(WIDTH))
        self.across = nn.Conv2d(48, WIDTH, 1)
        self.centre = nn.Conv2d(WIDTH, 3, 1)
        """Logit of a centre, and where in the cell it lies (x, y)."""
        self.attributes = nn.Linear(WIDTH, sum(SIZES.values()))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(N, WIDTH, 16, 16) features, and (N, 3, 16, 16) logit, x and y of centres."""
        images = images.contiguous(memory_format=torch.channels_last)
        fine = self.fine(images - 0.5)  # (N, 48, 16, 16)
        coarse = functional.interpolate(self.coarse(fine), scale_factor=2.0, mode="bilinear")
        features = torch.relu(coarse + self.across(fine))
        return features, self.centre(features)

    def regions(self, images: Tensor, most: int) -> Regions:
        """The ``most`` best things of uint8 pictures (N, 64, 64, 3)."""
        features, found = self(images.permute(0, 3, 1, 2).float() / 255)
        features, found = features.float(), found.float()
        heat = found[:, 0].sigmoid()
        peak = functional.max_pool2d(heat[:, None], 3, 1, 1)[:, 0]
        scores, cells = (heat * (heat >= peak)).flatten(1).topk(most)  # (N, K)
        picked = (
            features.flatten(2).transpose(1, 2).gather(1, cells[:, :, None].expand(-1, -1, WIDTH))
        )
        inside = (
            found[:, 1:].flatten(2).transpose(1, 2).gather(1, cells[:, :, None].expand(-1, -1, 2))
        )
        corner = torch.stack([cells % GRID, cells // GRID], -1)
        places = (corner + inside.sigmoid() * 2 - 0.5) / GRID - 0.5  # a little beyond the cell
        tokens = torch.cat([picked, places, scores[:, :, None]], -1)
        return Regions(tokens, scores >= SEEN_FROM)

    def read(self, features: Tensor) -> dict[str, Tensor]:
        """Logits of each attribute's values, (..., values), of features (..., WIDTH)."""
        logits = self.attributes(features).split(list(SIZES.values()), -1)
        return dict(zip(SIZES, logits, strict=True))
