"""Taking a recording apart: a file for each topic, in the form that suits it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Literal, Protocol

from sensorium.errors import OutputFailed
from sensorium.events import AnyEvent
from sensorium.payloads.media import Audio, Image
from sensorium.recording.reader import RecordedChannel, Recording
from sensorium_plugins.exporting.lines import LinesFile
from sensorium_plugins.exporting.sound import WavFile
from sensorium_plugins.exporting.video import FilmFile, FrameFolder

Pictures = Literal["mp4", "frames"]

LONGEST_NAME = 200  # bytes of a file's name, but for a number and its suffix; systems take 255


class _EventFile(Protocol):
    paths: list[Path]

    def add(self, event: AnyEvent) -> None: ...

    def close(self) -> None: ...


def export(
    recording: Recording, folder: Path, topics: Sequence[str] = (), *, pictures: Pictures = "mp4"
) -> list[Path]:
    """Write every topic under the patterns (all, by default) to ``folder``; returns the files.

    Sound becomes a WAV, pictures an MP4 or a folder of PNGs, all else JSON lines. The folder may
    not hold anything yet. Raises :class:`OutputFailed`, :class:`MissingDependency`, and what the
    recording raises where it is damaged, after what comes before is written.
    """
    _make_empty(folder)
    events: dict[RecordedChannel, _EventFile] = {}
    lines: dict[RecordedChannel, LinesFile] = {}
    taken: set[Path] = set()
    with ExitStack() as open_files:
        for message in recording.messages(topics):
            channel = message.channel
            if channel.type in (Audio.type_name, Image.type_name):
                if channel not in events:
                    path = _place(folder, channel, taken)
                    file = _event_file(path, channel.type, pictures)
                    events[channel] = open_files.enter_context(closing(file))
                events[channel].add(recording.decode(message))
            else:
                if channel not in lines:
                    path = _place(folder, channel, taken).with_suffix(".jsonl")
                    lines[channel] = open_files.enter_context(closing(LinesFile(path)))
                lines[channel].add(message)
    made = [path for file in events.values() for path in file.paths]
    return sorted([*made, *(path for file in lines.values() for path in file.paths)])


def _event_file(path: Path, payload_type: str, pictures: Pictures) -> _EventFile:
    if payload_type == Audio.type_name:
        return WavFile(path.with_suffix(".wav"))
    if pictures == "frames":
        return FrameFolder(path)
    return FilmFile(path.with_suffix(".mp4"))


def _make_empty(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise OutputFailed(f"{folder} is not empty, and an export overwrites nothing")
    except OSError as error:
        raise OutputFailed(f"{folder} cannot be written: {error}") from error


def _place(folder: Path, channel: RecordedChannel, taken: set[Path]) -> Path:
    """A path of its own for a topic, whose levels are folders; nothing leaves ``folder``."""
    levels = [_safe(level) for level in channel.topic.removeprefix("$").split("/")]
    path = folder.joinpath(*levels)
    number = 1
    while path in taken:
        number += 1
        path = path.with_name(f"{levels[-1]}-{number}")
    taken.add(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputFailed(f"{path.parent} cannot be made: {error}") from error
    return path


def _safe(level: str) -> str:
    name = re.sub(r"[^\w-]", "_", level).encode("utf-8", "replace")
    return name[:LONGEST_NAME].decode("utf-8", "ignore") or "_"
