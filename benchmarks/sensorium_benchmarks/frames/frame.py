"""The frames that every contender carries, and what is noted when one arrives."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sensorium_benchmarks.stopwatch import percentile

WARM_UP = 0.1
"""Part of the frames that comes first and does not count."""
PAGE = 4096  # bytes

Frame = NDArray[np.uint8]


class Camera:
    """Successive RGB frames, (height, width, 3) uint8, each with its number and time in it.

    With ``live`` it writes all of a frame before it stamps it, as a decoder does; else it gives
    the buffers as they are, as fast as they can be taken.
    """

    def __init__(
        self,
        width: int,
        height: int,
        window: int,
        *,
        live: bool = False,
        buffers: Sequence[Frame] = (),
    ) -> None:
        """``window`` frames may be under way at once; there are buffers enough for more, unless
        they are given."""
        random = np.random.default_rng(0)
        self._picture = random.integers(0, 256, (height, width, 3), np.uint8)
        self._buffers = buffers or [np.empty_like(self._picture) for _ in range(2 * window + 2)]
        for buffer in self._buffers:
            np.copyto(buffer, self._picture)
        self._live = live
        self._number = 0
        self.shape = self._picture.shape

    def frame(self, into: Frame | None = None) -> Frame:
        """The next frame, numbered from 0, stamped with the monotonic clock of the machine.

        One that is made ``into`` other memory is copied, or written, there before it is stamped.
        """
        frame = self._buffers[self._number % len(self._buffers)] if into is None else into
        if self._live or into is not None:
            np.copyto(frame, self._picture)
        flat = frame.reshape(-1)
        flat[-8:].view(np.int64)[0] = self._number
        flat[:16].view(np.int64)[:] = self._number, time.monotonic_ns()
        self._number += 1
        return frame


def look(frame: Frame) -> tuple[int, int, int]:
    """Read one byte of every page of a frame that arrived.

    Returns its number, when it was sent and the time now (ns). Raises RuntimeError for a torn one.
    """
    flat = frame.reshape(-1)
    int(flat[::PAGE].sum())
    number, sent = flat[:16].view(np.int64).tolist()
    if flat[-8:].view(np.int64)[0] != number:
        raise RuntimeError(f"frame {number} was overwritten before it arrived")
    return number, sent, time.monotonic_ns()


class Arrivals:
    """What a consumer has seen."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, int, int]] = []

    def add(self, frame: Frame) -> int:
        """Look at a frame; returns its number."""
        self.seen.append(look(frame))
        return self.seen[-1][0]


def delays(seen: list[tuple[int, int, int]], answered: list[int]) -> dict[str, float]:
    """Percentiles of the way there, and the median of there and back, in µs.

    ``answered`` holds when the answer to each frame was here.
    """
    kept = round(len(seen) * WARM_UP)
    there = [(now - sent) / 1000 for _, sent, now in seen[kept:]]
    both = [(now - sent) / 1000 for (_, sent, _), now in zip(seen, answered, strict=True)]
    return {
        "p50": percentile(there, 0.5),
        "p99": percentile(there, 0.99),
        "round_trip": percentile(both[kept:], 0.5),
    }


def rate(seen: list[tuple[int, int, int]], sent: int) -> dict[str, float]:
    """Frames a second from the sending of the first that counts to the arrival of the last."""
    kept = sorted(seen)[round(sent * WARM_UP) :]
    seconds = (max(now for _, _, now in kept) - kept[0][1]) / 1e9
    lost = sent - len({number for number, _, _ in seen})
    return {"rate": len(kept) / seconds, "lost": float(lost)}
