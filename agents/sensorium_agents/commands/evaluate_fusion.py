"""``sensorium evaluate fusion``: fusion networks side by side, or one that was trained."""

from __future__ import annotations

from pathlib import Path

import click

from sensorium_agents.commands.systems import say, tell, training


@click.command("fusion")
@click.option("--task", "tasks", multiple=True, help="Only this task; may be given again.")
@click.option("--network", "networks", multiple=True, help="Only this kind, beside late fusion.")
@click.option("--seeds", default=3, show_default=True, type=click.IntRange(1, 100))
@click.option("--steps", type=click.IntRange(1), help="[default: 1000 for the world, else 300]")
@click.option("--weights", type=click.Path(path_type=Path, exists=True, dir_okay=False),
              help="Measure this file of `sensorium train fusion` on its task.")  # fmt: skip
@click.option("--bundled", is_flag=True, help="Measure the bundled network on its task.")
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
def command(
    tasks: tuple[str, ...], networks: tuple[str, ...], seeds: int,
    steps: int | None, weights: Path | None,
    bundled: bool, as_json: bool,
) -> None:  # fmt: skip
    """Train every network on every task with every seed, and measure each on rows held back.

    The tasks hold their information in one modality (unique), in each (redundant), in two or three
    together (synergy, synergy_of_three), or are claims about the synthetic world's pictures and
    sounds (world). Takes about seven CPU minutes.
    """
    with training("fusion networks"):
        import torch

        from sensorium_models.fusion_networks import evaluation, measuring
        from sensorium_models.fusion_networks.kinds import KINDS

        torch.set_num_threads(1)
        if weights is not None or bundled:
            found = measuring.measure_file(weights)
            show = measuring.table
        else:
            found = evaluation.compare(
                tasks or evaluation.TASKS, networks or tuple(KINDS), range(seeds), tell, steps
            )
            show = evaluation.table
    say(found, as_json, show)
