"""``sensorium run --record``: the agent, in a file."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

from sensorium.recording.reader import open_recording

Command = Callable[..., "subprocess.Popen[str]"]


def test_a_run_is_recorded(command: Command, media: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "run.mcap"
    environment = {
        "SENSORIUM__COMPONENTS__CAMERA__OPTIONS__SOURCE": str(media["cat"]),
        "SENSORIUM__COMPONENTS__MICROPHONE__OPTIONS__SOURCE": str(media["question"]),
        "SENSORIUM__COMPONENTS__SPEECH__ENABLED": "false",
    }
    process = command("run", "--record", path, env=environment)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 0, err
    assert f"recorded: {path}" in err.replace("\n", "")
    with open_recording(path) as recording:
        assert recording.whole
        assert "sensorium.settings" in recording.metadata
        events = list(recording.events(["camera/#", "reply/text"]))
    assert {one.topic for one in events} >= {"camera/camera/image", "reply/text"}


def test_a_file_that_exists_is_refused_before_anything_begins(
    command: Command, tmp_path: Path
) -> None:
    path = tmp_path / "run.mcap"
    path.write_text("precious")
    process = command("run", "--record", path)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (1, "")
    assert "exists already, and a recording overwrites nothing" in err
    assert path.read_text() == "precious"
