"""The models of this benchmark as our pool hosts them; loaded in its workers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sensorium import hookimpl
from sensorium.workers import Model, ModelOptions
from sensorium_benchmarks.workers.models import make


class Numpy(Model[Any, Any]):
    """One of :func:`~sensorium_benchmarks.workers.models.make`."""

    class Options(ModelOptions):
        """Which."""

        model: str = "tiny"

    def load(self, device: str) -> None:
        """Make its weights."""
        self._infer = make(self.options.model)

    def infer(self, batch: Sequence[Any]) -> Sequence[Any]:
        """As many results as vectors."""
        return self._infer(batch)


@hookimpl
def sensorium_register_models(registry: Any) -> None:
    """Offer it."""
    registry.add("numpy", Numpy)
