"""Suites are data; a row that goes wrong fails its episodes, and the table goes on."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from sensorium import load_plugins
from sensorium.errors import SettingsError, UnknownName
from sensorium_agents.commands.sim import sim
from sensorium_sims.suites import load_suite, suite_names
from sensorium_sims.suites.table import as_markdown, as_text

SUPPORT = Path(__file__).parents[1] / "support"
STEADY = "faulty_environments:sensorium-tests/Steady-v0"
DEADLY = "deadly_environments:sensorium-tests/Deadly-v0"


@pytest.fixture
def faulty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A suite in which nearly everything goes wrong."""
    given = os.environ.get("PYTHONPATH", "")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(SUPPORT), given])))
    path = tmp_path / "faulty.toml"
    path.write_text(f"""
title = "Faults"
episodes = 2
overall = true
overall_published = [{{ who = "nobody | at all", success = 12.5, plus_minus = 1.5 }}]
[agents]
random = "guesses"
[[rows]]
task = "raises"
env = "{STEADY}"
options = {{ fault = "raise" }}
published = [{{ who = "somebody", success = 99.0 }}]
[[rows]]
task = "unknown"
env = "sensorium-tests/Nowhere-v0"
[[rows]]
task = "kills"
env = "{DEADLY}"
episodes = 4
max_steps = 2
[[rows]]
task = "no agent"
env = "{STEADY}"
agents = ["nobody"]
""")
    return path


def invoke(*arguments: Any) -> Any:
    result = CliRunner().invoke(sim, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


def test_what_goes_wrong_fails_its_episodes_and_the_suite_goes_on(faulty: Path) -> None:
    told = json.loads(invoke("suite", faulty, "--json").stdout)
    rows = {row["task"]: row for row in told["rows"]}
    assert list(rows) == ["raises", "unknown", "kills", "no agent"]
    assert rows["raises"]["failed"] == {"EnvironmentFailed": 1}  # of odd seeds
    assert rows["unknown"]["failed"] == {"UnknownName": 2}
    assert "Nowhere-v0" in rows["unknown"]["error"]
    assert (rows["unknown"]["success_rate"], rows["unknown"]["episodes"]) == (0.0, 2)
    assert rows["kills"]["failed"] == {"EnvironmentFailed": 1}
    assert rows["kills"]["success_rate"] == 0.75
    assert "success_rate" not in rows["no agent"]
    assert "no component named 'nobody'" in rows["no agent"]["error"]
    text, page = as_text(told), as_markdown(told)
    for shown in (text, page):
        assert "not run: " in shown
        assert "99.0" in shown
        assert "± 1.5" in shown
        assert "1 EnvironmentFailed" in shown
    assert "nobody \\| at all" in page
    assert all(line.count("|") - line.count("\\|") == 9 for line in page.splitlines())


def test_the_bundled_suites_name_what_there_is() -> None:
    plugins = load_plugins()
    assert {"avworld", "babyai", "balrog", "doom"} <= set(suite_names())
    for name in suite_names():
        suite = load_suite(name)
        assert suite.rows
        for agent in [*suite.agents, *(a for row in suite.rows for a in row.agents)]:
            assert plugins.component(agent).kind == "planner"
        for row in suite.rows:
            assert plugins.environments.find(row.env) is not None, row.env
    (overall,) = [one for one in load_suite("balrog").overall_published if "GPT-4o, t" in one.who]
    assert (overall.success, overall.plus_minus) == (77.6, 3.7)


def test_one_row_of_a_suite_in_words() -> None:
    run = ("suite", "babyai", "--only", "GoToLocal", "--agents", "oracle", "--episodes", 3)
    shown = invoke(*run).stdout
    assert "100.0" in shown
    assert "published: imitation, 1 M demonstrations (BabyAI 1.0)" in shown
    assert "PickupLoc" not in shown


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (["nowhere"], UnknownName, "no suite named 'nowhere'"),
        (["babyai", "--only", "Fly"], UnknownName, "Fly"),
        (["babyai", "--agents", "oracle,nobody"], UnknownName, "nobody"),
    ],
)
def test_mistakes_are_said_first(arguments: list[str], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        CliRunner().invoke(sim, ["suite", *arguments], catch_exceptions=False)


@pytest.mark.parametrize(
    ("text", "words"),
    [("rows = 3", "title"), ("= 3", "is no TOML"), ('title = "x"\nfoo = 1', "foo|episodes")],
)
def test_a_broken_suite_says_what_is_wrong(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=words):
        load_suite(str(path))
