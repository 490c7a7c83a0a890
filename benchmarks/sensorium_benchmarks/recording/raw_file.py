"""The limit: bare bytes to a file."""

from __future__ import annotations

from pathlib import Path

from sensorium.events import AnyEvent
from sensorium.recording.messages import Messages
from sensorium_benchmarks.recording.content import camera_events, small_events, timed


def frames(events: int, compression: str) -> dict[str, float]:
    """The pixels, one write a picture; nothing is compressed."""

    def write(path: Path, made: list[AnyEvent]) -> None:
        with path.open("wb", buffering=0) as file:
            for event in made:
                file.write(event.payload.data.data)

    return timed(camera_events(events), write)


def small(events: int, compression: str) -> dict[str, float]:
    """The JSON as lines; nothing is compressed."""
    messages = Messages()

    def write(path: Path, made: list[AnyEvent]) -> None:
        with path.open("wb") as file:
            for event in made:
                file.write(b"".join(messages.encode(event)))
                file.write(b"\n")

    return timed(small_events(events), write)
