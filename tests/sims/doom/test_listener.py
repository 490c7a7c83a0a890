"""The bundled policies over the bus, and the commands that teach and compare them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from sensorium.errors import MissingDependency
from sensorium_agents.commands.evaluate import evaluate
from sensorium_agents.commands.train import train
from sensorium_agents.embodied import compose
from sensorium_sims.doom import need_sound
from sensorium_sims.suite import play

if TYPE_CHECKING:
    from pathlib import Path

    from sensorium.plugins import Plugins

FIND = "sensorium/DoomFind-v0"
EPISODES = 8


@pytest.fixture(autouse=True)
def sound() -> None:
    try:
        need_sound(FIND)
    except MissingDependency as error:
        pytest.skip(str(error))


async def won(plugins: Plugins, weights: str, unplugged: Any = ()) -> int:
    asked = {"id": FIND, "episodes": EPISODES, "seed": 5000, "max_steps": 50}
    model = {"placement": "inline", "options": {"weights": weights}}
    layer = {"models": {"doom_policy": model}}
    settings = compose("listener", asked, plugins, layer, unplugged=unplugged)
    played = await play(settings, plugins)
    assert [episode.error for episode in played.episodes] == [""] * EPISODES
    return sum(bool(episode.success) for episode in played.episodes)


async def test_who_hears_finds_it_and_who_does_not_guesses(plugins: Plugins) -> None:
    assert await won(plugins, "hearing") >= EPISODES - 2
    assert await won(plugins, "deaf", ["ears", "microphone"]) <= 6
    assert await won(plugins, "hearing", ["ears", "microphone"]) <= 6


def test_teaching_leaves_weights_figures_and_a_card(tmp_path: Path) -> None:
    asked = ["doom", "--deaf", "--seed", "3", "--demos", "2", "--rounds", "0", "--updates", "1",
             "--episodes", "2", "--out", str(tmp_path), "--json"]  # fmt: skip
    done = CliRunner().invoke(train, asked)
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert (found["episodes"], len(found["won"]), found["hearing"]) == (2, 2, False)
    assert found["plan"]["guessing"] is True
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "find-deaf-3.json", "find-deaf-3.md", "find-deaf-3.safetensors",
    ]  # fmt: skip
    card = (tmp_path / "find-deaf-3.md").read_text()
    assert "sensorium train doom --task Find --deaf --teacher guesser --seed 3 --demos 2" in card
    assert json.loads((tmp_path / "find-deaf-3.json").read_text())["won"] == found["won"]


def test_comparing_plays_the_same_episodes() -> None:
    done = CliRunner().invoke(evaluate, ["doom", "--episodes", "3", "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["hearing"]["success_rate"] >= found["deaf"]["success_rate"]
    assert found["hearing"]["episodes"] == found["deaf"]["episodes"] == 3
    assert 0 < found["p_value"] <= 1
    again = CliRunner().invoke(evaluate, ["doom", "--episodes", "1"])
    assert "by the deaf one alone" in again.output
