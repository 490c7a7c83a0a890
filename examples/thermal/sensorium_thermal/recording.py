"""Reading thermal recordings."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sensorium.errors import BadInput, SourceUnavailable

Frame = NDArray[np.float32]


def read_recording(path: str) -> Frame:
    """The frames of a recording: (N, H, W) float32, degrees Celsius.

    ``.npy`` and ``.npz`` (its first array) hold (N, H, W) or one frame (H, W); ``.csv`` holds
    one frame a block of comma-separated lines, blocks parted by an empty line. Raises
    :class:`SourceUnavailable` when it cannot be opened, :class:`BadInput` for anything else in it.
    """
    try:
        frames = _read(Path(path))
    except OSError as error:
        raise SourceUnavailable(f"thermal recording {path}: {error}") from error
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise BadInput(f"thermal recording {path} is not readable: {error}") from error
    if frames.ndim == 2:
        frames = frames[None]
    if frames.ndim != 3 or 0 in frames.shape or frames.dtype.kind not in "fiu":
        raise BadInput(
            f"thermal recording {path} holds {frames.shape} {frames.dtype}, not numbers"
            " (frames, height, width)"
        )
    return np.ascontiguousarray(frames, np.float32)


def _read(path: Path) -> NDArray[Any]:
    if path.suffix == ".csv":
        blocks = path.read_text(encoding="utf-8").replace("\r\n", "\n").strip().split("\n\n")
        return np.array([_block(block) for block in blocks])
    if path.suffix not in (".npy", ".npz"):
        raise BadInput(f"thermal recording {path} is not a .npy, .npz or .csv file")
    loaded: Any = np.load(path, allow_pickle=False)
    if isinstance(loaded, np.ndarray):
        return loaded
    with loaded:
        if not loaded.files:
            raise BadInput(f"thermal recording {path} holds no array")
        first: NDArray[Any] = loaded[loaded.files[0]]
        return first


def _block(block: str) -> list[list[float]]:
    return [[float(cell) for cell in line.split(",")] for line in block.splitlines()]
