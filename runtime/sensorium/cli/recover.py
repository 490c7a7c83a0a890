"""``sensorium recover``: a whole recording out of one that was cut off or damaged."""

from __future__ import annotations

from pathlib import Path

import click

from sensorium.recording.reader import open_recording
from sensorium.recording.recover import recover as copy


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
def recover(file: Path, out: Path) -> None:
    """Copy all that can be read of the recording FILE to OUT, with a summary at its end.

    Our own commands read FILE as it is; other tools may want the summary.
    """
    with open_recording(file) as recording:
        count, damage = copy(recording, out)
    if damage:
        click.echo(f"what follows is lost: {damage}", err=True)
    click.echo(f"{out}  {count} messages")
