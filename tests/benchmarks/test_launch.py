"""A run leaves nothing behind, however it ends."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sensorium_benchmarks.runner import RunFailed, launch

LEAVES_A_PROCESS = """
import subprocess, sys, time

def work(pipe, forever):
    with open(pipe, "wb") as held:
        subprocess.Popen(["sleep", "60"], stdout=held, stderr=held)
    if forever:
        time.sleep(60)
    return {"rate": 1.0}
"""


@pytest.fixture
def pipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pipe that the process left behind holds open for writing."""
    (tmp_path / "leaves_a_process.py").write_text(LEAVES_A_PROCESS, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    os.mkfifo(tmp_path / "pipe")
    return tmp_path / "pipe"


def test_what_a_run_started_ends_with_it(pipe: Path) -> None:
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(reader, True)
    figures = launch("leaves_a_process:work", {"pipe": str(pipe), "forever": False})
    assert figures == {"rate": 1.0}
    assert os.read(reader, 1) == b""  # comes when nobody holds it any more
    os.close(reader)


def test_a_run_that_takes_too_long_is_ended_with_all_it_started(pipe: Path) -> None:
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(reader, True)
    with pytest.raises(RunFailed, match="took more than 1 s"):
        launch("leaves_a_process:work", {"pipe": str(pipe), "forever": True}, time_limit_s=1)
    assert os.read(reader, 1) == b""
    os.close(reader)
