"""Taking turns, and going on without a contender that is missing or fails."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from sensorium_benchmarks.contract import (
    Benchmark,
    Better,
    Contender,
    Metric,
    Role,
    Target,
    Workload,
)
from sensorium_benchmarks.report import as_json, unmet
from sensorium_benchmarks.runner import RunFailed, installed_version, launch, measure

WORK = Workload(
    "work",
    "some work",
    "work",
    metrics=(Metric("rate", "1/s", Better.HIGHER),),
    targets=(
        Target("rate", 2.0, "limit", at_least=True),
        Target("rate", 9.0, "peer", at_least=True),
        Target("rate", 1000.0),
    ),
    parameters={"events": 1000, "depth": 7},
)
BENCHMARK = Benchmark(
    name="example",
    title="An example",
    contenders=(
        Contender("limit", Role.LIMIT, "limit"),
        Contender("ours", Role.OURS, "ours"),
        Contender("peer", Role.PEER, "peer", needs="peer-lib", install="peer-lib==1.0", share=0.1),
    ),
    workloads=(WORK,),
)


class Runs:
    """Stands for the processes: gives figures by contender and keeps who was run with what."""

    def __init__(self, **rates: float | Exception) -> None:
        self.rates = rates
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, target: str, parameters: Mapping[str, Any]) -> dict[str, float]:
        name = target.partition(":")[0]
        self.calls.append((name, dict(parameters)))
        rate = self.rates[name]
        if isinstance(rate, Exception):
            raise rate
        return {"rate": rate}


def everything(_: str) -> str:
    return "1.0"


def nothing(_: str) -> str:
    return ""


def test_contenders_take_turns_and_every_other_round_runs_backwards() -> None:
    runs = Runs(limit=1, ours=2, peer=3)
    measure(BENCHMARK, repetitions=3, launch=runs, installed=everything)
    forth = ["limit", "ours", "peer"]
    assert [name for name, _ in runs.calls] == forth + forth[::-1] + forth


def test_a_slow_peer_gets_its_share_of_the_events_only() -> None:
    runs = Runs(limit=1, ours=2, peer=3)
    measure(BENCHMARK, repetitions=1, scale=0.5, launch=runs, installed=everything)
    assert dict(runs.calls) == {
        "limit": {"events": 500, "depth": 7},
        "ours": {"events": 500, "depth": 7},
        "peer": {"events": 50, "depth": 7},
    }


def test_a_missing_peer_is_named_with_what_installs_it_and_the_rest_goes_on() -> None:
    runs = Runs(limit=10, ours=30)
    measured = measure(BENCHMARK, repetitions=2, launch=runs, installed=nothing)
    (workload,) = as_json(BENCHMARK, measured, "sensorium bench example")["workloads"]
    limit, ours, peer = workload["contenders"]
    assert peer["status"] == "not installed"
    assert peer["error"] == "not installed: pip install peer-lib==1.0"
    assert peer["figures"] == {}
    assert limit["ours_divided_by_it"]["rate"]["median"] == 3
    assert ours["figures"]["rate"]["values"] == [30, 30]
    assert [target["met"] for target in workload["targets"]] == [True, None, True]


def test_a_contender_that_fails_is_left_out_from_then_on() -> None:
    runs = Runs(limit=RunFailed("out of memory"), ours=30, peer=10)
    (measured,) = measure(BENCHMARK, repetitions=4, launch=runs, installed=everything)
    limit, ours, _ = measured.results
    assert limit.error == "out of memory"
    assert not limit.measured
    assert len(ours.values["rate"]) == 4
    assert [name for name, _ in runs.calls].count("limit") == 1


def test_missed_targets_are_named() -> None:
    runs = Runs(limit=20, ours=2000, peer=1000)
    measured = measure(BENCHMARK, repetitions=1, launch=runs, installed=everything)
    assert unmet(measured) == ["rate >= 9 x peer", "rate <= 1000"]


def test_a_run_is_a_process_of_its_own() -> None:
    with pytest.raises(RunFailed, match="ModuleNotFoundError: No module named 'no_such_module'"):
        launch("no_such_module:work", {})


def test_a_run_that_gives_a_figure_too_few_is_a_failure() -> None:
    def silent(target: str, parameters: Mapping[str, Any]) -> dict[str, float]:
        return {}

    (measured,) = measure(BENCHMARK, repetitions=1, launch=silent, installed=everything)
    assert "'rate'" in measured.results[0].error


def test_versions_are_those_of_what_is_installed() -> None:
    assert installed_version("pytest") == pytest.__version__
    assert installed_version("no-such-distribution") == ""
