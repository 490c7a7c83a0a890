"""``sensorium train diffusion``: text to image for the synthetic world, as a diffusers pipeline."""

from __future__ import annotations

from pathlib import Path

import click

from sensorium_agents.commands.systems import on_progress, say, tell, training


@click.command("diffusion")
@click.option("--steps", type=click.IntRange(10), help="Of the UNet.  [default: as the recipe]")
@click.option("--autoencoder-steps", type=click.IntRange(10), help="[default: as the recipe]")
@click.option("--scenes", type=click.IntRange(32), help="Drawn once.  [default: as the recipe]")
@click.option("--start", default="", metavar="FOLDER",
              help="Train on a pipeline's UNet; its other parts stay as they are.")  # fmt: skip
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0, 1000))
@click.option("--minutes", type=click.FloatRange(0, min_open=True),
              help="The most CPU time of the UNet; the learning rate falls along it.")  # fmt: skip
@click.option("--threads", default=1, show_default=True, type=click.IntRange(1, 256))
@click.option("--pictures", default=60, show_default=True, type=click.IntRange(2, 100_000),
              help="Of each kind, to measure what was learnt.")  # fmt: skip
@click.option(
    "--out", type=click.Path(path_type=Path), help="Folder.  [default: trained/diffusion]"
)
@click.option("--json", "as_json", is_flag=True, help="The measures as one JSON object.")
def command(
    steps: int | None,
    autoencoder_steps: int | None,
    scenes: int | None,
    start: str,
    seed: int,
    minutes: float | None,
    threads: int,
    pictures: int,
    out: Path | None,
    as_json: bool,
) -> None:
    """Train autoencoder, text encoder and UNet, save them as one pipeline, and measure it.

    OUT then holds diffusion-world/ (a StableDiffusionPipeline in diffusers' format) and
    diffusion-world.md (its card). The model text_to_image runs it: weights = "OUT/diffusion-world".
    """
    folder = out or Path("trained/diffusion")
    with training("text to image", "generation,language,vision"):
        import torch

        from sensorium_models.diffusion.learning import SCENES, STEPS
        from sensorium_models.diffusion.report import table
        from sensorium_models.diffusion.teaching import AUTOENCODER_STEPS, Sizes, teach

        torch.set_num_threads(threads)
        found = teach(
            folder,
            Sizes(
                autoencoder=autoencoder_steps or AUTOENCODER_STEPS,
                unet=steps or STEPS,
                scenes=scenes or SCENES,
            ),
            start=start,
            seed=seed,
            minutes=minutes,
            pictures=pictures,
            tell=tell,
            on_progress=on_progress,
        )
    say(found, as_json, lambda it: f"{table(it)}\n  weights and card in {folder}")
