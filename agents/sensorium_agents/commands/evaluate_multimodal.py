"""``sensorium evaluate multimodal``: questions about one picture and about two, told pictures."""

from __future__ import annotations

from pathlib import Path

import click

from sensorium_agents.commands.systems import say, tell, training


@click.command("multimodal")
@click.option("--weights", type=click.Path(path_type=Path, exists=True, file_okay=False),
              help="Of `sensorium train multimodal`.  [default: the bundled one]")  # fmt: skip
@click.option("--turns", default=60, show_default=True, type=click.IntRange(5, 100_000),
              help="Of each kind and split.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
def command(weights: Path | None, turns: int, as_json: bool) -> None:
    """Measure the multimodal model on pictures that nothing was learnt from.

    Answers are generated freely and must match to the letter. Each figure comes with its controls:
    the commonest answer, a picture with nothing in it, another picture.
    """
    with training("the multimodal model", "language,vision"):
        from sensorium_models.multimodal.report import measure, table

        found = measure("" if weights is None else str(weights), turns, tell)
    say(found, as_json, table)
