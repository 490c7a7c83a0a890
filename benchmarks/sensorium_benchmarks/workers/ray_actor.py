"""ray: an actor with a method, awaited from the event loop; its documented way."""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sensorium_benchmarks.workers.load import Ask, alone_of, throughput_of

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = "0"

import ray  # isort: skip

from sensorium_benchmarks.workers.models import Vector, make

STORE = 100 * 1024 * 1024  # bytes of shared memory


def callers(callers: int, requests: int, model: str) -> dict[str, float]:
    """Many at the same time."""
    return throughput_of(_opened, callers, requests, model)


def alone(requests: int, model: str) -> dict[str, float]:
    """One."""
    return alone_of(_opened, requests, model)


class _Actor:
    def __init__(self, model: str) -> None:
        self._infer = make(model)

    def infer(self, vector: Vector) -> Any:
        return self._infer([vector])[0]


@asynccontextmanager
async def _opened(model: str) -> AsyncIterator[Ask]:
    ray.init(
        num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=STORE,
        logging_level=logging.ERROR,
    )  # fmt: skip
    try:
        remote: Any = ray.remote  # its types want a plugin
        actor = remote(_Actor).remote(model)

        async def ask(vector: Vector) -> Any:
            return await actor.infer.remote(vector)

        yield ask
    finally:
        ray.shutdown()
