"""The benchmarks themselves, with next to no work: that they run, not how fast."""

from __future__ import annotations

from pathlib import Path

import pytest

from sensorium_benchmarks import wer
from sensorium_benchmarks.bus import BENCHMARK as BUS
from sensorium_benchmarks.contract import Benchmark, Contender, Role, Workload
from sensorium_benchmarks.runner import installed_version, launch
from sensorium_benchmarks.suite import BENCHMARKS

CASES = [
    pytest.param(contender, workload, id=f"{contender.name}-{workload.name}")
    for contender in BUS.contenders
    for workload in BUS.workloads
    if contender.role is not Role.PEER
]


@pytest.mark.parametrize("benchmark", BENCHMARKS.values(), ids=list(BENCHMARKS))
def test_each_benchmark_has_one_of_ours_and_names_what_its_targets_speak_of(
    benchmark: Benchmark,
) -> None:
    assert [one.role for one in benchmark.contenders].count(Role.OURS) == 1
    names = {one.name for one in benchmark.contenders}
    for workload in benchmark.workloads:
        metrics = {metric.name for metric in workload.metrics}
        assert {target.metric for target in workload.targets} <= metrics
        assert {target.against for target in workload.targets} <= names | {""}
    peers = [one for one in benchmark.contenders if one.role is Role.PEER]
    assert all(
        bool(one.install or one.debian) == bool(one.needs) for one in peers
    )  # or it is written here


@pytest.mark.parametrize(("contender", "workload"), CASES)
def test_the_bus_is_measured(contender: Contender, workload: Workload) -> None:
    parameters = {**workload.parameters, "events": 150}
    figures = launch(f"{contender.module}:{workload.function}", parameters)
    assert set(figures) == {metric.name for metric in workload.metrics}


@pytest.mark.parametrize(
    "contender",
    [one for one in BUS.contenders if one.role is Role.PEER],
    ids=lambda contender: contender.name,
)
def test_a_peer_that_is_installed_is_measured(contender: Contender) -> None:
    if not installed_version(contender.needs):
        pytest.skip(f"{contender.needs} is not installed")
    figures = launch(f"{contender.module}:throughput", {"consumers": 2, "events": 50})
    assert figures["rate"] > 0


@pytest.mark.models
def test_word_errors_of_a_few_prompts(tmp_path: Path) -> None:
    header, *rows = (wer.PROMPTS / "transcripts.tsv").read_text(encoding="utf-8").splitlines()
    table = "\n".join([header, *[f"{wer.PROMPTS}/{row}" for row in rows[:4]]])
    (tmp_path / "transcripts.tsv").write_text(table, encoding="utf-8")
    figures = wer.recognise(str(tmp_path), wer.MODEL)
    assert figures["utterances"] == 4
    assert figures["wer_low"] <= figures["wer"] <= figures["wer_high"]
    assert figures["wer"] <= 10.0  # one word of these in ten
