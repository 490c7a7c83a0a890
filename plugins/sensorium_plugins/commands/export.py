"""``sensorium export``: a recording in the forms of other tools."""

from __future__ import annotations

from pathlib import Path

import click

from sensorium.recording.reader import open_recording
from sensorium_plugins.exporting.export import export as export_files
from sensorium_plugins.exporting.viewer import export_rerun


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path, file_okay=False), required=False)
@click.option(
    "--topic", "topics", multiple=True, metavar="PATTERN", help="Only these, such as 'camera/#'."
)
@click.option("--frames", is_flag=True, help="Pictures as PNG files instead of a film.")
@click.option(
    "--rerun", type=click.Path(path_type=Path), metavar="FILE", help="Write a Rerun recording."
)
def export(
    file: Path, out: Path | None, topics: tuple[str, ...], frames: bool, rerun: Path | None
) -> None:
    """Write the topics of the recording FILE to the folder OUT.

    Sound becomes WAV, pictures MP4 (or PNG files), all else JSON lines.
    """
    if out is None and rerun is None:
        raise click.UsageError("name a folder, or --rerun FILE, to write to")
    with open_recording(file, unknown="skip") as recording:
        if not recording.whole:
            click.echo(f"{file} is not whole: what can be read is exported", err=True)
        if out is not None:
            for path in export_files(
                recording, out, topics, pictures="frames" if frames else "mp4"
            ):
                click.echo(path)
        if rerun is not None:
            count = export_rerun(recording, rerun, topics)
            click.echo(f"{rerun}  {count} events")
