"""``sensorium evaluate avspeech``: word error rates in noise, with sound, lips, and both."""

from __future__ import annotations

import click

from sensorium_agents.commands.systems import say, tell, training


@click.command("avspeech")
@click.option("--weights", default="", help="A file or folder.  [default: the bundled one]")
@click.option("--clips", "count", default=200, show_default=True, type=click.IntRange(5, 10_000),
              help="Commands in each cell of the table.")  # fmt: skip
@click.option("--device", default="cpu", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
def command(weights: str, count: int, device: str, as_json: bool) -> None:
    """Measure a recogniser on commands by voices and faces that were in no training.

    In quiet, and in babble and white noise from 10 to -7.5 dB: sound alone, sound and lips, lips
    alone, and, as a control, sound with lips shuffled in time. A cell is 200 commands, 1,200 words.
    """
    with training("audio-visual speech recognition", "language,vision,audio"):
        import torch

        from sensorium_models.audio_visual_speech.evaluation import measure, table

        torch.set_num_threads(1)
        found = measure(weights, count, device=device, tell=tell)
    say(found, as_json, lambda it: table(dict(it)))
