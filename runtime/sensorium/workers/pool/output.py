"""What processes print, line by line."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

MAX_LINE = 64 * 1024  # bytes


class Lines:
    """Reads lines from a pipe on the event loop, until it is closed at either end."""

    def __init__(self, descriptor: int, say: Callable[[str], None]) -> None:
        """Takes the descriptor over."""
        self._descriptor = descriptor
        self._say = say
        self._rest = b""
        self._open = True
        os.set_blocking(descriptor, False)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(descriptor, self._read)

    def _read(self) -> bool:
        try:
            data = os.read(self._descriptor, MAX_LINE)
        except BlockingIOError:
            return False
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > MAX_LINE:
            lines, self._rest = [*lines, self._rest], b""
        for line in lines:
            if line.strip():
                self._say(line.decode(errors="replace").rstrip())
        if not data:
            self._loop.remove_reader(self._descriptor)
        return bool(data)

    def close(self) -> None:
        """Read what is there, and close."""
        if self._open:
            self._open = False
            for _ in range(16):  # a child that still writes shall not hold us
                if not self._read():
                    break
            self._loop.remove_reader(self._descriptor)
            os.close(self._descriptor)
