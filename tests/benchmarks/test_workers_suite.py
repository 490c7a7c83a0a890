"""The benchmarks of the pool with next to no work: that they run and answer rightly."""

from __future__ import annotations

import os
from typing import Any

import pytest

from sensorium_benchmarks.contract import Contender, Role, Workload
from sensorium_benchmarks.recovery import BENCHMARK as RECOVERY
from sensorium_benchmarks.recovery.deaths import Death
from sensorium_benchmarks.runner import installed_version, launch
from sensorium_benchmarks.workers import BENCHMARK as WORKERS
from sensorium_benchmarks.workers.models import LAYERS, make, width

FEW: dict[str, Any] = {"requests": 128, "deaths": 1}
HEAVY = ("ray", "dora-rs")  # seconds to start
FULL = os.environ.get("SENSORIUM_SOAK") == "1"


def _cases(*, heavy: bool) -> list[Any]:
    return [
        pytest.param(contender, workload, id=f"{contender.name}-{benchmark.name}-{workload.name}")
        for benchmark in (WORKERS, RECOVERY)
        for workload in benchmark.workloads
        for contender in benchmark.contenders
        if (not workload.among or contender.name in workload.among)
        and (contender.needs in HEAVY) == heavy
        and workload.name in ("callers_small", "alone", "default", "warm")
        and not (heavy and workload.name == "alone")
    ]


def _run(contender: Contender, workload: Workload) -> None:
    few = {name: FEW[name] for name in workload.parameters if name in FEW}
    parameters = {**workload.parameters, **few}
    figures = launch(f"{contender.module}:{workload.function}", parameters)
    assert set(figures) == {metric.name for metric in workload.metrics}
    assert all(figures[m.name] > 0 for m in workload.metrics if m.better.value != "neither")


@pytest.mark.parametrize(("contender", "workload"), _cases(heavy=False))
def test_the_pool_and_its_neighbours_are_measured(contender: Contender, workload: Workload) -> None:
    _run(contender, workload)


@pytest.mark.skipif(not FULL, reason="only with SENSORIUM_SOAK=1: they take long to start")
@pytest.mark.parametrize(("contender", "workload"), _cases(heavy=True))
def test_a_peer_that_takes_long_to_start_is_measured(
    contender: Contender, workload: Workload
) -> None:
    assert contender.role is Role.PEER
    if not installed_version(contender.needs):
        pytest.skip(f"{contender.needs} is not installed")
    _run(contender, workload)


@pytest.mark.parametrize("model", ["tiny", *LAYERS])
def test_a_batch_is_answered_as_its_requests_would_be(model: str) -> None:
    np = pytest.importorskip("numpy")
    infer = make(model)
    batch = list(np.random.default_rng(0).standard_normal((5, width(model)), np.float32))
    together, alone = infer(batch), [infer([vector])[0] for vector in batch]
    np.testing.assert_allclose(together, alone, rtol=1e-3, atol=1e-4)


def test_an_answer_of_the_dead_is_an_error() -> None:
    killed: list[tuple[int, int]] = []
    death = Death(7, lambda pid, number: killed.append((pid, number)))
    assert killed == [(7, 9)]
    assert death.until(8) >= 0
    with pytest.raises(RuntimeError, match="process 7 answered after it was killed"):
        death.until(7)
