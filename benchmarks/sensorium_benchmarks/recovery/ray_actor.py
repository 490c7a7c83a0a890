"""ray: an actor that is restarted when its process ends, and called again."""

from __future__ import annotations

import logging
import os
import time
from typing import Any

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

import ray

from sensorium_benchmarks.recovery.deaths import PAUSE_S, Death, figures

STORE = 100 * 1024 * 1024  # bytes of shared memory


class Who:
    """Says which process it runs in."""

    def ask(self) -> int:
        """The process id."""
        return os.getpid()


def recover(deaths: int) -> dict[str, float]:
    """Kill and ask again."""
    ray.init(
        num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=STORE,
        logging_level=logging.ERROR,
    )  # fmt: skip
    waits = []
    try:
        remote: Any = ray.remote(max_restarts=-1, max_task_retries=-1)  # its types want a plugin
        actor = remote(Who).remote()
        pid: int = ray.get(actor.ask.remote())
        for _ in range(deaths):
            time.sleep(PAUSE_S)
            death = Death(pid)
            pid = ray.get(actor.ask.remote())
            waits.append(death.until(pid))
    finally:
        ray.shutdown()
    return figures(waits)
