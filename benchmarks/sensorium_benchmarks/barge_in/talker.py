"""The model that our worker hosts: it makes tokens until it is stopped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sensorium import hookimpl
from sensorium.workers import Model, ModelOptions
from sensorium_benchmarks.barge_in.interruptions import tokens


class Talker(Model[Any, Any]):
    """Streams tokens; asked for a result, it says when its last stream was closed (ns)."""

    class Options(ModelOptions):
        """How long a token takes."""

        token_ms: float

    def load(self, device: str) -> None:
        """See :class:`Model`."""
        self._closed: list[int] = []

    def infer(self, batch: Sequence[Any]) -> list[int]:
        """See :class:`Model`."""
        return [self._closed[-1] for _ in batch]

    def stream(self, request: Any) -> Iterator[int]:
        """See :class:`Model`."""
        return tokens(self.options.token_ms, self._closed)


@hookimpl
def sensorium_register_models(registry: Any) -> None:
    """See the hook."""
    registry.add("bench_talker", Talker)
