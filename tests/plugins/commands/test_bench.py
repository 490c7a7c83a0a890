"""``sensorium bench``: what it prints, what it refuses, how it ends."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from sensorium.errors import MissingDependency, UnknownName
from sensorium_plugins.commands import bench as command
from sensorium_plugins.commands.bench import bench, load_suite


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, float]]:
    """Figures by module, in place of processes; an absent module fails its run."""
    load_suite(command.CHECKOUT)
    from sensorium_benchmarks import command as suite_command
    from sensorium_benchmarks import runner

    figures: dict[str, dict[str, float]] = {}

    def launch(target: str, parameters: Mapping[str, Any]) -> dict[str, float]:
        module = target.partition(":")[0].rpartition(".")[2]
        if module not in figures:
            raise runner.RunFailed("no such luck")
        return figures[module]

    run = suite_command.run

    def quick(*args: Any, **options: Any) -> int:
        return run(*args, **options, launch=launch)

    monkeypatch.setattr(suite_command, "run", quick)
    return figures


def call(*arguments: str) -> Result:
    return CliRunner().invoke(bench, list(arguments))


def test_json_holds_every_value_with_the_machine(runs: dict[str, dict[str, float]]) -> None:
    runs["startup_limit"] = {"time": 0.1, "heavy": 0}
    runs["startup"] = {"time": 0.2, "heavy": 0}
    result = call("startup", "--json", "--repeat", "2")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert document["machine"]["cores"] >= 1
    (benchmark,) = document["benchmarks"]
    assert benchmark["name"] == "startup"
    first = benchmark["workloads"][0]
    assert {"name", "title", "parameters", "metrics", "contenders", "targets"} == set(first)
    limit, ours = first["contenders"]
    assert ours["figures"]["time"] == {
        "median": 0.2, "low": 0.2, "high": 0.2, "values": [0.2, 0.2],
    }  # fmt: skip
    assert limit["ours_divided_by_it"]["time"]["median"] == 2
    assert first["targets"][0] == {"target": "time <= 0.3", "value": 0.2, "met": True}


def test_a_missed_target_fails_only_where_it_is_asked(runs: dict[str, dict[str, float]]) -> None:
    runs["startup_limit"] = {"time": 0.1, "heavy": 0}
    runs["startup"] = {"time": 99.0, "heavy": 0}
    assert call("startup", "--repeat", "1").exit_code == 0
    result = call("startup", "--repeat", "1", "--check")
    assert result.exit_code == 1
    assert "missed time <= 0.3" in result.stdout


def test_our_own_failure_fails_the_command_and_is_shown(
    runs: dict[str, dict[str, float]],
) -> None:
    runs["startup_limit"] = {"time": 0.1, "heavy": 0}
    result = call("startup", "--repeat", "1")
    assert result.exit_code == 1
    assert "failed: no such luck" in result.stdout


def test_an_unknown_name_lists_those_there_are(runs: dict[str, dict[str, float]]) -> None:
    error = call("bsu").exception
    assert isinstance(error, UnknownName)
    assert "Did you mean 'bus'?" in str(error)


def test_options_of_wer_are_refused_elsewhere(
    runs: dict[str, dict[str, float]], tmp_path: Path
) -> None:
    result = call("bus", "--prompts", str(tmp_path))
    assert result.exit_code == 2
    assert "--prompts is an option of the benchmark wer" in result.output


def test_without_a_checkout_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(MissingDependency, match="benchmarks folder of a checkout"):
        load_suite(tmp_path)
