"""``sensorium train avspeech``: speech recognition that hears and reads lips, of the world."""

from __future__ import annotations

from pathlib import Path

import click

from sensorium_agents.commands.systems import on_progress, say, tell, training


@click.command("avspeech")
@click.option("--steps", type=click.IntRange(10), help="Of the optimiser.  [default: as bundled]")
@click.option("--clips", "count", type=click.IntRange(50),
              help="Commands to learn from.  [default: as bundled]")  # fmt: skip
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0, 1000))
@click.option("--minutes", type=click.FloatRange(0, min_open=True), help="The most CPU time.")
@click.option("--threads", default=1, show_default=True, type=click.IntRange(1, 256))
@click.option("--out", type=click.Path(path_type=Path), help="[default: trained/avspeech]")
@click.option("--json", "as_json", is_flag=True, help="The measures as one JSON object.")
def command(
    steps: int | None,
    count: int | None,
    seed: int,
    minutes: float | None,
    threads: int,
    out: Path | None,
    as_json: bool,
) -> None:
    """Train audio-visual speech recognition on commands of talking faces, and measure it.

    OUT then holds avspeech-world.safetensors, avspeech-world.md (its card), history.jsonl and
    curves.png. The model audio_visual_speech runs it in an agent: weights =
    "OUT/avspeech-world.safetensors". Voices are those of eSpeak NG: pip install espeakng-loader.
    """
    folder = out or Path("trained/avspeech")
    with training("audio-visual speech recognition", "language,vision,audio"):
        import torch

        from sensorium_models.audio_visual_speech import teaching
        from sensorium_models.audio_visual_speech.evaluation import table

        torch.set_num_threads(threads)
        found = teaching.teach(
            folder,
            steps=steps or teaching.STEPS,
            count=count or teaching.CLIPS,
            seed=seed,
            minutes=minutes,
            tell=tell,
            on_progress=on_progress,
        )
    say(found, as_json, lambda it: f"{table(dict(it))}\n  weights and card in {folder}")
