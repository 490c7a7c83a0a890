"""The embodied agent, put together from settings and run from the command line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from sensorium import load_plugins
from sensorium.errors import BadInput, UnknownName
from sensorium_agents.commands.sim import sim
from sensorium_agents.commands.train import train
from sensorium_agents.embodied import compose

if TYPE_CHECKING:
    from pathlib import Path

    from sensorium.plugins import Plugins

LEVEL = "BabyAI-GoToLocal-v0"
REFER = "sensorium/AVWorld-Refer-v0"


@pytest.fixture(scope="module")
def plugins() -> Plugins:
    return load_plugins()


def ran(*arguments: str) -> dict[str, Any]:
    result = CliRunner().invoke(
        sim, ["run", *arguments, "--json", "--full"], catch_exceptions=False
    )
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def used(settings: Any) -> dict[str, str]:
    return {name: component.use or name for name, component in settings.components.items()}


def test_what_a_planner_takes_decides_what_is_put_around_it(plugins: Plugins) -> None:
    plain = {"environment": "environment", "planner": "random", "act": "environment_actuator"}
    assert used(compose("random", {"id": LEVEL}, plugins)) == plain
    sensing = used(compose("policy", {"id": LEVEL}, plugins))
    assert sensing == plain | {"planner": "policy", "senses": "senses"}
    three = compose("policy", {"id": LEVEL, "count": 3}, plugins)
    assert [n for n, use in used(three).items() if use == "senses"] == [
        "senses-0", "senses-1", "senses-2",
    ]  # fmt: skip
    advised = compose("oracle", {"id": LEVEL}, plugins).components["environment"]
    assert advised.options["advice"] is True
    with pytest.raises(UnknownName, match="nobody"):
        compose("nobody", {"id": LEVEL}, plugins)


def test_in_real_time_a_slow_planner_gets_the_newest_senses(plugins: Plugins) -> None:
    settings = compose("follow_sound", {"id": REFER, "mode": "free", "rate_hz": 10}, plugins)
    assert str(settings.components["planner"].takes["senses"].policy).startswith("latest")


def test_the_bundled_policy_does_what_it_is_told_and_nothing_without_words() -> None:
    asked = (LEVEL, "--agent", "policy", "--episodes", "48", "--seed", "7000", "--max-steps", "25")
    told = ran(*asked)
    assert told["success_rate"] > 0.9
    assert told["failed"] == {}
    deaf = ran(*asked, "--unplug", "text")
    assert deaf["success_rate"] < 0.5
    assert deaf["failed"] == {}


def test_side_by_side_the_policy_keeps_its_episodes_apart() -> None:
    asked = (LEVEL, "--agent", "policy", "--episodes", "9", "--seed", "7000")
    one, three = ran(*asked), ran(*asked, "--count", "3")
    for key in ("success_rate", "mean_steps", "mean_reward"):
        assert one[key] == pytest.approx(three[key])


def test_an_agent_in_a_file_is_given_the_senses_it_takes(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('[models.babyai_policy]\nplacement = "inline"\n[components.policy]\n')
    asked = ("--episodes", "5", "--seed", "7000")
    by_name = ran(LEVEL, "--agent", "policy", *asked)
    by_file = ran(LEVEL, "--agent", str(path), *asked)
    assert by_file["mean_steps"] == by_name["mean_steps"]
    assert by_file["success_rate"] == by_name["success_rate"]


def test_unplugging_is_refused_where_nothing_would_be_unplugged() -> None:
    arguments = ["run", LEVEL, "--agent", "random", "--unplug", "text"]
    with pytest.raises(BadInput, match="random does not"):
        CliRunner().invoke(sim, arguments, catch_exceptions=False)


def test_train_teaches_evaluates_and_writes_a_card_that_tells(tmp_path: Path) -> None:
    level = "BabyAI-GoToRedBallNoDists-v0"
    arguments = [
        "babyai", "--level", level, "--demos", "200", "--passes", "2", "--episodes", "4",
        "--out", str(tmp_path), "--json",
    ]  # fmt: skip
    result = CliRunner().invoke(train, arguments, catch_exceptions=False)
    (found,) = json.loads(result.stdout)["levels"]
    assert found["episodes"] == 4
    card = (tmp_path / "policy.md").read_text()
    assert f"sensorium train babyai --level {level} --demos 200 --seed 0" in card
    assert "95 % interval" in card
    again = tmp_path / "agent.toml"
    weights = tmp_path / "policy.safetensors"
    again.write_text(
        f'[models.babyai_policy.options]\nweights = "{weights}"\n[components.policy]\n'
    )
    repeated = ran(level, "--agent", str(again), "--episodes", "4")
    assert repeated["mean_steps"] == found["mean_steps"]
    assert repeated["success_rate"] == found["success_rate"]


def test_what_the_runtime_adds_is_measured_on_equal_episodes_of_a_learned_policy() -> None:
    asked = ("overhead", LEVEL, "--episodes", "2", "--runs", "1", "--json")
    result = CliRunner().invoke(sim, asked)
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["steps"] >= 2
    assert found["plain_loop_ms"] > 0
    assert found["overhead_share"] == pytest.approx(
        found["overhead_ms"] / found["plain_loop_ms"], abs=1e-3
    )
