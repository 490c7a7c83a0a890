"""docs/sims.md is true: its Python runs, its settings play, its options exist."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from sensorium.settings import load_settings
from sensorium_agents.commands.sim import sim
from sensorium_sims.bridge.payloads import EpisodeStarted
from sensorium_sims.suite import play

if TYPE_CHECKING:
    from sensorium.plugins import Plugins

PAGE = (Path(__file__).parents[2] / "docs" / "sims.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_the_python_of_the_page_runs() -> None:
    code = "\n".join(blocks("python"))
    assert "AVWorld" in code
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


async def test_the_agent_of_the_page_plays(plugins: Plugins) -> None:
    (block,) = blocks("toml")
    result = await play(load_settings(overrides=tomllib.loads(block), environ={}), plugins)
    assert [episode.error for episode in result.episodes] == [""] * 3


@pytest.mark.parametrize(
    ("command", "begins", "ends"),
    [
        ("run", "## Commands", "## Suites"),
        ("suite", "## Suites", "## Reports"),
        ("report", "## Reports", "## Environments"),
    ],
)
def test_the_options_of_the_page_are_those_of_the_command(
    command: str, begins: str, ends: str
) -> None:
    shown = CliRunner().invoke(sim, [command, "--help"]).output
    options = set(re.findall(r"--[a-z][a-z-]*", shown)) - {"--help"}
    section = PAGE.partition(begins)[2].partition(ends)[0]
    told = set(re.findall(r"--[a-z][a-z-]*", section))
    assert options <= told
    assert told - options <= {"--workers", "--full", "--json"}  # of the commands beside it


def test_the_payloads_of_the_page_are_registered(plugins: Plugins) -> None:
    assert plugins.payloads.get("sim.episode_started") is EpisodeStarted
    for name in re.findall(r"\| (\w+): ", PAGE):
        assert any(plugins.payloads.get(held).__name__ == name for held in plugins.payloads)


def test_links_lead_somewhere() -> None:
    anchors = {h.lower().replace(" ", "-") for h in re.findall(r"^#+ (.*)", PAGE, re.M)}
    for target in re.findall(r"\]\(([^)]+)\)", PAGE):
        if target.startswith("#"):
            assert target[1:] in anchors, target
        else:
            assert (Path(__file__).parents[2] / "docs" / target).exists(), target
