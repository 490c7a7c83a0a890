"""``sensorium evaluate inpainting``: masks from phrases, new objects, and what must not change."""

from __future__ import annotations

import click

from sensorium_agents.commands.systems import say, tell, training


@click.command("inpainting")
@click.option("--weights", default="", help="A folder or hub id.  [default: the bundled one]")
@click.option("--pictures", default=40, show_default=True, type=click.IntRange(2, 100_000))
@click.option("--device", default="cpu", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
def command(weights: str, pictures: int, device: str, as_json: bool) -> None:
    """Measure masks found by phrases, and what is drawn in the place of what they name."""
    with training("inpainting", "generation,language,vision"):
        from sensorium_models.diffusion.report import measure_inpainting, table

        found = measure_inpainting(weights, pictures, device=device, tell=tell)
    say(found, as_json, table)
