"""A topic of a recording as JSON lines: each message as it stands in the file."""

from __future__ import annotations

from pathlib import Path

from sensorium.errors import OutputFailed
from sensorium.recording.reader import Message

WRITE_FROM = 64 * 1024  # bytes that gather before they are written


class LinesFile:
    """Writes one topic's messages, envelope (``_event``) and payload, one a line."""

    def __init__(self, path: Path) -> None:
        self.paths = [path]
        self._lines: list[bytes] = []
        self._size = 0

    def add(self, message: Message) -> None:
        """Write one message. Raises :class:`OutputFailed`."""
        self._lines.append(message.data)
        self._size += len(message.data)
        if self._size >= WRITE_FROM:
            self.close()

    def close(self) -> None:
        """Write what is left. Raises :class:`OutputFailed`."""
        (path,) = self.paths
        lines, self._lines, self._size = self._lines, [], 0
        try:
            with path.open("ab") as file:  # not held open: there may be thousands
                file.writelines(line + b"\n" for line in lines)
        except OSError as error:
            raise OutputFailed(f"{path} cannot be written: {error}") from error
