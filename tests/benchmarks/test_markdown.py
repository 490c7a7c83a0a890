"""The tables as they stand in the docs, and workloads that are not for everybody."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from click.testing import CliRunner

from sensorium_benchmarks import command
from sensorium_benchmarks.contract import (
    Benchmark,
    Better,
    Contender,
    Metric,
    Role,
    Target,
    Workload,
)
from sensorium_benchmarks.runner import RunFailed
from sensorium_plugins.commands.bench import bench

BENCHMARK = Benchmark(
    name="example",
    title="An example",
    contenders=(
        Contender("by hand", Role.LIMIT, "limit"),
        Contender("ours", Role.OURS, "ours"),
        Contender("peer", Role.PEER, "peer", needs="pytest", install="pytest"),
        Contender("gone", Role.PEER, "gone", needs="no-such-lib", install="no-such-lib==1.0"),
        Contender("away", Role.PEER, "away", needs="no-such-lib", debian="no-such-package"),
    ),
    workloads=(
        Workload(
            "all",
            "for everybody",
            "work",
            metrics=(
                Metric("p50", "ms", Better.LOWER, digits=1),
                Metric("lost", "frames", Better.LOWER),
            ),
            targets=(Target("p50", 0.5, "peer"), Target("p50", 1)),
        ),
        Workload(
            "two",
            "for two",
            "work",
            metrics=(Metric("lost", "frames", Better.LOWER),),
            among=("by hand", "ours"),
        ),
    ),
)


def _launch(target: str, parameters: Mapping[str, Any]) -> dict[str, float]:
    name = target.partition(":")[0]
    return {"p50": {"limit": 1.0, "ours": 2.0, "peer": 5.0}[name], "lost": 0}


def test_tables_as_in_the_docs(capsys: pytest.CaptureFixture[str]) -> None:
    status = command.run(
        [BENCHMARK],
        command="sensorium bench example",
        repetitions=2,
        markdown_wanted=True,
        check=True,
        launch=_launch,
    )
    title, made, *lines = [line for line in capsys.readouterr().out.splitlines() if line]
    assert title == "## `example`"
    assert made.startswith("Medians (lowest-highest) of 2 rounds; ")
    assert made.endswith("Command: `sensorium bench example`.")
    assert lines == [
        "| for everybody | p50, ms | ours / it | lost, frames |",
        "|---|---|---|---|",
        "| by hand (limit) | 1.0 | 2.00x | 0 |",
        "| ours | 2.0 |  | 0 |",
        f"| peer {pytest.__version__} | 5.0 | 0.40x | 0 |",
        "| gone | not installed: pip install no-such-lib==1.0 |  |  |",
        "| away | not installed: apt install no-such-package |  |  |",
        "Targets: p50 <= 0.5 x peer: 0.4, met; p50 <= 1: 2, **missed**.",
        "| for two | lost, frames |",
        "|---|---|",
        "| by hand (limit) | 0 |",
        "| ours | 0 |",
    ]
    assert status == 1


def test_a_workload_is_run_by_those_that_can_do_it() -> None:
    calls: list[str] = []

    def launch(target: str, parameters: Mapping[str, Any]) -> dict[str, float]:
        calls.append(target.partition(":")[0])
        raise RunFailed("enough")

    only = Benchmark("example", "", BENCHMARK.contenders, (BENCHMARK.workloads[1],))
    command.run([only], command="", markdown_wanted=True, launch=launch)
    assert calls == ["limit", "ours"]


def test_json_and_markdown_exclude_each_other() -> None:
    result = CliRunner().invoke(bench, ["hops", "--json", "--markdown"])
    assert result.exit_code == 2
    assert "--json and --markdown exclude each other" in result.output
