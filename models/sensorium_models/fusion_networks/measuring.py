"""What a trained fusion network is worth on its task, with the controls that belong beside it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from sensorium.errors import BadInput
from sensorium_models.fusion_networks.evaluation import WORLDS, data_of
from sensorium_models.fusion_networks.learning import load_fusion, right
from sensorium_models.fusion_networks.network import FusionNetwork
from sensorium_models.fusion_networks.worlds import FusionData, Rows
from sensorium_models.metrics.rates import Rate
from sensorium_models.store import ModelStore

BUNDLED = "fusion-world"
WEIGHTS = "fusion-world.safetensors"
MORE = 1000
"""Rows of each further split of the world."""


def measure_file(path: Path | None) -> dict[str, Any]:
    """Measure a file of ``sensorium train fusion``, or the bundled one. Raises BadInput where its
    labels are of no task that is known."""
    path = path or ModelStore().path(BUNDLED, WEIGHTS)
    network, said = load_fusion(path)
    data = data_of(said.task)
    if (data.sizes, data.labels) != (said.sizes, said.labels):
        raise BadInput(f"{path} was trained on another version of the task {said.task}")
    return {"weights": path.name, "network": said.kind, **measure(network, data)}


def measure(network: FusionNetwork, data: FusionData) -> dict[str, Any]:
    """Rates on the test rows: whole, with each modality missing, with each alone, and (control)
    with each modality of other rows; for the world also on pairs and sounds never learnt."""
    rows = data.test
    found = {"as trained": _rate(network, rows)}
    if data.name in WORLDS:
        from sensorium_models.fusion_networks.claims import rows_of

        rooms = data.name == "world_rooms"
        unseen, unheard = (
            rows_of("unseen", MORE, rooms=rooms),
            rows_of("test", MORE, unheard=True, rooms=rooms),
        )
        found["unseen pairs of shape and colour"] = _rate(network, unseen)
        found["unheard variants of the sounds"] = _rate(network, unheard)
    nobody = torch.zeros(len(rows), dtype=torch.bool)
    for name in network.names:
        found[f"without {name}"] = _rate(network, rows, {name: nobody})
    for name in network.names:
        found[f"{name} alone"] = _rate(
            network, rows, {other: nobody for other in network.names if other != name}
        )
    for name in network.names:
        shuffled = {**rows.inputs, name: rows.inputs[name].roll(1, 0)}
        found[f"{name} of another row"] = _rate(network, Rows(shuffled, rows.labels))
    return {
        "task": data.name,
        "chance": data.chance,
        "rates": {
            name: {"value": rate.value, "n": rate.n, "ci95": list(rate.ci95)}
            for name, rate in found.items()
        },
    }


def _rate(
    network: FusionNetwork, rows: Rows, present: Mapping[str, torch.Tensor] | None = None
) -> Rate:
    hits = right(network, rows, present)
    return Rate(int(hits.sum()), len(hits))


def table(found: Mapping[str, Any]) -> str:
    """For a person."""
    lines = [f"{found['network']} on {found['task']} ({found['weights']}); the commonest class is"
             f" right in {found['chance']:.1%}"]  # fmt: skip
    for name, rate in found["rates"].items():
        low, high = rate["ci95"]
        told = f"{rate['value']:.1%} (95 % {low:.1%} to {high:.1%}; n = {rate['n']})"
        lines.append(f"  {name:<34}{told}")
    return "\n".join(lines)
