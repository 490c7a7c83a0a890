"""The mcap package's own writer, given the same messages."""

from __future__ import annotations

from pathlib import Path

from mcap.writer import CompressionType, Writer

from sensorium.events import AnyEvent
from sensorium.recording.messages import Messages
from sensorium_benchmarks.recording.content import camera_events, small_events, timed


def frames(events: int, compression: str) -> dict[str, float]:
    """Pictures as foxglove.RawImage."""
    return _timed(camera_events(events), compression)


def small(events: int, compression: str) -> dict[str, float]:
    """Percepts."""
    return _timed(small_events(events), compression)


def _timed(made: list[AnyEvent], compression: str) -> dict[str, float]:
    messages = Messages()

    def write(path: Path, made: list[AnyEvent]) -> None:
        with path.open("wb") as file:
            writer = Writer(file, compression=CompressionType[compression.upper()])
            writer.start("bench", "bench")
            name, schema = messages.schema(type(made[0].payload))
            schema_id = writer.register_schema(name, "jsonschema", schema)
            channel = writer.register_channel(made[0].topic, "json", schema_id)
            for event in made:
                data = b"".join(messages.encode(event))
                writer.add_message(
                    channel, event.creation_time, data, event.originating_time, event.sequence
                )
            writer.finish()  # type: ignore[no-untyped-call]

    return timed(made, write)
