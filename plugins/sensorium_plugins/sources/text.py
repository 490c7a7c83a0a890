"""Words that are typed, or that a file holds, one event a line.

A program that has words of its own needs no source: it publishes them,
``await session.bus.publish("chat/text", Text("hello"), source="me")``.
"""

from __future__ import annotations

import asyncio
import codecs
import os
import stat
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from sensorium.components import ComponentOptions, Context, Emit, Output, Source
from sensorium.errors import BadInput, SourceUnavailable
from sensorium.payloads.media import Text
from sensorium_plugins.sources.threads import Worker

STANDARD_INPUT = ("terminal", "-")
BLOCK = 65_536  # bytes read at once
MAX_LINE = 1_000_000
"""Characters in one line; more is not text that somebody wrote."""


class TextOptions(ComponentOptions):
    """Where the words come from."""

    source: str = "terminal"
    """``terminal`` or ``-`` (standard input, whatever is behind it), or a UTF-8 text file."""


class TextSource(Source):
    """Gives one :class:`Text` a line, without its surrounding blanks; empty lines are skipped.

    The end of the input (Ctrl-D, the end of the file) ends the source. Raises
    :class:`SourceUnavailable` when there is nothing to read from and :class:`BadInput` when a
    file is not UTF-8 text.
    """

    Options = TextOptions
    gives: ClassVar[Mapping[str, Output]] = {"text": Output("chat/text", Text)}

    def __init__(self, options: TextOptions, context: Context) -> None:
        super().__init__(options, context)
        self._worker = Worker(f"text-{context.name}")
        self._typed = options.source in STANDARD_INPUT
        self._file = -1

    async def setup(self) -> None:
        """Open the file, or find standard input."""
        if self._typed:
            self._file = _standard_input()
        else:
            await self._worker.call(self._open)

    async def run(self, emit: Emit) -> None:
        """Emit the lines until the input ends."""
        called = "standard input" if self._typed else str(self.options.source)
        lines = Lines(called, forgiving=self._typed)
        while data := await self._read():
            for line in lines.push(data):
                await emit(Text(line))
        for line in lines.push(b"", last=True):
            await emit(Text(line))

    async def close(self) -> None:
        """Close a file. Standard input is left open: it is not ours."""
        await self._worker.stop(self._close, limit_s=0.5)

    async def _read(self) -> bytes:
        """Some bytes, or none at the end. Never blocks the loop, nor an end of the program."""
        while True:
            if not await _readable(self._file):
                return await self._worker.call(_read, self._file)
            try:
                return _read(self._file)
            except BlockingIOError:  # another reader was quicker
                continue

    def _open(self) -> None:
        path = Path(self.options.source).expanduser()
        # a named pipe without a writer would block here, in a thread that nobody can end
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        try:
            file = os.open(path, flags)
        except FileNotFoundError as error:
            raise SourceUnavailable(f"there is no file {path} (seen from {Path.cwd()})") from error
        except OSError as error:
            raise SourceUnavailable(f"cannot read {path}: {error.strerror}") from error
        if stat.S_ISDIR(os.fstat(file).st_mode):
            os.close(file)
            raise BadInput(f"{path} is a folder, not a text file")
        self._file = file

    def _close(self) -> None:
        if not self._typed and self._file >= 0:
            os.close(self._file)


class Lines:
    """Cuts bytes into lines. ``name`` is what messages call their origin.

    ``forgiving`` replaces what is not UTF-8 instead of raising :class:`BadInput`.
    """

    def __init__(self, name: str, *, forgiving: bool) -> None:
        self._name = name
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")(
            "replace" if forgiving else "strict"
        )
        self._rest = ""

    def push(self, data: bytes, *, last: bool = False) -> list[str]:
        """The lines that ``data`` completes, stripped; none of them is empty."""
        try:
            text = self._rest + self._decoder.decode(data, final=last)
        except UnicodeDecodeError as error:
            raise BadInput(f"{self._name} is not UTF-8 text: {error}") from error
        *lines, self._rest = text.split("\n")
        if last:
            lines.append(self._rest)
        if len(self._rest) > MAX_LINE:
            raise BadInput(f"{self._name} has a line of over {MAX_LINE:,} characters")
        return [line.strip() for line in lines if line.strip()]


def _standard_input() -> int:
    try:
        return sys.stdin.fileno()
    except (AttributeError, OSError, ValueError) as error:
        raise SourceUnavailable(
            "this program has no standard input: set the option source to a text file"
        ) from error


async def _readable(file: int) -> bool:
    """Wait until ``file`` has something to read; False where the loop cannot watch it."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    try:
        loop.add_reader(file, ready.set)
    except (PermissionError, NotImplementedError):  # a regular file; Windows
        return False
    try:
        await ready.wait()
    finally:
        loop.remove_reader(file)
    return True


def _read(file: int) -> bytes:
    try:
        return os.read(file, BLOCK)
    except BlockingIOError:
        raise
    except OSError:  # the terminal is gone: that is an end too
        return b""
