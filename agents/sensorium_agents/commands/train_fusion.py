"""``sensorium train fusion``: a network that fuses pictures, sounds and words."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from sensorium_agents.commands.systems import on_progress, say, tell, training


@click.command("fusion")
@click.option("--task", default="world_rooms", show_default=True,
              help="world_rooms, world, unique, redundant, synergy, synergy_of_three.")  # fmt: skip
@click.option("--network", default="low_rank", show_default=True,
              help="late, concatenation, attention, bilinear, tensor or low_rank.")  # fmt: skip
@click.option("--steps", type=click.IntRange(1), help="[default: 1000 for a world, else 300]")
@click.option("--drop", default=0.2, show_default=True, type=click.FloatRange(0, 0.9),
              help="Modality dropout: the chance that one of a row is left out.")  # fmt: skip
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0, 1000))
@click.option("--out", type=click.Path(path_type=Path), help="Folder. [default: trained/fusion]")
@click.option("--json", "as_json", is_flag=True, help="The measures as one JSON object.")
def command(
    task: str, network: str, steps: int | None, drop: float, seed: int, out: Path | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Train a fusion network on a task and measure it on rows held back.

    OUT then holds fusion.safetensors, fusion.md (the model card), history.jsonl and curves.png. The
    model fusion_network runs that file in an agent.
    """
    folder = out or Path("trained/fusion")
    with training("fusion networks"):
        import torch

        from sensorium_models.fusion_networks.teaching import teach

        torch.set_num_threads(1)
        tell(f"making the rows of {task}")
        found = teach(task, network, folder, seed=seed, steps=steps, drop=drop, tell=on_progress)
    say(found, as_json, lambda it: _shown(it, folder))


def _shown(found: Mapping[str, Any], folder: Path) -> str:
    from sensorium_models.fusion_networks.measuring import table

    return f"{table(found)}\n  weights and card in {folder}"
