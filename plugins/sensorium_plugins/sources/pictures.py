"""Decoding one picture: bounded in memory, upright, RGB.

The size stands in a picture's header, so a picture over the limit is refused before a pixel of
it is decoded.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import BadInput, MissingDependency, SourceUnavailable

if TYPE_CHECKING:
    import PIL.Image

Pixels = NDArray[np.uint8]
"""(H, W, 3) RGB, row 0 at the top."""

SUFFIXES = frozenset(
    [".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".avif"]
)
NOT_MINE = (SyntaxError, IndexError, TypeError, KeyError, EOFError, struct.error)
"""What a Pillow decoder raises for a file of another format."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a picture may be, and how large it is handed on."""

    max_pixels: int = 50_000_000
    max_side: int = 1920

    def check(self, name: str, width: int, height: int) -> None:
        """Raise :class:`BadInput` when ``width`` x ``height`` is more than may be decoded."""
        if width * height > self.max_pixels:
            raise BadInput(
                f"{name} is {width} x {height} = {width * height:,} pixels, over the limit of"
                f" {self.max_pixels:,}. Make it smaller, or raise the option max_pixels."
            )


def read_picture(path: Path, limits: Limits) -> Pixels:
    """Decode a picture file.

    Raises :class:`SourceUnavailable` when the file cannot be opened and :class:`BadInput` when
    it is empty, broken, no picture, or over ``limits.max_pixels``.
    """
    try:
        with path.open("rb") as file:
            return _decode(file, str(path), limits)
    except FileNotFoundError as error:
        raise SourceUnavailable(f"there is no file {path}") from error
    except (PermissionError, IsADirectoryError) as error:
        raise SourceUnavailable(f"cannot read {path}: {error.strerror}") from error


def decode_picture(data: bytes, name: str, limits: Limits) -> Pixels:
    """Decode a picture held in memory; ``name`` is what messages call it."""
    return _decode(BytesIO(data), name, limits)


def _decode(file: IO[bytes], name: str, limits: Limits) -> Pixels:
    try:
        import PIL.Image
        import PIL.ImageOps
    except ImportError as error:
        remedy = "Run: pip install 'sensorium[vision]'"
        raise MissingDependency("reading pictures", "Pillow", remedy) from error
    try:
        with _open(file, name) as picture:
            limits.check(name, *picture.size)
            box = (limits.max_side, limits.max_side)
            scale = 2 * limits.max_side / max(1, *picture.size)
            wanted = [max(1, round(side * scale)) for side in picture.size]
            # a large JPEG is decoded at a half, a quarter or an eighth, no smaller than wanted
            picture.draft(None, (wanted[0], wanted[1]))
            if picture.mode in ("RGB", "RGBA", "L"):  # shrink first: the rest is cheap then
                picture.thumbnail(box)
            rgb = _rgb(PIL.ImageOps.exif_transpose(picture))
            rgb.thumbnail(box)
            return np.asarray(rgb, np.uint8)
    except BadInput:
        raise
    except (OSError, ValueError, *NOT_MINE, PIL.Image.DecompressionBombError) as error:
        raise BadInput(f"{name} is a broken picture: {error}") from error


def _open(file: IO[bytes], name: str) -> PIL.Image.Image:
    """``PIL.Image.open`` without its own fixed limit on pixels, which would hide the size."""
    import PIL.Image

    prefix = file.read(16)
    if not prefix:
        raise BadInput(f"{name} is empty (0 bytes)")
    PIL.Image.init()
    for format_name in PIL.Image.ID:
        make, accepts = PIL.Image.OPEN[format_name]
        if accepts is not None and accepts(prefix) not in (True, 1):
            continue
        file.seek(0)
        try:
            return make(file, name)
        except NOT_MINE:
            continue
    raise BadInput(f"{name} is not a picture: it begins with {prefix!r}")


def _rgb(picture: PIL.Image.Image) -> PIL.Image.Image:
    """Eight bits a channel; what is transparent shows white."""
    import PIL.Image

    if picture.mode.startswith("I"):  # 16-bit grey
        grey: NDArray[Any] = np.clip(np.asarray(picture, np.int64), 0, 65535) >> 8
        return PIL.Image.fromarray(grey.astype(np.uint8)).convert("RGB")
    if picture.has_transparency_data:
        layer = picture.convert("RGBA")
        white = PIL.Image.new("RGBA", layer.size, "white")
        return PIL.Image.alpha_composite(white, layer).convert("RGB")
    return picture.convert("RGB")
