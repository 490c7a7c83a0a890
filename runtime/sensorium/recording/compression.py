"""Compression of chunks: zstd, lz4 or none, by the names MCAP gives them."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, Literal

from sensorium.errors import MissingDependency

Compression = Literal["zstd", "lz4", "none"]
ZSTD_LEVEL = 1  # base64 of a camera picture: 1.1 ms a VGA frame, for a quarter less on the disk
MAX_CHUNK = 1 << 30  # bytes; a file that claims more is broken, or meant to eat memory


def compressor(name: Compression) -> tuple[str, Callable[[bytes], bytes]]:
    """MCAP's name for the compression, and a function that does it.

    Raises :class:`MissingDependency` when its library is not installed.
    """
    if name == "zstd":
        zstandard = _library("zstandard")
        return "zstd", zstandard.ZstdCompressor(level=ZSTD_LEVEL).compress
    if name == "lz4":
        return "lz4", _library("lz4.frame").compress
    return "", _unchanged


def decompress(name: str, data: bytes, size: int) -> bytes:
    """The ``size`` bytes that were compressed.

    Raises ValueError for broken data and for an unknown compression, and never makes more than
    ``size`` bytes; :class:`MissingDependency` when the library is not installed.
    """
    if size > MAX_CHUNK:
        raise ValueError(f"a chunk of {size} bytes is over the limit of {MAX_CHUNK}")
    if name == "":
        found = data
    elif name == "zstd":
        found = _from_zstd(data, size)
    elif name == "lz4":
        found = _from_lz4(data, size)
    else:
        raise ValueError(f"compression {name[:40]!r} is not one of zstd, lz4 or none")
    if len(found) != size:
        raise ValueError(f"{len(found)} bytes where the chunk says {size}")
    return found


def beginning(name: str, data: bytes, size: int) -> bytes:
    """The first ``size`` bytes of what was compressed; ``data`` may be cut off behind them.

    Fewer where there are no more. Raises as :func:`decompress` does.
    """
    if name == "":
        return data[:size]
    if name == "zstd":
        zstandard = _library("zstandard")
        try:
            reader = zstandard.ZstdDecompressor().stream_reader(data, read_size=len(data))
            found: bytes = reader.read(size)
        except zstandard.ZstdError as error:
            raise ValueError(str(error)) from error
        return found
    if name == "lz4":
        return _from_lz4(data, size)
    raise ValueError(f"compression {name[:40]!r} is not one of zstd, lz4 or none")


def _from_zstd(data: bytes, size: int) -> bytes:
    zstandard = _library("zstandard")
    try:
        claimed = zstandard.get_frame_parameters(data).content_size
        if claimed not in (size, zstandard.CONTENTSIZE_UNKNOWN):
            raise ValueError(f"a zstd frame of {claimed} bytes where the chunk says {size}")
        found: bytes = zstandard.ZstdDecompressor().decompress(data, max_output_size=size)
    except zstandard.ZstdError as error:
        raise ValueError(str(error)) from error
    return found


def _from_lz4(data: bytes, size: int) -> bytes:
    try:
        found: bytes = _library("lz4.frame").LZ4FrameDecompressor().decompress(data, size)
    except (RuntimeError, EOFError) as error:
        raise ValueError(str(error)) from error
    return found


def _library(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        package = name.partition(".")[0]
        raise MissingDependency(
            f"{package} compression of recordings", package, f"pip install {package}"
        ) from None


def _unchanged(data: bytes) -> bytes:
    return data
