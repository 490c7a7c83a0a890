"""Progress: a bar on a terminal, lines elsewhere, always on the stream it was given."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from sensorium_models.store import BarProgress, LineProgress, ModelStore, progress_on


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_lines_at_start_and_end(store: ModelStore) -> None:
    out = io.StringIO()
    store.pull("tiny", progress_on(out))
    store.pull("tiny", progress_on(out))
    assert out.getvalue().splitlines() == [
        "tiny: fetching 0.0 MB",
        "tiny: done",
        "tiny: already here",
    ]


def test_no_done_line_for_a_failed_model() -> None:
    out = io.StringIO()
    with pytest.raises(RuntimeError), LineProgress(out).model("tiny", 1):
        raise RuntimeError
    assert "done" not in out.getvalue()


def test_bar_shows_name_and_megabytes() -> None:
    out = Terminal()
    progress = BarProgress(Console(file=out, width=100, force_terminal=True))
    with progress.model("tiny", 20_000_000):
        progress.update(5_000_000)
        progress.note("a note with [brackets]")
    progress.update(1)
    text = out.getvalue()
    assert "tiny" in text
    assert "20.0/20.0 MB" in text
    assert "a note with [brackets]" in text


def test_terminal_gets_the_bar_and_a_pipe_gets_lines() -> None:
    assert isinstance(progress_on(Terminal()), BarProgress)
    assert isinstance(progress_on(io.StringIO()), LineProgress)
