"""``sensorium train clip``: a CLIP of the synthetic world, pictures and captions in one space."""

from __future__ import annotations

from pathlib import Path

import click

from sensorium_agents.commands.systems import on_progress, say, tell, training


@click.command("clip")
@click.option("--steps", type=click.IntRange(10), help="Of the optimiser.  [default: as bundled]")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0, 1000))
@click.option("--minutes", type=click.FloatRange(0, min_open=True), help="The most CPU time.")
@click.option("--threads", default=1, show_default=True, type=click.IntRange(1, 256))
@click.option("--out", type=click.Path(path_type=Path), help="Folder.  [default: trained/clip]")
@click.option("--json", "as_json", is_flag=True, help="The measures as one JSON object.")
def command(
    steps: int | None,
    seed: int,
    minutes: float | None,
    threads: int,
    out: Path | None,
    as_json: bool,
) -> None:
    """Train a CLIP on pictures and captions of the synthetic world, and measure it.

    OUT then holds clip-world/ (a CLIPModel in transformers' format), clip-world.md (its card),
    history.jsonl and curves.png. The model clip runs it in an agent: weights = "OUT/clip-world".
    """
    folder = out or Path("trained/clip")
    with training("CLIP", "language,vision"):
        import torch

        from sensorium_models.clip.learning import STEPS
        from sensorium_models.clip.report import table
        from sensorium_models.clip.teaching import teach

        torch.set_num_threads(threads)
        found = teach(
            folder,
            steps=steps or STEPS,
            seed=seed,
            minutes=minutes,
            tell=tell,
            on_progress=on_progress,
        )
    say(found, as_json, lambda it: f"{table(it)}\n  weights and card in {folder}")
