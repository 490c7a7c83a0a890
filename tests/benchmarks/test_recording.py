"""The recording benchmark, with next to no work: that it runs and that all write the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from mcap.reader import make_reader

from sensorium_benchmarks.contract import Workload
from sensorium_benchmarks.recording import (
    BENCHMARK,
    content,
    mcap_recording,
    raw_file,
    sensorium_recording,
)

CONTENDERS = {
    "raw file": raw_file, "sensorium": sensorium_recording, "mcap": mcap_recording,
}  # fmt: skip


@pytest.mark.parametrize("workload", BENCHMARK.workloads, ids=lambda workload: workload.name)
@pytest.mark.parametrize("name", list(CONTENDERS))
def test_each_is_measured(name: str, workload: Workload) -> None:
    if workload.among and name not in workload.among:
        pytest.skip("it cannot do that")
    parameters = {**workload.parameters, **dict.fromkeys(workload.scaled, 3)}
    if "seconds" in parameters:
        parameters["seconds"] = 0.3
    figures = getattr(CONTENDERS[name], workload.function)(**parameters)
    assert figures.keys() >= {metric.name for metric in workload.metrics}
    assert figures.get("rate", 1) > 0
    assert figures.get("lost", 0) == 0


def test_ours_and_theirs_hold_the_same_messages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def kept() -> Iterator[Path]:
        yield tmp_path

    monkeypatch.setattr(content, "folder", kept)
    found: list[list[Any]] = []
    for module in (sensorium_recording, mcap_recording):
        module.frames(12, "zstd")
        with (tmp_path / "bench").open("rb") as file:
            messages = make_reader(file, validate_crcs=True).iter_messages()
            found.append([(one.log_time, one.publish_time, one.data) for _, _, one in messages])
        (tmp_path / "bench").unlink()
    assert found[0] == found[1]
    assert len(found[0]) == 12
