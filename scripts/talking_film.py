"""Writes a film of talking faces: film.mp4, film.wav and film.txt, for examples/avspeech.toml.

Run: python scripts/talking_film.py out/talking --commands 3 --snr 0
"""

from __future__ import annotations

from pathlib import Path

import click

from sensorium.errors import SensoriumError
from sensorium_models.audio_visual_speech.films import write_film


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--commands", "count", default=3, show_default=True, type=click.IntRange(1, 1000))
@click.option("--snr", type=float, help="Of the babble around, in dB.  [default: quiet]")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0, 1000))
def main(folder: Path, count: int, snr: float | None, seed: int) -> None:
    """Write COUNT commands of faces and voices that were in no training to FOLDER."""
    try:
        film = write_film(folder, count, snr_db=snr, seed=seed)
    except SensoriumError as error:
        raise click.ClickException(str(error)) from error
    for one in film.said:
        click.echo(f"{one.start:7.2f} s to {one.stop:6.2f} s  {one.text}")
    click.echo(f"{film.video} and {film.sound}")


if __name__ == "__main__":
    main()
