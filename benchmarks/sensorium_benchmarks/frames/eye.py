"""The model that our worker hosts: it looks at every frame of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sensorium import hookimpl
from sensorium.workers import Model
from sensorium_benchmarks.frames.frame import look


class Eye(Model[Any, Any]):
    """Answers a frame with its number, when it was sent and when it was here (ns)."""

    def load(self, device: str) -> None:
        """See :class:`Model`."""

    def infer(self, batch: Sequence[Any]) -> list[tuple[int, int, int]]:
        """See :class:`Model`."""
        return [look(frame) for frame in batch]


@hookimpl
def sensorium_register_models(registry: Any) -> None:
    """See the hook."""
    registry.add("bench_eye", Eye)
