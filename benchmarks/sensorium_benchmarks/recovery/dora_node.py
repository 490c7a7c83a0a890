"""dora: a worker node that is restarted when it fails, and a client node that kills it."""

from __future__ import annotations

from pathlib import Path

from sensorium_benchmarks.dora_flow import run_flow
from sensorium_benchmarks.recovery.deaths import figures

_HERE = Path(__file__).parent


def recover(deaths: int) -> dict[str, float]:
    """Kill and ask until somebody answers."""
    worker = {
        "id": "worker",
        "path": str(_HERE / "dora_worker.py"),
        "inputs": {"question": "client/question"},
        "outputs": ["answer"],
        "restart_policy": "on-failure",
        "max_restarts": deaths + 5,
    }
    client = {
        "id": "client",
        "path": str(_HERE / "dora_client.py"),
        "inputs": {"answer": "worker/answer"},
        "outputs": ["question"],
    }
    left = run_flow([worker, client], {"deaths": deaths})
    return figures(left["client"])


recover_cold = recover
