"""A model that says which process it is in."""

from __future__ import annotations

import os
from typing import Any

from sensorium import Model, hookimpl


class Echo(Model[str, str]):
    """Says what it is told, and by whom."""

    def load(self, device: str) -> None:
        """Nothing to load."""

    def infer(self, batch: Any) -> Any:
        return [f"{request} {os.getpid()}" for request in batch]

    def stream(self, request: str) -> Any:
        yield from request


@hookimpl
def sensorium_register_models(registry: Any) -> None:
    registry.add("echo", Echo)
