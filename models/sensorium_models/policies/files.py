"""Weights of a BabyAI policy as a file: 16-bit safetensors that say what was taught."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from sensorium.errors import ModelUnavailable
from sensorium_models.policies.babyai import BabyAINetwork
from sensorium_models.training.tree import save_weights


def save_network(path: Path, network: BabyAINetwork, levels: Sequence[str]) -> None:
    """Write it, whole or not at all, with the ids of the levels it was taught."""
    weights = {name: value.to(torch.float16) for name, value in network.state_dict().items()}
    save_weights(path, weights, {"format": "sensorium.babyai/1", "levels": json.dumps([*levels])})


def load_network(path: Path) -> tuple[BabyAINetwork, tuple[str, ...]]:
    """The network, in 32 bits, and what it was taught; nothing where the file does not say.

    Raises :class:`ModelUnavailable` for what is no such file.
    """
    try:
        with safe_open(path, framework="pt") as file:
            about = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        network = BabyAINetwork(weights["memory.weight_hh_l0"].shape[1])
        network.load_state_dict(weights)
        levels = tuple(str(level) for level in json.loads(about.get("levels", "[]")))
    except (OSError, SafetensorError, RuntimeError, LookupError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise ModelUnavailable(
            "the BabyAI policy", f"{path} holds no weights of it: {reason}"
        ) from error
    return network.eval().requires_grad_(False), levels
