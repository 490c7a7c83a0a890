"""One agent, three worlds: what was recorded in simulation replays to the same bytes."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from sensorium.cli.replay import replay
from sensorium_sims.suite import play, settings_for

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("planner", "name"),
    [
        ("oracle", "BabyAI-PutNextLocal-v0"),
        ("bearing_follower", "sensorium/AVWorld-AudioGoal-v0"),
        ("random", "sensorium/AVWorld-Refer-v0"),
    ],
)
def test_a_simulated_session_replays_to_the_same_bytes(
    tmp_path: Path, planner: str, name: str
) -> None:
    path = tmp_path / "session.mcap"
    environment = {"id": name, "episodes": 2, "max_steps": 12, "advice": planner == "oracle"}
    recording = {"components": {"recorder": {"options": {"path": str(path)}}}}
    played = asyncio.run(play(settings_for(planner, environment, recording)))
    steps = sum(episode.steps for episode in played.episodes)
    assert steps > 2
    result = CliRunner().invoke(replay, [str(path), "--json"], catch_exceptions=False)
    told = json.loads(result.stdout)
    assert told["divergence"] is None
    assert told["events"] > 3 * steps  # each step: what was observed, a turn, a plan
