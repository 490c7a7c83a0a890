"""The planners are components like any other, recorded and replayed like any other."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from click.testing import CliRunner
from hostile_worlds import BLOCKED, register

from sensorium.cli.replay import replay
from sensorium.payloads import Observation
from sensorium.recording.reader import Recording
from sensorium.testing import assert_conforms
from sensorium_agents.embodied import compose
from sensorium_plugins.embodied.language import Language
from sensorium_plugins.embodied.language_skills import LanguageSkills
from sensorium_plugins.embodied.payloads import ActionFailed, Senses
from sensorium_plugins.embodied.subgoals import Subgoals
from sensorium_sims.bridge.payloads import EpisodeStarted
from sensorium_sims.suite import play

if TYPE_CHECKING:
    from pathlib import Path

    from sensorium.plugins import Plugins

WHERE = ("environment", 0, 0)
WORDS = ("left", "right", "forward", "pickup", "drop", "toggle", "done")
VIEW = np.zeros((7, 7, 3), np.float32)
VIEW[:, :, 0] = 1
VIEW[3, 3] = 6, 0, 0
SENSES = Senses(
    *WHERE, 0, 0.0, False, None, None, (), "go to the red ball",
    {"image": Observation(VIEW.ravel())}, {"direction": 0},
)  # fmt: skip
EVENTS = [
    ("sim/environment/0/started", EpisodeStarted(*WHERE, 7, "lab/Maze-v0", "go", WORDS, "D")),
    ("senses/environment/0", SENSES),
]


@pytest.mark.parametrize(
    ("planner", "options", "models"),
    [
        (Subgoals, {"policy": ""}, {}),
        (
            Subgoals,
            {"policy": "walks"},
            {"walks": lambda request: {"action": 2, "memory": np.zeros(1, np.float32)}},
        ),
        (Language, {}, {"language_model": lambda request: {"text": "go forward"}}),
        (Language, {"retries": 1}, {"language_model": lambda request: {"text": "fly"}}),
        (LanguageSkills, {}, {"language_model": lambda request: {"text": "look around"}}),
    ],
)
def test_a_planner_conforms(planner: Any, options: Any, models: Any) -> None:
    assert_conforms(planner, EVENTS, options=options, models=models)


def test_a_session_with_failures_replays_to_the_same_plans(
    bundled: Plugins, tmp_path: Path, capsys: Any
) -> None:
    register()
    path = tmp_path / "session.mcap"
    world = {"id": BLOCKED, "episodes": 2, "seed": 3}
    layer = {
        "components": {
            "recorder": {"options": {"path": str(path)}},
            "planner": {"options": {"policy": ""}},
        }
    }
    played = asyncio.run(play(compose("subgoals", world, bundled, layer), bundled))
    assert [e.success for e in played.episodes] == [True, True]
    result = CliRunner().invoke(replay, [str(path), "--json"], catch_exceptions=False)
    assert json.loads(result.stdout)["divergence"] is None
    with Recording(path) as recording:
        recorded = list(recording.events())
    assert any(isinstance(event.payload, ActionFailed) for event in recorded)
