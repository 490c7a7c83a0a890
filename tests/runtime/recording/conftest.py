"""Recordings that tests are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from sensorium.recording.writer import RecordingWriter


@pytest.fixture
def record(tmp_path: Path) -> Callable[..., Path]:
    """Writes records to a file and returns its path."""

    def write(records: Iterable[Any], **options: Any) -> Path:
        path = tmp_path / "test.mcap"
        with RecordingWriter(path, **options) as recording:
            for one in records:
                recording.write(one)
        return path

    return write
