"""Hearing: which of the sounds that words name comes from where.

The two ears' short-time spectra give four pictures of time and frequency: loudness, difference of
level, and the two parts of the normalised cross-spectrum (difference of time). A convolutional
network makes of them a map for each sound: 24 directions around the head, five rings of distance,
in each the chance that the sound comes from there. One more map is for whatever sounds.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from sensorium_sims.avworld.sounds import CHUNK
from sensorium_sims.avworld.vocabulary import SOUNDS

WINDOW, HOP = 512, 256
FRAMES = 1 + (CHUNK - WINDOW) // HOP
FINE, WIDE, STEP = 48, 26, 8
"""Bands: 48 of one bin (31 Hz) each up to 1.5 kHz, then 26 of eight bins (250 Hz)."""
BANDS = FINE + WIDE
MAPS = len(SOUNDS) + 1
ANY = len(SOUNDS)
"""The map of whatever sounds."""
DIRECTIONS = 24
RING_M = (1.0, 2.0, 3.5)
"""Ends of the inner rings; the fourth is all beyond; in the fifth is what comes through doors."""
DOORS = len(RING_M) + 1
RINGS = DOORS + 1
RARE = -5.0
"""Logit that the network begins with: places with a sound are rare."""


class Hearing(nn.Module):
    """Sound (N, 2, 3200) of left and right -> logits (N, 9, 24, 5).

    Direction ``d`` has its middle ``(d + 0.5) * 15`` degrees counter-clockwise from ahead.
    """

    bands: Tensor
    window: Tensor
    height: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("bands", _bands(), persistent=False)
        self.register_buffer("window", torch.hann_window(WINDOW), persistent=False)
        height = torch.linspace(-1, 1, BANDS)[None, None, :, None].expand(1, 1, BANDS, FRAMES)
        self.register_buffer("height", height.clone(), persistent=False)
        self.look = nn.Sequential(
            nn.Conv2d(5, 32, 3, 1, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU(),
            nn.Conv2d(32, 48, 3, 2, 1, bias=False), nn.BatchNorm2d(48), nn.ReLU(),
            nn.Conv2d(48, 64, 3, 2, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU(),
            nn.Conv2d(64, 64, 3, (2, 1), 1, bias=False), nn.BatchNorm2d(64), nn.ReLU(),
            nn.Flatten(), nn.Linear(64 * 10 * 3, 384, bias=False), nn.BatchNorm1d(384), nn.ReLU(),
        )  # fmt: skip
        self.place = nn.Linear(384, MAPS * DIRECTIONS * RINGS)
        nn.init.constant_(self.place.bias, RARE)

    def pictures(self, sound: Tensor) -> Tensor:
        """Sound (N, 2, T) -> (N, 5, 74, frames); the fifth says how high each band is."""
        many = len(sound)
        spectrum = torch.stft(
            sound.flatten(0, 1), WINDOW, HOP, window=self.window, center=False, return_complex=True
        ).reshape(many, 2, WINDOW // 2 + 1, -1)  # (N, 2, 257, frames)
        left, right = spectrum[:, 0], spectrum[:, 1]
        power: Tensor = torch.einsum(
            "bf,nfet->nebt", self.bands, spectrum.abs().square().transpose(1, 2)
        )
        cross = left * right.conj()
        parts = torch.stack([cross.real, cross.imag], 1)  # (N, 2, 257, frames)
        parts = torch.einsum("bf,nefT->nebT", self.bands, parts)
        floor = 1e-3  # about the power of the noise that is always there
        both = power.sum(1, keepdim=True)
        loud = torch.log(both + floor) / 4
        level = torch.log((power[:, :1] + floor) / (power[:, 1:] + floor))
        phase = parts / (power.prod(1, keepdim=True).sqrt() + floor)
        return torch.cat([loud, level, phase, self.height.expand(many, -1, -1, -1)], 1)

    def forward(self, sound: Tensor) -> Tensor:
        """See the class."""
        heard: Tensor = self.place(self.look(self.pictures(sound)))
        return heard.view(-1, MAPS, DIRECTIONS, RINGS)


def losses(heard: Tensor, truth: Tensor) -> dict[str, Tensor]:
    """How wrong :class:`Hearing` was; truth is (N, 9, 24, 5) of zeros and ones."""
    wrong = functional.binary_cross_entropy_with_logits(heard, truth, reduction="sum")
    return {"places": wrong / len(heard)}


def direction_of(bearing: float) -> int:
    """The direction that a bearing (radians, positive is left) lies in."""
    return int(bearing % (2 * math.pi) / (2 * math.pi) * DIRECTIONS) % DIRECTIONS


def ring_of(distance: float, doors: int) -> int:
    """The ring of a distance in metres; through doors it is always the last one."""
    return DOORS if doors else int(np.searchsorted(RING_M, distance, side="right"))


def _bands() -> Tensor:
    """(74, 257): the mean of the bins of each band."""
    matrix = torch.zeros(BANDS, WINDOW // 2 + 1)
    for band in range(FINE):
        matrix[band, band + 1] = 1
    for band in range(WIDE):
        first = FINE + 1 + band * STEP
        matrix[FINE + band, first : first + STEP] = 1 / STEP
    return matrix
