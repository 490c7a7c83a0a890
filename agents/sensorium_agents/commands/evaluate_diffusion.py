"""``sensorium evaluate diffusion``: what is drawn, judged by attribute and by GenEval's tasks."""

from __future__ import annotations

import click

from sensorium_agents.commands.systems import say, tell, training


@click.command("diffusion")
@click.option("--weights", default="", help="A folder or hub id.  [default: the bundled one]")
@click.option("--pictures", default=60, show_default=True, type=click.IntRange(2, 100_000),
              help="Of each kind.")  # fmt: skip
@click.option("--steps", default=25, show_default=True, type=click.IntRange(1, 1000))
@click.option("--guidance", default=3.0, show_default=True, type=click.FloatRange(0, 50))
@click.option("--device", default="cpu", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
def command(
    weights: str, pictures: int, steps: int, guidance: float, device: str, as_json: bool
) -> None:
    """Measure text to image by the world's judge, which reads pixels and knows no network.

    Each figure comes with its control: the same pictures beside other prompts.
    """
    with training("text to image", "generation,language,vision"):
        from sensorium_models.diffusion.report import measure, table

        found = measure(weights, pictures, steps=steps, guidance=guidance, device=device, tell=tell)
    say(found, as_json, table)
