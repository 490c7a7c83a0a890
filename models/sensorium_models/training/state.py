"""All that training carries from step to step, and its way to a file and back."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sensorium.errors import BadInput
from sensorium_models.training.plan import Plan, check_same
from sensorium_models.training.tree import load_tree, save_tree
from sensorium_models.training.weighting import Weighting

CHECKPOINT = "checkpoint.safetensors"


@dataclass(slots=True)
class Standing:
    """Where training stands, beside the tensors."""

    step: int = 0
    spent_s: float = 0.0
    stage: int = 0
    stage_began: int = 0
    """The step that was the first of the stage."""
    best: float | None = None
    best_step: int = 0
    best_figures: dict[str, float] = field(default_factory=dict)
    stale: int = 0
    """Evaluations since the best."""
    evaluated: int = -1
    """The step of the last evaluation, and its figures:"""
    figures: dict[str, float] = field(default_factory=dict)
    sums: dict[str, float] = field(default_factory=dict)
    """Losses since the last report, added up."""
    summed: int = 0
    ended: str = ""


class State:
    """Network, its average, optimiser, weighting, and where training stands."""

    def __init__(self, network: nn.Module, weighting: Weighting | None, plan: Plan) -> None:
        self.network = network
        self.weighting = weighting
        self.averaged: nn.Module | None = None
        if plan.ema is not None:
            self.averaged = copy.deepcopy(network).requires_grad_(False).eval()
        self.optimiser = torch.optim.AdamW(
            _groups(network, weighting, plan.weight_decay), plan.learning_rate, plan.betas
        )
        self.standing = Standing()

    @property
    def shown(self) -> nn.Module:
        """The network that is evaluated and kept: the average, where there is one."""
        return self.network if self.averaged is None else self.averaged

    @torch.no_grad()
    def average(self, decay: float) -> None:
        """Move the average towards the weights; early on faster, as there is little to keep."""
        assert self.averaged is not None
        step = self.standing.step
        decay = min(decay, (1 + step) / (10 + step))
        pairs = zip(self.averaged.state_dict().values(), self.network.state_dict().values(),
                    strict=True)  # fmt: skip
        for mean, now in pairs:
            if mean.is_floating_point():
                mean.lerp_(now, 1 - decay)
            else:
                mean.copy_(now)

    def save(self, folder: Path, about: Mapping[str, Any]) -> None:
        """Write the checkpoint: whole, or the one before stays."""
        standing = {name: getattr(self.standing, name) for name in Standing.__slots__}
        tree = {
            "about": about,
            "standing": standing,
            "network": self.network.state_dict(),
            "averaged": None if self.averaged is None else self.averaged.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "weighting": None if self.weighting is None else self.weighting.state_dict(),
        }
        save_tree(folder / CHECKPOINT, tree)

    def load(self, folder: Path, about: Mapping[str, Any]) -> bool:
        """Go on from the folder's checkpoint; False where there is none.

        Raises BadInput for a run that was begun otherwise, ModelCorrupt for a damaged file.
        """
        path = folder / CHECKPOINT
        if not path.exists():
            return False
        tree = load_tree(path)
        before = dict(tree["about"])
        plan, now = dict(before.pop("plan")), dict(about)
        check_same(plan, dict(now.pop("plan")), folder)
        if before != now:
            raise BadInput(
                f"{folder} holds another run ({before}; asked for: {now}): choose another folder,"
                " or begin anew with resume=False"
            )
        try:
            self.network.load_state_dict(tree["network"])
            if self.averaged is not None:
                self.averaged.load_state_dict(tree["averaged"])
            if self.weighting is not None:
                self.weighting.load_state_dict(tree["weighting"])
        except RuntimeError as error:
            reason = str(error).splitlines()[0]
            raise BadInput(f"{path} is of another network: {reason}") from error
        self.optimiser.load_state_dict(tree["optimiser"])
        self.standing = Standing(**tree["standing"])
        return True


def _groups(
    network: nn.Module, weighting: Weighting | None, weight_decay: float
) -> list[dict[str, Any]]:
    """Weights of two dimensions and more decay; biases, norms and the weighting's do not."""
    learnt = [p for p in network.parameters() if p.requires_grad]
    if not learnt:
        raise BadInput("the network has no parameter that can be learnt")
    plain = [p for p in learnt if p.ndim < 2]
    if weighting is not None:
        plain += list(weighting.parameters())
    groups: list[dict[str, Any]] = [
        {"params": [p for p in learnt if p.ndim >= 2], "weight_decay": weight_decay},
        {"params": plain, "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def to_device(tree: Any, device: str) -> Any:
    """The tensors of a batch on ``device``."""
    if isinstance(tree, Tensor):
        return tree.to(device)
    if isinstance(tree, Mapping):
        return {key: to_device(value, device) for key, value in tree.items()}
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):  # a NamedTuple
        return type(tree)(*(to_device(value, device) for value in tree))
    if isinstance(tree, (list, tuple)):
        return type(tree)(to_device(value, device) for value in tree)
    return tree
