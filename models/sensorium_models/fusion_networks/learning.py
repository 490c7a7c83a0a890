"""Fusion networks as the trainer takes them, and their file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from sensorium.errors import ModelUnavailable
from sensorium_models.fusion_networks.kinds import make
from sensorium_models.fusion_networks.network import FusionNetwork
from sensorium_models.fusion_networks.worlds import FusionData, Rows
from sensorium_models.training import Draw, Plan
from sensorium_models.training.tree import save_weights

FORMAT = "sensorium.fusion/1"
PLAN = Plan(steps=400, batch=128, learning_rate=3e-3, weight_decay=1e-3, evaluate_every=100)
"""What learns every task of this folder."""


class Learning:
    """A fusion network learning one task: cross-entropy of its classes.

    ``only`` trains it on some of the modalities, as a control.
    """

    score = "accuracy"

    def __init__(
        self,
        data: FusionData,
        kind: str,
        *,
        drop: float = 0.0,
        only: Sequence[str] | None = None,
        **options: Any,
    ) -> None:
        self.name = f"{kind} fusion of {data.name}"
        self.data, self.kind = data, kind
        self.options: dict[str, Any] = {"drop": drop, **options}
        self.only = tuple(only or data.sizes)

    def build(self, seed: int) -> nn.Module:
        """See :class:`~sensorium_models.training.Task`."""
        sizes = {name: size for name, size in self.data.sizes.items() if name in self.only}
        network = make(self.kind, sizes, len(self.data.labels), **self.options)
        network.standardise(self.data.train.inputs)
        return network

    def batch(self, draw: Draw) -> Any:
        """Inputs by modality, and labels."""
        rows = torch.from_numpy(draw.rows)
        shown: Sequence[str] = draw.settings.get("modalities", self.only)
        inputs = {name: self.data.train.inputs[name][rows] for name in shown}
        return inputs, self.data.train.labels[rows]

    def losses(self, network: FusionNetwork, batch: Any) -> dict[str, Tensor]:
        """See :class:`~sensorium_models.training.Task`."""
        inputs, labels = batch
        return {"classes": functional.cross_entropy(network(inputs).float(), labels)}

    def validate(self, network: FusionNetwork) -> dict[str, float]:
        """The share of right answers."""
        return {"accuracy": float(right(network, self.data.validation).float().mean())}


@torch.no_grad()
def right(
    network: FusionNetwork, rows: Rows, present: Mapping[str, Tensor] | None = None
) -> Tensor:
    """(N,) bool: which rows the network, in eval mode, gets right."""
    inputs = {name: rows.inputs[name] for name in network.names}
    there = {n: p for n, p in (present or {}).items() if n in network.names}
    hit: Tensor = network(inputs, there or None).argmax(1) == rows.labels
    return hit


@dataclass(frozen=True)
class Described:
    """What the file of a fusion network says of it."""

    task: str
    kind: str
    sizes: dict[str, int]
    labels: tuple[str, ...]
    options: dict[str, Any]
    spaces: dict[str, str]
    """By modality, the space its embeddings lie in; empty: this project's own features."""


def save_fusion(path: Path, network: FusionNetwork, said: Described) -> None:
    """Write network and description as one safetensors file."""
    about = {
        "format": FORMAT,
        "fusion": json.dumps(
            {"task": said.task, "kind": said.kind, "sizes": said.sizes, "labels": said.labels,
             "options": said.options, "spaces": said.spaces}
        ),
    }  # fmt: skip
    save_weights(path, network.state_dict(), about)


def load_fusion(path: Path) -> tuple[FusionNetwork, Described]:
    """Read them. Raises ModelUnavailable for any other file."""
    try:
        with safe_open(path, framework="pt") as file:
            about = file.metadata() or {}
        if about.get("format") != FORMAT:
            raise ModelUnavailable("fusion_network", f"{path} holds no fusion network")
        told = json.loads(about["fusion"])
        said = Described(told["task"], told["kind"], told["sizes"], tuple(told["labels"]),
                         told["options"], told["spaces"])  # fmt: skip
        network = make(said.kind, said.sizes, len(said.labels), **said.options)
        network.load_state_dict(load_file(path))
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelUnavailable(
            "fusion_network", f"{path} is no fusion network: {reason}"
        ) from error
    return network.eval().requires_grad_(False), said
