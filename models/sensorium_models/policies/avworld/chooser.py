"""Choosing where to go: one score an option, seen beside all others.

Each option goes through the same small network; the mean and the largest of all are put beside
each, so that "better than the others" can be learned (Zaheer et al. 2017, arXiv:1703.06114).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sensorium_models.policies.avworld.options import FEATURES

WIDTH = 96


class Chooser(nn.Module):
    """Options (N, K, F) and which there are (N, K) -> logs of chances (N, K)."""

    def __init__(self) -> None:
        super().__init__()
        self.each = nn.Sequential(
            nn.Linear(FEATURES, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU()
        )
        self.score = nn.Sequential(
            nn.Linear(3 * WIDTH, WIDTH), nn.ReLU(), nn.Dropout(0.1), nn.Linear(WIDTH, 1)
        )

    def forward(self, options: Tensor, there: Tensor) -> Tensor:
        """See the class."""
        each = self.each(options) * there[..., None]  # (N, K, W)
        count = there.sum(1, keepdim=True).clamp(min=1)[..., None]
        most = each.amax(1, keepdim=True)
        mean = each.sum(1, keepdim=True) / count
        beside = torch.cat([each, mean.expand_as(each), most.expand_as(each)], -1)
        scores = self.score(beside)[..., 0].masked_fill(there == 0, -1e9)
        logs: Tensor = scores.log_softmax(-1)
        return logs
