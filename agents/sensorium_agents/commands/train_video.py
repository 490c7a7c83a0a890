"""``sensorium train video``: a model that answers questions about films and tells what happens."""

from __future__ import annotations

from pathlib import Path

import click

from sensorium_agents.commands.systems import on_progress, say, tell, training


@click.command("video")
@click.option(
    "--steps", type=click.IntRange(10), help="Of the film's stage.  [default: as planned]"
)
@click.option("--eye-steps", type=click.IntRange(10), help="Of the eye's.  [default: as planned]")
@click.option("--films", type=click.IntRange(16), help="To learn from.  [default: as planned]")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0, 1000))
@click.option("--minutes", type=click.FloatRange(0, min_open=True),
              help="The most CPU time for the film's stage.")  # fmt: skip
@click.option("--threads", default=1, show_default=True, type=click.IntRange(1, 256))
@click.option("--out", type=click.Path(path_type=Path), help="Folder.  [default: trained/video]")
@click.option("--json", "as_json", is_flag=True, help="The measures as one JSON object.")
def command(
    steps: int | None, eye_steps: int | None, films: int | None, seed: int, minutes: float | None,
    threads: int, out: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Train an eye on pictures, then a video-language model on films, and measure it.

    OUT then holds video-world.safetensors, video-world.md (its card) and the loss curves.
    """
    folder = out or Path("trained/video")
    with training("video-language", "language,vision"):
        import torch

        from sensorium_models.video_language import learning, seeing
        from sensorium_models.video_language.report import table
        from sensorium_models.video_language.teaching import teach

        torch.set_num_threads(threads)
        found = teach(
            folder, steps=steps or learning.STEPS, eye_steps=eye_steps or seeing.STEPS,
            films=films or learning.FILMS, seed=seed, minutes=minutes, tell=tell,
            on_progress=on_progress,
        )  # fmt: skip
    say(found, as_json, lambda it: f"{table(it)}\n  weights and card in {folder}")
