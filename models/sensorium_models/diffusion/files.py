"""Pictures and masks from files and back; whatever is no 8-bit RGB is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import BadInput, OutputFailed

U8 = NDArray[np.uint8]


def read_picture(path: Path) -> U8:
    """(H, W, 3) RGB; a grey picture becomes three equal channels.

    Raises BadInput for what is missing, is no picture, has an alpha channel or 16 bits.
    """
    import PIL.Image

    try:
        with PIL.Image.open(path) as opened:
            mode = opened.mode
            if mode in ("RGBA", "LA", "PA") or "transparency" in opened.info:
                raise BadInput(f"{path} has an alpha channel: flatten it onto a colour first")
            if mode.startswith(("I", "F")):
                raise BadInput(f"{path} has more than 8 bits a channel (mode {mode}): make it 8")
            return np.array(opened.convert("RGB"))
    except FileNotFoundError as error:
        raise BadInput(f"there is no file {path}") from error
    except (OSError, ValueError) as error:
        raise BadInput(f"{path} is no picture that can be read: {error}") from error


def read_mask(path: Path, shape: tuple[int, int]) -> U8:
    """(H, W): 255 where the picture at ``path`` is light; raises BadInput for another size."""
    light = read_picture(path).max(axis=2)
    if light.shape != shape:
        raise BadInput(
            f"the mask {path} is {light.shape[1]}x{light.shape[0]}; the picture is"
            f" {shape[1]}x{shape[0]}"
        )
    return np.where(light > 127, 255, 0).astype(np.uint8)


def write_picture(path: Path, image: U8) -> None:
    """As PNG: whole or not at all. Raises OutputFailed where it cannot be written."""
    import PIL.Image

    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        PIL.Image.fromarray(image).save(partial, "PNG")
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise OutputFailed(f"cannot write {path}: {error}") from error
