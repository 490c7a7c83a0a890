"""What ``sensorium train babyai`` is told of each level, and what its card says of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from sensorium.errors import BadInput
from sensorium_agents.commands.train import train
from sensorium_models.policies.teaching import Course

LEVEL = "BabyAI-GoToRedBallNoDists-v0"


def test_a_level_has_its_own_numbers_and_the_card_gives_the_command_again(tmp_path: Path) -> None:
    asked = [
        "babyai", "--level", f"{LEVEL}=100+50", "--passes", "1", "--rounds", "1",
        "--round-passes", "1", "--vary", "colours", "--vary", "mirror", "--memory", "16",
        "--episodes", "2",
    ]  # fmt: skip
    told = CliRunner().invoke(
        train, [*asked, "--out", str(tmp_path), "--json"], catch_exceptions=False
    )
    assert [found["env"] for found in json.loads(told.stdout)["levels"]] == [LEVEL]
    card = (tmp_path / "policy.md").read_text()
    (command,) = [line for line in card.splitlines() if line.startswith("sensorium train")]
    again = {tuple(part.split()) for part in command.split(" --")[1:]}
    here = {(name.removeprefix("--"), value)
            for name, value in zip(asked[1::2], asked[2::2], strict=True)}  # fmt: skip
    assert again == here | {("seed", "0")}
    assert "varied at random (colours, mirror" in card
    (shown,), (coached,) = (
        [line.split(" | ") for line in card.splitlines() if f"| {LEVEL} |" in line and by in line]
        for by in ("the bot |", "policy, round 1")
    )
    assert (shown[1], coached[1]) == ("100", "50")


@pytest.mark.parametrize("wrong", ["=", "=0", "=x", "=5+", "=5+0", "=+5", "=5+-1"])
def test_numbers_of_a_level_that_are_none_are_named(wrong: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="coached episodes") as raised:
        CliRunner().invoke(
            train,
            ["babyai", "--level", LEVEL + wrong, "--out", str(tmp_path)],
            catch_exceptions=False,
        )
    assert LEVEL + wrong in str(raised.value)
    assert not list(tmp_path.iterdir())


def test_coached_episodes_are_of_levels_that_are_taught() -> None:
    with pytest.raises(BadInput, match="other has coached"):
        Course({LEVEL: 5}, coached_in={"other": 3})
    with pytest.raises(BadInput, match="50,000"):
        Course({LEVEL: 5}, coached_in={LEVEL: 60_000})
