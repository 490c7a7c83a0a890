"""``sensorium evaluate clip`` and ``train clip`` as commands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from sensorium.errors import ModelUnavailable
from sensorium_agents.commands.evaluate import evaluate
from sensorium_agents.commands.train import train

FEW = ["--pictures", "10", "--pairs", "10", "--groups", "10"]


def test_json_is_one_object_with_each_figure_its_interval_and_its_control(untrained: Path) -> None:
    done = CliRunner().invoke(
        evaluate, ["clip", "--weights", str(untrained), *FEW, "--json"], catch_exceptions=False
    )
    found = json.loads(done.stdout)
    assert found["command"] == f"sensorium evaluate clip --weights {untrained}"
    names = [row["name"] for row in found["rows"]]
    assert len(names) == len(set(names)) == 30
    for row in found["rows"]:
        low, high = row["interval"]
        assert low <= row["value"] <= high
        assert row["n"] >= 10
        assert row["note"]
    assert {row["note"] for row in found["rows"] if "own caption" in row["name"]} == {
        "text only 50.0%"
    }
    assert found["gap"]["distance"] > 0
    assert "zero-shot, seen pairs: 10 pictures" in done.stderr


def test_a_checkpoint_of_another_class_ends_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "vit", "architectures": ["ViTModel"]}')
    with pytest.raises(ModelUnavailable, match="holds ViTModel"):
        CliRunner().invoke(evaluate, ["clip", "--weights", str(tmp_path)], catch_exceptions=False)


def test_the_commands_are_listed_and_explain_themselves() -> None:
    for group, word in ((train, "Train a CLIP"), (evaluate, "Measure a CLIP")):
        assert "clip" in CliRunner().invoke(group, ["--help"]).output
        assert word in CliRunner().invoke(group, ["clip", "--help"]).output
