"""Small things to learn, and a program that learns one until it is killed."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from sensorium_models.training import Draw, Passes, Plan, fit

ROWS = 240


class Sines:
    """Two curves learnt at once by one network with dropout and batch norm."""

    score = "fit"
    name = "sines"

    def __init__(self) -> None:
        self.inputs = torch.linspace(-2, 2, ROWS)[:, None]
        self.asked = 0

    def build(self, seed: int) -> nn.Module:
        return nn.Sequential(
            nn.Linear(1, 24), nn.BatchNorm1d(24), nn.Tanh(), nn.Dropout(0.1), nn.Linear(24, 2)
        )

    def batch(self, draw: Draw) -> Tensor:
        self.asked += 1
        return self.inputs[torch.from_numpy(draw.rows)]

    def losses(self, network: nn.Module, batch: Tensor) -> Mapping[str, Tensor]:
        out = network(batch)
        return {
            "sine": functional.mse_loss(out[:, :1], torch.sin(2 * batch)),
            "large": 100 * functional.mse_loss(out[:, 1:], torch.cos(3 * batch)),
        }

    def validate(self, network: nn.Module) -> Mapping[str, float]:
        errors = self.losses(network, self.inputs)
        return {"fit": -float(errors["sine"]), "large": -float(errors["large"])}

    def shared(self, network: Any) -> list[nn.Parameter]:
        return [network[0].weight]


PLANS: dict[str, dict[str, Any]] = {
    "plain": {},
    "averaged": {"ema": 0.95},
    "accumulated": {"accumulate": 3},
    "bfloat16": {"precision": "bfloat16", "ema": 0.9},
}


def plan_of(name: str, **changes: Any) -> Plan:
    numbers: dict[str, Any] = {"steps": 120, "batch": 16, "evaluate_every": 40,
                               "checkpoint_every": 10, "learning_rate": 0.01}  # fmt: skip
    return Plan(**{**numbers, **PLANS[name], **changes})


if __name__ == "__main__":  # NAME FOLDER [WAIT_AT]: says so at that step, and waits to be killed
    wanted, folder = sys.argv[1:3]
    wait_at = int(sys.argv[3]) if len(sys.argv) > 3 else -1
    torch.set_num_threads(1)

    class Waits(Sines):
        """Learns on until the batch of a step, then holds still."""

        def batch(self, draw: Draw) -> Tensor:
            if draw.index == wait_at:
                print("here", flush=True)
                sys.stdin.read()
            return super().batch(draw)

    fit(Waits(), plan_of(wanted), Path(folder), sampler=Passes(ROWS), curves=False)
