"""``sensorium evaluate controlnet``: is what is drawn led by its control, and the prompt obeyed."""

from __future__ import annotations

from typing import Any

import click

from sensorium_agents.commands.systems import say, tell, training


@click.command("controlnet")
@click.option("--kind", default="canny", show_default=True, type=click.Choice(["canny", "depth"]))
@click.option("--weights", default="", help="The base.  [default: the bundled one]")
@click.option("--controlnet", default="", help="A folder.  [default: the bundled one of the kind]")
@click.option("--pictures", default=60, show_default=True, type=click.IntRange(2, 100_000))
@click.option("--steps", default=25, show_default=True, type=click.IntRange(1, 1000))
@click.option("--device", default="cpu", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
def command(
    kind: Any, weights: str, controlnet: str, pictures: int, steps: int, device: str, as_json: bool
) -> None:
    """Measure how far pictures agree with their control, a shuffled, an empty one, and none.

    Five pictures are drawn for each of the --pictures: strengths 1, 0.5 and 0, an empty control,
    and the base without one.
    """
    with training("text to image", "generation,language,vision"):
        from sensorium_models.diffusion.checkpoint import bundled, control_name
        from sensorium_models.diffusion.control_report import measure_control
        from sensorium_models.diffusion.report import table

        found = measure_control(
            weights,
            controlnet or str(bundled(control_name(kind))),
            kind,
            pictures,
            steps=steps,
            device=device,
            tell=tell,
        )
    say(found, as_json, table)
