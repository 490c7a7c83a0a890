"""``sensorium evaluate strategies``: each training strategy beside training without it."""

from __future__ import annotations

import click

from sensorium_agents.commands.systems import say, tell, training


@click.command("strategies")
@click.option("--only", multiple=True, help="Only this comparison; may be given again.")
@click.option("--seeds", default=3, show_default=True, type=click.IntRange(1, 100))
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
def command(only: tuple[str, ...], seeds: int, as_json: bool) -> None:
    """Train small tasks of the synthetic world with each strategy and without it.

    Comparisons: difficulty, modalities, balance, weights, steps, stopping. Arms of a comparison
    share data, seeds and steps, and are measured on the same pictures held back. Takes about three
    CPU minutes.
    """
    with training("training strategies"):
        import torch

        from sensorium_models.training import comparison

        torch.set_num_threads(1)
        found = comparison.compare(only or tuple(comparison.COMPARISONS), range(seeds), tell)
    say(found, as_json, comparison.table)
