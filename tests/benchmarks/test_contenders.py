"""Every contender of frames, freshness, hops and barge-in, with next to no work."""

from __future__ import annotations

from typing import Any

import pytest

from sensorium_benchmarks import barge_in, frames, freshness, hops
from sensorium_benchmarks.contract import Benchmark, Contender, Role, Workload
from sensorium_benchmarks.runner import installed_version, launch

SMALL: dict[str, dict[str, Any]] = {
    "hops": {"events": 40},
    "frames": {"frames": 24, "width": 320, "height": 240},
    "freshness": {"frames": 36, "rate_hz": 120, "busy_ms": 25},
    "barge-in": {"times": 3},
}
CASES = [
    pytest.param(
        benchmark, contender, workload, id=f"{benchmark.name}-{workload.name}-{contender.name}"
    )
    for benchmark in (hops.BENCHMARK, frames.BENCHMARK, freshness.BENCHMARK, barge_in.BENCHMARK)
    for workload in benchmark.workloads
    for contender in benchmark.contenders
    if not workload.among or contender.name in workload.among
    if benchmark.name != "frames" or workload.name.startswith("vga")
]


@pytest.mark.parametrize(("benchmark", "contender", "workload"), CASES)
def test_it_is_measured_and_counts_right(
    benchmark: Benchmark, contender: Contender, workload: Workload
) -> None:
    if contender.needs and not installed_version(contender.needs):
        pytest.skip(f"{contender.needs} is not installed")
    small = {**workload.parameters, **SMALL[benchmark.name]}
    figures = launch(f"{contender.module}:{workload.function}", small, time_limit_s=30)
    assert set(figures) == {metric.name for metric in workload.metrics}
    if "p50" in figures:
        assert 0 < figures["p50"] <= figures["p99"]
    if "lost" in figures and contender.name != "dora":  # which has no bound that keeps
        assert figures["lost"] == 0
    if "sent" in figures:
        assert figures["sent"] == small["frames"]
        assert figures["sent"] == figures["used"] + figures["dropped"] + figures["left"]
        if contender.role is not Role.PEER:
            assert figures["left"] == 0
            assert figures["dropped"] > figures["used"] > 0
    if "cleared" in figures:
        assert figures["cleared"] == small["queued"]
