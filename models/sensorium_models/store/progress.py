"""How a pull tells a person what it does: a bar on a terminal, one line at each end elsewhere.

Everything goes to standard error, so that standard output stays data.
"""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Protocol, TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TransferSpeedColumn,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

MEGABYTE = 1_000_000


def megabytes(size: int) -> str:
    """``size`` bytes in decimal megabytes, as people and package indexes count them."""
    return f"{size / MEGABYTE:.1f} MB"


class PullProgress(Protocol):
    """What a pull reports. All sizes are bytes."""

    def model(self, name: str, total: int) -> AbstractContextManager[None]:
        """Enter when work on ``name`` starts; ``total`` bytes are to be fetched."""

    def update(self, done: int) -> None:
        """``done`` bytes of the current model are here."""

    def note(self, message: str) -> None:
        """Tell one line."""


class SilentProgress:
    """Reports nothing: the default inside a program."""

    @contextmanager
    def model(self, name: str, total: int) -> Iterator[None]:
        """Do nothing."""
        yield

    def update(self, done: int) -> None:
        """Do nothing."""

    def note(self, message: str) -> None:
        """Do nothing."""


class LineProgress:
    """One line when a model starts and one when it is there: for logs and pipes."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    @contextmanager
    def model(self, name: str, total: int) -> Iterator[None]:
        """Say that ``name`` starts, and that it is done unless an error passes."""
        self.note(f"{name}: fetching {megabytes(total)}")
        yield
        self.note(f"{name}: done")

    def update(self, done: int) -> None:
        """Do nothing: a log wants no running count."""

    def note(self, message: str) -> None:
        """Write one line."""
        print(message, file=self._stream, flush=True)


class BarProgress:
    """A bar with the model's name and its megabytes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    @contextmanager
    def model(self, name: str, total: int) -> Iterator[None]:
        """Show the bar of ``name`` while inside."""
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
        )
        with Progress(*columns, console=self._console) as bar:
            self._bar, self._task = bar, bar.add_task(name, total=total)
            try:
                yield
                bar.update(self._task, completed=total)
            finally:
                self._bar = self._task = None

    def update(self, done: int) -> None:
        """Move the bar to ``done`` bytes."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done)

    def note(self, message: str) -> None:
        """Write one line above the bar."""
        self._console.print(message, highlight=False, markup=False)


def progress_on(stream: TextIO | None = None) -> PullProgress:
    """A bar where ``stream`` (default: standard error) is a terminal, else lines."""
    stream = sys.stderr if stream is None else stream
    if stream.isatty():
        return BarProgress(Console(file=stream))
    return LineProgress(stream)
