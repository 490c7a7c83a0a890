"""``sensorium train controlnet``: leading text to image by edges or depth, for the small world."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sensorium_agents.commands.systems import on_progress, say, tell, training


@click.command("controlnet")
@click.option("--kind", default="canny", show_default=True, type=click.Choice(["canny", "depth"]))
@click.option("--base", default="", help="A pipeline's folder.  [default: the bundled one]")
@click.option("--steps", type=click.IntRange(10), help="[default: as the recipe]")
@click.option("--scenes", type=click.IntRange(32), help="Drawn once.  [default: as the recipe]")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0, 1000))
@click.option("--minutes", type=click.FloatRange(0, min_open=True),
              help="The most CPU time; the learning rate falls along it.")  # fmt: skip
@click.option("--threads", default=1, show_default=True, type=click.IntRange(1, 256))
@click.option("--pictures", default=60, show_default=True, type=click.IntRange(2, 100_000),
              help="To measure what was learnt.")  # fmt: skip
@click.option(
    "--out", type=click.Path(path_type=Path), help="Folder.  [default: trained/controlnet]"
)
@click.option("--json", "as_json", is_flag=True, help="The measures as one JSON object.")
def command(
    kind: Any,
    base: str,
    steps: int | None,
    scenes: int | None,
    seed: int,
    minutes: float | None,
    threads: int,
    pictures: int,
    out: Path | None,
    as_json: bool,
) -> None:
    """Train a ControlNet beside a base that stays as it is, save it, and measure it.

    OUT then holds controlnet-world/ (for depth controlnet-world-depth/), a ControlNetModel in
    diffusers' format, and its card. Use it with --controlnet, beside the same base.
    """
    folder = out or Path("trained/controlnet")
    with training("text to image", "generation,language,vision"):
        import torch

        from sensorium_models.diffusion.control_learning import SCENES, STEPS
        from sensorium_models.diffusion.control_teaching import teach
        from sensorium_models.diffusion.report import table

        torch.set_num_threads(threads)
        found = teach(
            folder,
            kind,
            base,
            steps=steps or STEPS,
            scenes=scenes or SCENES,
            seed=seed,
            minutes=minutes,
            pictures=pictures,
            tell=tell,
            on_progress=on_progress,
        )
    say(found, as_json, lambda it: f"{table(it)}\n  weights and card in {folder}")
