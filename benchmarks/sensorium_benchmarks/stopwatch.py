"""Timing one stretch of work inside a run, garbage collection included and counted."""

from __future__ import annotations

import gc
import time


class Stopwatch:
    """``with Stopwatch() as watch:`` … then ``watch.seconds`` and ``watch.collections``.

    The collector stays on, as it does in a real program, but starts from a clean heap.
    """

    seconds = 0.0
    collections = 0

    def __enter__(self) -> Stopwatch:
        gc.collect()
        self._collections = _collections()
        self._began = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.perf_counter() - self._began
        self.collections = _collections() - self._collections


def percentile(values: list[float], share: float) -> float:
    """The value below which ``share`` (0 to 1) of ``values`` lie: nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _collections() -> int:
    return sum(int(generation["collections"]) for generation in gc.get_stats())
