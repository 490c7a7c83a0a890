"""A whole file out of one that was cut off or damaged: with the summary that some tools want."""

from __future__ import annotations

from pathlib import Path

from sensorium.errors import RecordingError
from sensorium.recording.file import McapFile
from sensorium.recording.reader import RecordedChannel, Recording
from sensorium.recording.writer import CHUNK_BYTES


def recover(recording: Recording, path: Path) -> tuple[int, str]:
    """Copy all that can be read, as it stands and in its order, to a new file.

    Returns how many messages there were and what was wrong behind them, if anything was. Raises
    :class:`RecordingFailed` when the new file exists already or cannot be written.
    """
    channels: dict[RecordedChannel, int] = {}
    schemas: dict[bytes, int] = {}
    damage = ""
    with McapFile(path, library=recording.library) as file:
        for name, values in recording.metadata.items():
            file.add_metadata(name, values)
        try:
            for message in recording.messages():
                channel = message.channel
                if channel not in channels:
                    schema = schemas.get(channel.schema_text)
                    if schema is None:
                        schema = file.add_schema(channel.schema, "jsonschema", channel.schema_text)
                        schemas[channel.schema_text] = schema
                    metadata = {"kind": channel.kind, "type": channel.type}
                    channels[channel] = file.add_channel(channel.topic, schema, "json", metadata)
                file.add_message(
                    channels[channel], message.sequence, message.log_time, message.publish_time,
                    message.data,
                )  # fmt: skip
                if file.chunk_size >= CHUNK_BYTES:
                    file.end_chunk()
        except RecordingError as error:
            damage = str(error)
    return file.messages, damage
