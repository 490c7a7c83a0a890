"""The policy of the listening arenas: what is seen about the horizon and heard, to an action.

After Hegde et al., Agents that Listen (2021), whose agents join a convolution over the picture
with one of several encoders of sound (theirs of Fourier magnitudes did best) and a GRU. Here the
sound is twelve bands of energy for each ear. The deaf agent is the same network over silence.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

ACTIONS = 3
ROWS = slice(28, 92)
"""Of the camera's 120 rows: the band about the horizon, where pillars stand."""
SEEN = (32, 80, 3)
"""The band at half its size."""
BANDS = 12
HEARD = 2 * BANDS
MEMORY = 128
BEARINGS = 7
"""Parts of the view that are told apart; one more means out of view."""
RATE = 11_025
_LOWEST_HZ = 80.0
_FLOOR = 1e-6


def see(camera: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(120, 160, 3) to (32, 80, 3), both uint8."""
    band = camera[ROWS].astype(np.uint16)
    rows, columns, _ = band.shape
    halved: NDArray[np.uint16] = band.reshape(rows // 2, 2, columns // 2, 2, 3).sum((1, 3)) // 4
    return halved.astype(np.uint8)


def hear(ears: NDArray[np.float32]) -> NDArray[np.float32]:
    """(2, N) samples to (24,): for each ear the log energy of 12 bands, 80 to 5,512 Hz."""
    power = np.abs(np.fft.rfft(ears * np.hanning(ears.shape[1]), axis=1)) ** 2
    edges = np.geomspace(_LOWEST_HZ, RATE / 2, BANDS + 1) * ears.shape[1] / RATE
    starts = edges[:-1].astype(int)
    energy = np.add.reduceat(power, starts, axis=1) / ears.shape[1]
    felt: NDArray[np.float32] = (np.log10(energy + _FLOOR) / 3 + 1).astype(np.float32).ravel()
    return felt


def understand(mission: str) -> float:
    """Which of the two tasks: 1 go where one is told, 0 find what sounds, 0.5 without words."""
    return float("told" in mission) if mission else 0.5


class DoomNetwork(nn.Module):
    """Convolution over the picture, layers over the sound, a memory, three actions.

    What is heard weighs the channels of what is seen, as in FiLM (Perez et al. 2018): so a sound
    can make one mind a colour.
    """

    def __init__(self) -> None:
        super().__init__()
        self.seeing = nn.Sequential(
            nn.Conv2d(3, 24, 4, 4), nn.ReLU(),              # (24, 8, 20)
            nn.Conv2d(24, 32, 3, 2, padding=1), nn.ReLU(),  # (32, 4, 10)
        )  # fmt: skip
        self.minding = nn.Linear(64, 32)
        self.placing = nn.Sequential(nn.Flatten(), nn.Linear(1280, 96), nn.ReLU())
        self.hearing = nn.Sequential(
            nn.Linear(3 * BANDS, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU()
        )
        self.remembering = nn.GRU(96 + 64 + ACTIONS + 2, MEMORY, batch_first=True)
        self.deciding = nn.Linear(MEMORY, ACTIONS)
        self.pointing = nn.Linear(96 + 64, BEARINGS + 1)

    def forward(
        self, seen: Tensor, heard: Tensor, last: Tensor, asked: Tensor, memory: Tensor,
        there: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
        """Logits of actions (B, T, 3), the memory after (1, B, 128), and logits (B, T, 8) of where
        in the view the pillar is: that is asked while it learns, so that it learns to match what
        it sees with what it hears.

        ``seen`` (B, T, 32, 80, 3) uint8, ``heard`` (B, T, 24), ``last`` (B, T) the action before,
        3 at the start; ``asked`` (B,) what :func:`understand` gave; ``memory`` (1, B, 128);
        ``there`` (B, T) bool: steps that are not there are not looked at, and mean nothing.
        """
        sensed = self._sense(seen, heard, there)
        did = nn.functional.one_hot(last, ACTIONS + 1).float()
        told = asked[:, None, None].expand(*last.shape, 1)
        felt, after = self.remembering(torch.cat([sensed, did, told], -1), memory)
        logits: Tensor = self.deciding(felt)
        return logits, after, self.pointing(sensed)

    def _sense(self, seen: Tensor, heard: Tensor, there: Tensor | None) -> Tensor:
        """What each moment shows (B, T, 160), without memory."""
        left, right = heard[..., :BANDS], heard[..., BANDS:]
        listened = self.hearing(torch.cat([left, right, (left - right) * 3], -1))
        if there is None:
            there = torch.ones(heard.shape[:2], dtype=torch.bool, device=heard.device)
        mind = 2 * torch.sigmoid(self.minding(listened[there]))
        looked = self.seeing(seen[there].permute(0, 3, 1, 2).float() / 128 - 1)
        placed = self.placing(looked * mind[:, :, None, None])
        whole = placed.new_zeros(*heard.shape[:2], placed.shape[-1])
        return torch.cat([whole.masked_scatter(there[..., None], placed), listened], -1)


def parameters_of(network: nn.Module) -> int:
    """How many numbers it has."""
    return sum(weights.numel() for weights in network.parameters())
