"""``sensorium train multimodal``: a connector that lets the language model see pictures."""

from __future__ import annotations

from pathlib import Path

import click

from sensorium_agents.commands.systems import on_progress, say, tell, training


@click.command("multimodal")
@click.option("--steps", type=click.IntRange(10),
              help="Of the stage with the language model.  [default: as planned]")  # fmt: skip
@click.option("--warm-steps", type=click.IntRange(10),
              help="Of the stage before it.  [default: as planned]")  # fmt: skip
@click.option("--pictures", type=click.IntRange(16), help="To learn from.  [default: as planned]")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0, 1000))
@click.option("--minutes", type=click.FloatRange(0, min_open=True),
              help="The most CPU time for the stage with the language model.")  # fmt: skip
@click.option("--threads", default=1, show_default=True, type=click.IntRange(1, 256))
@click.option("--out", type=click.Path(path_type=Path),
              help="Folder.  [default: trained/multimodal]")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="The measures as one JSON object.")
def command(
    steps: int | None, warm_steps: int | None, pictures: int | None, seed: int,
    minutes: float | None, threads: int, out: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Train the connector between the eye and the language model of the store, and measure it.

    Neither the eye nor the language model is changed. OUT then holds multimodal-world (a folder),
    multimodal-world.md (its card) and the loss curves.
    """
    folder = out or Path("trained/multimodal")
    with training("the multimodal model", "language,vision"):
        import torch

        from sensorium_models.multimodal import learning
        from sensorium_models.multimodal.report import table
        from sensorium_models.multimodal.teaching import teach

        torch.set_num_threads(threads)
        found = teach(
            folder, steps=steps or learning.STEPS, warm_steps=warm_steps or learning.WARM_STEPS,
            pictures=pictures or learning.PICTURES, seed=seed, minutes=minutes, tell=tell,
            on_progress=on_progress,
        )  # fmt: skip
    say(found, as_json, lambda it: f"{table(it)}\n  weights and card in {folder}")
