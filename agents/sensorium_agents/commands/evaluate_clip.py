"""``sensorium evaluate clip``: zero-shot, retrieval, Winoground's groups and the modality gap."""

from __future__ import annotations

import click

from sensorium_agents.commands.systems import say, tell, training


@click.command("clip")
@click.option("--weights", default="", help="A folder or hub id.  [default: the bundled one]")
@click.option("--pictures", default=1000, show_default=True, type=click.IntRange(10, 100_000),
              help="Of each split, for zero-shot.")  # fmt: skip
@click.option("--pairs", default=500, show_default=True, type=click.IntRange(10, 5000),
              help="In each gallery.")  # fmt: skip
@click.option("--groups", default=400, show_default=True, type=click.IntRange(10, 10_000),
              help="Of each kind of twins.")  # fmt: skip
@click.option("--device", default="cpu", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
def command(
    weights: str, pictures: int, pairs: int, groups: int, device: str, as_json: bool
) -> None:
    """Measure a CLIP on pictures of the synthetic world that nothing was learnt from.

    Each figure comes with its control: pictures shuffled, colours alone, text alone, chance.
    """
    with training("CLIP", "language,vision"):
        from sensorium_models.clip.report import Trials, measure, table

        found = measure(weights, Trials(pictures, pairs, groups), device=device, tell=tell)
    say(found, as_json, table)
