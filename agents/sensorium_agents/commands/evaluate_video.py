"""``sensorium evaluate video``: questions about films, sentences, phrases found in time."""

from __future__ import annotations

from pathlib import Path

import click

from sensorium_agents.commands.systems import say, tell, training


@click.command("video")
@click.option("--weights", type=click.Path(path_type=Path, exists=True, dir_okay=False),
              help="A file of `sensorium train video`.  [default: the bundled one]")  # fmt: skip
@click.option("--films", default=400, show_default=True, type=click.IntRange(10, 100_000),
              help="Of each split.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
def command(weights: Path | None, films: int, as_json: bool) -> None:
    """Measure a video-language model on films that nothing was learnt from.

    Each figure comes with its control: shuffled frames, another film, the commonest answer, the
    best fixed span.
    """
    with training("video-language", "language,vision"):
        from sensorium_models.video_language.report import measure, table

        found = measure(weights, films, tell)
    say(found, as_json, table)
