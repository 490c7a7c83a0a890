from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sensorium import VirtualClock
from sensorium.testing import assert_conforms, run_component

from sensorium_thermal.camera import ThermalCamera

FRAMES = np.arange(24, dtype=np.float32).reshape(2, 3, 4)


def saved(folder: Path, suffix: str) -> Path:
    path = folder / f"recording{suffix}"
    if suffix == ".npy":
        np.save(path, FRAMES)
    elif suffix == ".npz":
        np.savez(path, FRAMES)
    else:
        blocks = ["\n".join(",".join(map(str, row)) for row in frame) for frame in FRAMES]
        path.write_text("\n\n".join(blocks), encoding="utf-8")
    return path


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".csv"])
async def test_plays_a_recording_at_its_rate(tmp_path: Path, suffix: str) -> None:
    options = {"path": str(saved(tmp_path, suffix)), "rate_hz": 4.0}
    async with run_component(ThermalCamera, options=options, clock=VirtualClock()) as harness:
        await harness.finished()
    frames = [event.payload.celsius for event in harness.events]
    assert np.array_equal(frames, FRAMES)
    first, second = (event.originating_time for event in harness.events)
    assert second - first == 250_000_000


async def test_the_made_up_scene_has_one_warm_body_that_moves() -> None:
    options = {"frames": 8}
    async with run_component(ThermalCamera, options=options, clock=VirtualClock()) as harness:
        await harness.finished()
    centres = [np.nonzero(e.payload.celsius > 30)[1].mean() for e in harness.events]
    assert len(centres) == 8
    assert max(centres) - min(centres) > 15


@pytest.mark.parametrize(
    ("name", "content", "kind", "said"),
    [
        ("gone.npy", None, "SourceUnavailable", "gone.npy"),
        ("text.npy", b"not numpy", "BadInput", "not readable"),
        ("words.csv", b"a,b\nc,d", "BadInput", "could not convert"),
        ("photo.jpg", b"", "BadInput", "not a .npy, .npz or .csv"),
    ],
)
async def test_says_what_is_wrong_with_a_recording(
    tmp_path: Path, name: str, content: bytes | None, kind: str, said: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    async with run_component(ThermalCamera, options={"path": str(tmp_path / name)}) as harness:
        await harness.finished(within=10)
        (failure,) = harness.failures
    assert failure.kind == kind
    assert said in failure.error


def test_conforms(tmp_path: Path) -> None:
    assert_conforms(ThermalCamera)
    assert_conforms(ThermalCamera, options={"path": str(saved(tmp_path, ".npz"))})
